/**
 * Where each packed block lies: eight bytes a block, sorted by the beginning of its digest. What is found that way is only a candidate: beside the block
 * stands its whole CID.
 */
import { MAX_PACKED_BLOCKS } from '../../wire/limits.ts'
import { Refused } from '../refused.ts'
import { CID_BYTES, writeCid } from './cid.ts'

/** Pack and offset in one number of 32 bits, in the order of the snapshot: packs are at most 128 KiB, or hold one block at offset 0. */
export type Place = number
const OFFSET_BITS = 17
const MAX_PACKS = 2 ** (32 - OFFSET_BITS)
export const placeOf = (pack: number, offset: number): Place => pack * 2 ** OFFSET_BITS + offset
export const packOf = (place: Place): number => place >>> OFFSET_BITS
export const offsetOf = (place: Place): number => place & (2 ** OFFSET_BITS - 1)

/** Version, codec, hash function and hash length stand before the digest. */
const DIGEST_AT = 4
export const prefixAt = (bytes: Uint8Array, cidAt: number): number => {
  const at = cidAt + DIGEST_AT
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}

/** null: a CID of a kind that no repo has. */
export const packedCid = (cid: string): Uint8Array | null => {
  const bytes = new Uint8Array(CID_BYTES)
  try {
    writeCid(cid, bytes, 0)
    return bytes
  } catch {
    return null
  }
}

/** Pairs of place and prefix: as one number of 64 bits, little-endian as everywhere where workerd runs, they sort by the prefix, then by the place. */
const ENTRY_BYTES = 8
const FIRST_CAPACITY = 4096

export class PackIndexBuilder {
  #entries = new BigUint64Array(FIRST_CAPACITY)
  #halves = new Uint32Array(this.#entries.buffer)
  #count = 0

  /** @throws Refused TooLarge */
  add(prefix: number, place: Place): void {
    if (this.#count === MAX_PACKED_BLOCKS || packOf(place) === MAX_PACKS - 1)
      throw new Refused('TooLarge', 'The repo has more blocks than this room can mirror.')
    if (this.#count === this.#entries.length) {
      const grown = new BigUint64Array(Math.min(2 * this.#count, MAX_PACKED_BLOCKS))
      grown.set(this.#entries)
      this.#entries = grown
      this.#halves = new Uint32Array(grown.buffer)
    }
    this.#halves[2 * this.#count] = place
    this.#halves[2 * this.#count + 1] = prefix
    this.#count += 1
  }

  build(): PackIndex {
    const entries = this.#entries.subarray(0, this.#count).sort()
    return new PackIndex(new Uint8Array(entries.buffer, 0, this.#count * ENTRY_BYTES))
  }
}

export class PackIndex {
  /** As it is stored. */
  readonly bytes: Uint8Array
  readonly #halves: Uint32Array
  readonly #count: number

  /** @param bytes aligned to four bytes */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#halves = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    this.#count = bytes.byteLength / ENTRY_BYTES
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** Places of all blocks whose digest begins so, in order. */
  *candidates(prefix: number): Generator<Place> {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#prefix(middle) < prefix) low = middle + 1
      else high = middle
    }
    for (let i = low; i < this.#count && this.#prefix(i) === prefix; i++) yield this.#place(i)
  }

  /** Places of blocks that share their prefix with another, most of them because they are the same block, in order. */
  shared(): Place[] {
    const places: Place[] = []
    for (let i = 0; i < this.#count; i++) {
      const prefix = this.#prefix(i)
      if ((i > 0 && this.#prefix(i - 1) === prefix) || (i + 1 < this.#count && this.#prefix(i + 1) === prefix)) places.push(this.#place(i))
    }
    return places.sort((a, b) => a - b)
  }

  #place(i: number): Place {
    return this.#halves[2 * i] ?? 0
  }

  #prefix(i: number): number {
    return this.#halves[2 * i + 1] ?? 0
  }
}
