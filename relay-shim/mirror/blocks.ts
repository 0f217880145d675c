/** The repo's blocks in storage: a row each for what commits brought, packs for what came with a snapshot. The caches may be lost at any time. */
import { BLOCK_CACHE_BYTES } from '../../wire/limits.ts'
import type { RoomStorage, StorageValue } from '../port.ts'
import { concat } from '../../wire/bytes.ts'
import { type GenerationKeys, type Rows, cut, generationKeys, joinPieces } from './keys.ts'
import { type PackRange, Packs } from './packs.ts'

export interface StoredBlock {
  /** rev of the commit that brought it: what `getRepo` goes by when it is asked for what came `since`. */
  readonly rev: string
  readonly bytes: Uint8Array
}

/** The repo as it was when this was made, whatever commits take out of it. */
export interface HeldBlocks {
  /** Missing ones are left out. */
  getMany(cids: readonly string[]): Promise<Map<string, StoredBlock>>
  /** A node and all below it in one run of CAR entries, where they lie so. */
  rangeOf(cid: string): Promise<{ readonly rev: string; readonly range: PackRange } | null>
  /** Views, never to be changed. */
  read(range: PackRange): AsyncIterable<Uint8Array>
  letGo(): void
}

const REV_BYTES = 13
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class Blocks {
  readonly #storage: RoomStorage
  readonly #cache = new Map<string, StoredBlock>()
  #cachedBytes = 0
  /** What commits took out while somebody still reads the repo as it was before them. */
  readonly #dropped = new Map<string, StoredBlock>()
  #readers = 0
  /** Grows with each block that goes: what is on its way from storage meanwhile is not remembered. */
  #drops = 0
  #keys: GenerationKeys
  #packs: Packs

  constructor(storage: RoomStorage, generation: number) {
    this.#storage = storage
    this.#keys = generationKeys(generation)
    this.#packs = new Packs(storage, this.#keys)
  }

  /** Of the snapshot that this generation began with. */
  get packs(): Packs {
    return this.#packs
  }

  /** Another generation took over. */
  turnTo(generation: number): void {
    this.#packs.close()
    this.#keys = generationKeys(generation)
    this.#packs = new Packs(this.#storage, this.#keys)
    this.#cache.clear()
    this.#cachedBytes = 0
  }

  async get(cid: string): Promise<StoredBlock | undefined> {
    return this.#recall(cid) ?? (await this.getMany([cid])).get(cid)
  }

  /** Missing ones are left out. */
  getMany(cids: readonly string[]): Promise<Map<string, StoredBlock>> {
    return this.#read(cids, this.#packs, false)
  }

  async #read(cids: readonly string[], packs: Packs, isHeld: boolean): Promise<Map<string, StoredBlock>> {
    const keys = this.#keys
    const drops = this.#drops
    const found = new Map<string, StoredBlock>()
    const unknown: string[] = []
    for (const cid of cids) {
      const block = this.#recall(cid) ?? (isHeld ? this.#dropped.get(cid) : undefined)
      if (block) found.set(cid, block)
      else unknown.push(cid)
    }
    if (unknown.length === 0) return found
    const packed = await packs.getMany(unknown, isHeld)
    for (const [cid, bytes] of packed.found) found.set(cid, { rev: packed.rev, bytes })
    const missing = unknown.filter((cid) => !found.has(cid))
    if (missing.length === 0) return found
    const rows = await this.#storage.getMany<Uint8Array | number>(missing.map(keys.block))
    for (const cid of missing) {
      const row = rows.get(keys.block(cid))
      if (row === undefined) continue
      const bytes = typeof row === 'number' ? await joinPieces(this.#storage, keys.block(cid), row) : row
      const block = readRow(bytes)
      found.set(cid, block)
      if (drops === this.#drops && keys === this.#keys) this.#remember(cid, block)
    }
    return found
  }

  /** Remembers the block and returns the rows that store it. */
  rows(cid: string, block: StoredBlock): Rows {
    const own = { rev: block.rev, bytes: block.bytes.slice() }
    this.#remember(cid, own)
    return blockRows(this.#keys, cid, own)
  }

  /** A commit takes the block out; `row` is what storage has of it. */
  drop(cid: string, row: StorageValue | undefined): void {
    this.#drops += 1
    if (this.#readers > 0 && row instanceof Uint8Array) this.#dropped.set(cid, readRow(row))
    this.#forget(cid)
  }

  /** What commits take out from now on can still be read, until it is let go. */
  hold(): HeldBlocks {
    const packs = this.#packs
    let isHeld = true
    this.#readers += 1
    packs.hold()
    return {
      getMany: (cids) => this.#read(cids, packs, true),
      rangeOf: (cid) => packs.rangeOf(cid),
      read: (range) => packs.read(range),
      letGo: () => {
        if (!isHeld) return
        isHeld = false
        packs.letGo()
        this.#readers -= 1
        if (this.#readers === 0) this.#dropped.clear()
      },
    }
  }

  #forget(cid: string): void {
    const block = this.#cache.get(cid)
    if (block && this.#cache.delete(cid)) this.#cachedBytes -= sizeOf(block)
  }

  #recall(cid: string): StoredBlock | undefined {
    const block = this.#cache.get(cid)
    // Re-inserting makes the Map's order that of use. The young need no moving: only a full cache evicts.
    if (block && this.#cachedBytes > BLOCK_CACHE_BYTES / 2) {
      this.#cache.delete(cid)
      this.#cache.set(cid, block)
    }
    return block
  }

  #remember(cid: string, block: StoredBlock): void {
    this.#forget(cid)
    this.#cache.set(cid, block)
    this.#cachedBytes += sizeOf(block)
    for (const oldest of this.#cache.keys()) {
      if (this.#cachedBytes <= BLOCK_CACHE_BYTES) break
      this.#forget(oldest)
    }
  }
}

export const blockRows = (keys: GenerationKeys, cid: string, { rev, bytes }: StoredBlock): Rows =>
  cut(keys.block(cid), concat([encoder.encode(rev), bytes]))

const readRow = (row: Uint8Array): StoredBlock => ({ rev: decoder.decode(row.subarray(0, REV_BYTES)), bytes: row.subarray(REV_BYTES) })

/** Strings, objects and the map entry cost about this much beside the bytes. */
const ENTRY_OVERHEAD_BYTES = 200
const sizeOf = (block: StoredBlock): number => block.bytes.length + ENTRY_OVERHEAD_BYTES
