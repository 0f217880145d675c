/**
 * Where the blocks of an import wait until all have come, because a CAR may bring them in any order. They are appended to packs; packs beyond
 * STAGED_MEMORY_BYTES lie in the store. Nodes and records have packs of their own: the tree is read before any record is.
 */
import { sha256 } from '@noble/hashes/sha2'
import { release } from '../../wire/bytes.ts'
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_IMPORT_BLOCKS, STAGED_MEMORY_BYTES, STAGED_PACK_BYTES } from '../../wire/limits.ts'
import { putStaged, readStaged } from '../store/generation.ts'
import type { Store } from '../store/open.ts'
import type { IncomingBlock } from './car-reader.ts'

/** Number of a block, in the order they came. */
export type Place = number

interface Pack {
  readonly bytes: Uint8Array<ArrayBuffer>
  used: number
}

const DIGEST_BYTES = 32

export class Staging {
  readonly #store: Store
  /** By digest, as a string of 32 bytes. */
  readonly #places = new Map<string, Place>()
  #digests = new Uint8Array(DIGEST_BYTES * 1024)
  /** For each place: pack, offset, length. */
  #spans = new Uint32Array(3 * 1024)
  readonly #open: { node: number | null; record: number | null } = { node: null, record: null }
  readonly #packs = new Map<number, Pack>()
  readonly #spilled = new Set<number>()
  #lastPack = 0

  constructor(store: Store) {
    this.#store = store
  }

  /** @throws XrpcError 400 `InvalidRequest` when a block is not what its hash says, or when there are too many. */
  async add(blocks: readonly IncomingBlock[]): Promise<void> {
    if (this.#places.size + blocks.length > MAX_IMPORT_BLOCKS) throw invalidRequest(`Invalid CAR: more than ${MAX_IMPORT_BLOCKS} blocks`)
    for (const block of blocks) {
      const key = keyOf(block.digest)
      if (this.#places.has(key)) continue
      checkHash(block)
      this.#append(key, block)
    }
    await this.#spill()
  }

  find(digest: Uint8Array): Place | undefined {
    return this.#places.get(keyOf(digest))
  }

  digest(place: Place): Uint8Array {
    return this.#digests.subarray(place * DIGEST_BYTES, (place + 1) * DIGEST_BYTES)
  }

  length(place: Place): number {
    return this.#spans[place * 3 + 2] ?? 0
  }

  async read(place: Place): Promise<Uint8Array> {
    return (await this.#view(place)).slice()
  }

  /** Many at once, each pack read once: one behind the other, in the order asked for. */
  async readAll(places: readonly Place[]): Promise<Uint8Array<ArrayBuffer>> {
    let size = 0
    const starts = places.map((place) => (size += this.length(place)) - this.length(place))
    const found = new Uint8Array(size)
    const byPack = places.map((_, at) => at).sort((a, b) => this.#packOf(places[a]) - this.#packOf(places[b]))
    for (const at of byPack) found.set(await this.#view(places[at] ?? 0), starts[at])
    return found
  }

  /** Good until the next `await`: a pack is let go of when another is read. */
  async #view(place: Place): Promise<Uint8Array> {
    const [number = 0, start = 0, length = 0] = this.#spans.subarray(place * 3, place * 3 + 3)
    const pack = this.#packs.get(number) ?? (await this.#load(number))
    return pack.bytes.subarray(start, start + length)
  }

  #packOf(place: Place | undefined): number {
    return this.#spans[(place ?? 0) * 3] ?? 0
  }

  #append(key: string, { digest, bytes }: IncomingBlock): void {
    const kind = isNodeLike(bytes) ? 'node' : 'record'
    let number = this.#open[kind]
    let pack = number === null ? undefined : this.#packs.get(number)
    if (number === null || !pack || pack.used + bytes.length > pack.bytes.length) {
      number = this.#lastPack += 1
      pack = { bytes: new Uint8Array(Math.max(STAGED_PACK_BYTES, bytes.length)), used: 0 }
      this.#packs.set(number, pack)
      this.#open[kind] = number
    }
    pack.bytes.set(bytes, pack.used)
    const place = this.#places.size
    if ((place + 1) * 3 > this.#spans.length) {
      const spans = new Uint32Array(this.#spans.length * 2)
      spans.set(this.#spans)
      this.#spans = spans
      const digests = new Uint8Array(this.#digests.length * 2)
      digests.set(this.#digests)
      this.#digests = digests
    }
    this.#digests.set(digest, place * DIGEST_BYTES)
    this.#spans.set([number, pack.used, bytes.length], place * 3)
    pack.used += bytes.length
    this.#places.set(key, place)
  }

  /** What came first goes first. */
  async #spill(): Promise<void> {
    for (const [number, pack] of this.#packs) {
      if (this.#packs.size * STAGED_PACK_BYTES <= STAGED_MEMORY_BYTES) return
      if (number === this.#open.node || number === this.#open.record) continue
      if (!this.#spilled.has(number)) await putStaged(this.#store, number, pack.bytes)
      this.#spilled.add(number)
      this.#packs.delete(number)
      release(pack.bytes)
    }
  }

  async #load(number: number): Promise<Pack> {
    const bytes = await readStaged(this.#store, number)
    if (!bytes) throw new TypeError(`staged pack ${number} is gone`)
    const pack = { bytes, used: bytes.length }
    this.#packs.set(number, pack)
    await this.#spill()
    return pack
  }
}

/** A node is the map {e, l}; a record that looks like one is found all the same. */
const isNodeLike = (bytes: Uint8Array): boolean => bytes[0] === 0xa2 && bytes[1] === 0x61 && bytes[2] === 0x65

const keyOf = (digest: Uint8Array): string => String.fromCharCode.apply(null, digest as unknown as number[])

/** WebCrypto would be a little faster, but each call leaves half a kilobyte behind until the browser collects it. */
const checkHash = ({ digest, bytes }: IncomingBlock): void => {
  const hash = sha256(bytes)
  for (let at = 0; at < hash.length; at += 1)
    if (hash[at] !== digest[at]) throw invalidRequest('Invalid CAR: a block is not what its CID says')
}
