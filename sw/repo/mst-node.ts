/**
 * A node of the MST straight from its bytes, in the one form it may have: whatever is encoded otherwise would have another CID when it is written anew.
 * @see https://atproto.com/specs/repository#mst-structure
 */
import { CID_BYTES, CID_PREFIX } from '../store/packs.ts'

export interface MstNode {
  /** CIDs are 36 bytes, views on the node. */
  readonly left: Uint8Array | null
  readonly entries: readonly MstEntry[]
}

export interface MstEntry {
  readonly key: string
  readonly value: Uint8Array
  readonly right: Uint8Array | null
}

/** The bytes are no node, or not in the canonical form. */
export class MalformedNode extends Error {
  override readonly name = 'MalformedNode'
}

/** Keys come out strictly ascending. @throws MalformedNode */
export const parseNode = (bytes: Uint8Array): MstNode => {
  const cursor = new Cursor(bytes)
  cursor.expect(MAP_2, ...E)
  const count = cursor.length(ARRAY)
  const entries: MstEntry[] = []
  let previous = ''
  for (let at = 0; at < count; at += 1) {
    cursor.expect(MAP_4, ...K)
    const suffix = cursor.text(cursor.length(BYTES))
    cursor.expect(...P)
    const prefix = cursor.length(UINT)
    const key = previous.slice(0, prefix) + suffix
    // The prefix is as long as it can be: only then is there one way to write a node.
    if (prefix > previous.length || key <= previous || (prefix < previous.length && previous[prefix] === suffix[0]))
      throw new MalformedNode(`keys out of order, or not shortened as they should be, at ${key}`)
    cursor.expect(...T)
    const right = cursor.cidOrNull()
    cursor.expect(...V)
    entries.push({ key, value: cursor.cid(), right })
    previous = key
  }
  cursor.expect(...L)
  const left = cursor.cidOrNull()
  cursor.end()
  return { left, entries }
}

const [UINT, BYTES, ARRAY] = [0x00, 0x40, 0x80]
const [MAP_2, MAP_4, NULL] = [0xa2, 0xa4, 0xf6]
const [E, L, K, P, T, V] = ['e', 'l', 'k', 'p', 't', 'v'].map((name) => [0x61, name.charCodeAt(0)]) as [
  number[],
  number[],
  number[],
  number[],
  number[],
  number[],
]
/** Tag 42, 37 bytes, the identity multibase, then the CID. */
const LINK = [0xd8, 0x2a, 0x58, 0x25, 0x00]

class Cursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  expect(...expected: readonly number[]): void {
    for (const byte of expected) if (this.#bytes[this.#at++] !== byte) throw new MalformedNode(`unexpected byte at ${this.#at - 1}`)
  }

  /** The number in a CBOR head of the given type, in its shortest form. */
  length(type: number): number {
    const head = this.#bytes[this.#at++] ?? 0xff
    const small = head - type
    if (small >= 0 && small < 24) return small
    const [first = 0, second = 0] = this.#bytes.subarray(this.#at, this.#at + 2)
    if (small === 24 && first >= 24) {
      this.#at += 1
      return first
    }
    const long = first * 256 + second
    if (small !== 25 || long < 256) throw new MalformedNode(`unexpected byte at ${this.#at - 1}`)
    this.#at += 2
    return long
  }

  text(length: number): string {
    if (this.#at + length > this.#bytes.length || length > MAX_KEY_CHARS) throw new MalformedNode('a key that is too long')
    let text = ''
    for (const end = this.#at + length; this.#at < end; this.#at += 1) text += String.fromCharCode(this.#bytes[this.#at] ?? 0)
    return text
  }

  cid(): Uint8Array {
    this.expect(...LINK)
    const cid = this.#bytes.subarray(this.#at, this.#at + CID_BYTES)
    this.expect(...CID_PREFIX)
    this.#at += CID_BYTES - CID_PREFIX.length
    if (cid.length < CID_BYTES) throw new MalformedNode('it ends in the middle')
    return cid
  }

  cidOrNull(): Uint8Array | null {
    if (this.#bytes[this.#at] !== NULL) return this.cid()
    this.#at += 1
    return null
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new MalformedNode('something follows it')
  }
}

/** @see https://atproto.com/specs/repository#repo-paths: a path is at most 1024 bytes. */
const MAX_KEY_CHARS = 1024
