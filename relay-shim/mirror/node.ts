/**
 * One node of the Merkle Search Tree as DAG-CBOR, read and written by hand: the form is fixed, so a reader that accepts nothing but the
 * canonical bytes is both the fastest and the strictest, and a node that two encoders would write differently is refused.
 * @see https://atproto.com/specs/repository#mst-structure
 */
import { sha256 } from '@noble/hashes/sha2'
import { CID_BYTES, cidAt, cidToBytes } from './cid.ts'

/** Subtree, entry, subtree, entry, …, subtree: `subtrees` is one longer than `keys`. */
export interface TreeNode {
  readonly keys: readonly string[]
  readonly values: readonly string[]
  readonly subtrees: readonly (string | null)[]
}

/** @throws if the bytes are not the canonical form of a node with ascending, valid keys. */
export const parseNode = (block: Uint8Array): TreeNode => new NodeReader(block).node()

export const writeNode = (node: TreeNode): Uint8Array<ArrayBuffer> => {
  const bytes: number[] = [MAP | 2, TEXT | 1, LETTER_E]
  pushLength(bytes, ARRAY, node.keys.length)
  let previous = ''
  for (const [i, key] of node.keys.entries()) {
    const shared = sharedPrefix(previous, key)
    bytes.push(MAP | 4, TEXT | 1, LETTER_K)
    pushLength(bytes, BYTES, key.length - shared)
    for (let at = shared; at < key.length; at++) bytes.push(key.charCodeAt(at))
    bytes.push(TEXT | 1, LETTER_P)
    pushLength(bytes, UINT, shared)
    bytes.push(TEXT | 1, LETTER_T)
    pushLink(bytes, node.subtrees[i + 1] ?? null)
    bytes.push(TEXT | 1, LETTER_V)
    pushLink(bytes, node.values[i] ?? null)
    previous = key
  }
  bytes.push(TEXT | 1, LETTER_L)
  pushLink(bytes, node.subtrees[0] ?? null)
  return Uint8Array.from(bytes)
}

/** How high in the tree a key lives: leading zeros of its hash, in pairs of bits. */
export const layerOf = (key: string): number => {
  const hash = sha256(key)
  let layer = 0
  for (const byte of hash) {
    if (byte !== 0) return layer + (byte < 4 ? 3 : byte < 16 ? 2 : byte < 64 ? 1 : 0)
    layer += 4
  }
  return layer
}

const KEY_FORM = /^[a-zA-Z0-9_~\-:.]+\/[a-zA-Z0-9_~\-:.]+$/
const MAX_KEY_CHARACTERS = 1024
export const isTreeKey = (key: string): boolean => key.length <= MAX_KEY_CHARACTERS && KEY_FORM.test(key)

const UINT = 0x00
const BYTES = 0x40
const TEXT = 0x60
const ARRAY = 0x80
const MAP = 0xa0
const NULL = 0xf6
/** Tag 42, then a byte string of 37: a zero and the CID. @see https://ipld.io/specs/codecs/dag-cbor/spec/#links */
const LINK = [0xd8, 0x2a, 0x58, CID_BYTES + 1, 0x00]
const [LETTER_E, LETTER_K, LETTER_L, LETTER_P, LETTER_T, LETTER_V] = [0x65, 0x6b, 0x6c, 0x70, 0x74, 0x76] as const

const pushLength = (bytes: number[], major: number, length: number): void => {
  if (length < 24) bytes.push(major | length)
  else if (length < 0x100) bytes.push(major | 24, length)
  else bytes.push(major | 25, length >> 8, length & 0xff)
}

const pushLink = (bytes: number[], cid: string | null): void => {
  if (cid === null) bytes.push(NULL)
  else bytes.push(...LINK, ...cidToBytes(cid))
}

const sharedPrefix = (a: string, b: string): number => {
  let length = 0
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return length
}

class NodeReader {
  readonly #block: Uint8Array
  #at = 0

  constructor(block: Uint8Array) {
    this.#block = block
  }

  node(): TreeNode {
    const keys: string[] = []
    const values: string[] = []
    const subtrees: (string | null)[] = [null]
    this.#expect(MAP | 2)
    this.#field(LETTER_E)
    const count = this.#length(ARRAY)
    let previous = ''
    for (let i = 0; i < count; i++) {
      this.#expect(MAP | 4)
      this.#field(LETTER_K)
      const suffix = this.#characters(this.#length(BYTES))
      this.#field(LETTER_P)
      const shared = this.#length(UINT)
      const key = previous.slice(0, shared) + suffix
      if (shared > previous.length || sharedPrefix(previous, key) !== shared) throw new Error('tree node: prefix is not the longest')
      if (key <= previous || !isTreeKey(key)) throw new Error('tree node: keys are not ascending record paths')
      this.#field(LETTER_T)
      subtrees.push(this.#link())
      this.#field(LETTER_V)
      const value = this.#link()
      if (value === null) throw new Error('tree node: entry without a value')
      keys.push(key)
      values.push(value)
      previous = key
    }
    this.#field(LETTER_L)
    subtrees[0] = this.#link()
    if (this.#at !== this.#block.length) throw new Error('tree node: bytes after its end')
    return { keys, values, subtrees }
  }

  #next(): number {
    const byte = this.#block[this.#at++]
    if (byte === undefined) throw new Error('tree node: too short')
    return byte
  }

  #expect(byte: number): void {
    if (this.#next() !== byte) throw new Error('tree node: not in canonical form')
  }

  #field(letter: number): void {
    this.#expect(TEXT | 1)
    this.#expect(letter)
  }

  #length(major: number): number {
    const head = this.#next()
    const short = head - major
    if (short >= 0 && short < 24) return short
    if (short === 24) {
      const length = this.#next()
      if (length >= 24) return length
    } else if (short === 25) {
      const length = (this.#next() << 8) | this.#next()
      if (length >= 0x100) return length
    }
    throw new Error('tree node: not in canonical form')
  }

  #characters(count: number): string {
    const end = this.#at + count
    if (end > this.#block.length) throw new Error('tree node: too short')
    const text = String.fromCharCode(...this.#block.subarray(this.#at, end))
    this.#at = end
    return text
  }

  #link(): string | null {
    if (this.#block[this.#at] === NULL) {
      this.#at++
      return null
    }
    for (const byte of LINK) this.#expect(byte)
    const cid = cidAt(this.#block, this.#at)
    this.#at += CID_BYTES
    return cid
  }
}
