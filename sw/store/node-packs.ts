/**
 * The tree of an imported repo: its nodes in pre-order, many to a row, found by an index that fits in memory. Nodes that left the tree since stay in their
 * pack until the next import: a few bytes each, where deleting them would cost a row each.
 */
import type { Store } from './open.ts'

const DIGEST_BYTES = 32
/** For each node: the first 8 bytes of its digest, its pack, where its bytes begin (behind the digest), how many they are. Sorted by digest. */
const INDEX_WORDS = 5
/** Row of the index; packs are numbered from 1. */
const INDEX_ROW = 0
/** Packs kept in memory: a walk goes through them one after the other, a commit down one path of a few. */
const CACHED_PACKS = 48

export class NodePacks {
  readonly #store: Store
  readonly #generation: number
  #index: Promise<Uint32Array> | null = null
  readonly #packs = new Map<number, Promise<Uint8Array | undefined>>()

  constructor(store: Store, generation: number) {
    this.#store = store
    this.#generation = generation
  }

  /** @param digest sha-256, 32 bytes */
  async find(digest: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (digest.length !== DIGEST_BYTES) return undefined
    this.#index ??= this.#store
      .get('nodePacks', [this.#generation, INDEX_ROW])
      .then((row) => (row instanceof Uint32Array ? row : new Uint32Array(0)))
    const index = await this.#index
    for (let at = search(index, digest); sameStart(index, at, digest); at += INDEX_WORDS) {
      const [pack = 0, start = 0, length = 0] = index.subarray(at + 2, at + INDEX_WORDS)
      const bytes = await this.#pack(pack)
      if (bytes && isEqual(bytes.subarray(start - DIGEST_BYTES, start), digest)) return bytes.slice(start, start + length)
    }
    return undefined
  }

  #pack(number: number): Promise<Uint8Array | undefined> {
    const known = this.#packs.get(number)
    // What was used last goes last.
    this.#packs.delete(number)
    const pack =
      known ?? this.#store.get('nodePacks', [this.#generation, number]).then((row) => (row instanceof Uint8Array ? row : undefined))
    this.#packs.set(number, pack)
    pack.catch(() => this.#packs.delete(number))
    const [oldest] = this.#packs.keys()
    if (this.#packs.size > CACHED_PACKS && oldest !== undefined) this.#packs.delete(oldest)
    return pack
  }
}

/** Packs nodes as they come; `flush` gives what is full. */
export class NodePacker {
  readonly #entries: Array<readonly [high: number, low: number, pack: number, start: number, length: number]> = []
  #parts: Uint8Array[] = []
  #size = 0
  #pack = 1

  add(digest: Uint8Array, bytes: Uint8Array): void {
    const view = new DataView(digest.buffer, digest.byteOffset)
    this.#entries.push([view.getUint32(0), view.getUint32(4), this.#pack, this.#size + DIGEST_BYTES, bytes.length])
    this.#parts.push(digest, bytes)
    this.#size += DIGEST_BYTES + bytes.length
  }

  get size(): number {
    return this.#size
  }

  get count(): number {
    return this.#entries.length
  }

  /** The pack so far, and its number; the next begins empty. */
  take(): { readonly number: number; readonly bytes: Uint8Array<ArrayBuffer> } {
    const bytes = new Uint8Array(this.#size)
    let at = 0
    for (const part of this.#parts) {
      bytes.set(part, at)
      at += part.length
    }
    this.#parts = []
    this.#size = 0
    return { number: this.#pack++, bytes }
  }

  index(): { readonly number: number; readonly bytes: Uint32Array<ArrayBuffer> } {
    this.#entries.sort((a, b) => a[0] - b[0] || a[1] - b[1])
    const bytes = new Uint32Array(this.#entries.length * INDEX_WORDS)
    for (const [at, entry] of this.#entries.entries()) bytes.set(entry, at * INDEX_WORDS)
    return { number: INDEX_ROW, bytes }
  }
}

/** Place of the first entry that is not before `digest`. */
const search = (index: Uint32Array, digest: Uint8Array): number => {
  const view = new DataView(digest.buffer, digest.byteOffset)
  const [high, low] = [view.getUint32(0), view.getUint32(4)]
  let [from, to] = [0, index.length / INDEX_WORDS]
  while (from < to) {
    const middle = (from + to) >>> 1
    const [h = 0, l = 0] = [index[middle * INDEX_WORDS], index[middle * INDEX_WORDS + 1]]
    if (h < high || (h === high && l < low)) from = middle + 1
    else to = middle
  }
  return from * INDEX_WORDS
}

const sameStart = (index: Uint32Array, at: number, digest: Uint8Array): boolean => {
  const view = new DataView(digest.buffer, digest.byteOffset)
  return index[at] === view.getUint32(0) && index[at + 1] === view.getUint32(4)
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at])
