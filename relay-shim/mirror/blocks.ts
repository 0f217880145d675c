/** The repo's blocks in storage, with a cache in memory that may be lost at any time. */
import { BLOCK_CACHE_BYTES } from '../../wire/limits.ts'
import type { RoomStorage, StorageValue } from '../port.ts'
import { concat } from '../../wire/bytes.ts'
import { type GenerationKeys, type Rows, cut, generationKeys, pieceKey } from './keys.ts'

export interface StoredBlock {
  /** rev of the commit that brought it: what `getRepo` goes by when it is asked for what came `since`. */
  readonly rev: string
  readonly bytes: Uint8Array
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
  #keys: GenerationKeys

  constructor(storage: RoomStorage, generation: number) {
    this.#storage = storage
    this.#keys = generationKeys(generation)
  }

  /** Another generation took over. */
  turnTo(generation: number): void {
    this.#keys = generationKeys(generation)
    this.#cache.clear()
    this.#cachedBytes = 0
  }

  async get(cid: string): Promise<StoredBlock | undefined> {
    return this.#recall(cid) ?? (await this.getMany([cid])).get(cid)
  }

  /** Missing ones are left out. */
  async getMany(cids: readonly string[]): Promise<Map<string, StoredBlock>> {
    const keys = this.#keys
    const found = new Map<string, StoredBlock>()
    const missing: string[] = []
    for (const cid of cids) {
      const block = this.#recall(cid) ?? this.#dropped.get(cid)
      if (block) found.set(cid, block)
      else missing.push(cid)
    }
    if (missing.length === 0) return found
    const rows = await this.#storage.getMany<Uint8Array | number>(missing.map(keys.block))
    for (const cid of missing) {
      const row = rows.get(keys.block(cid))
      if (row === undefined) continue
      const bytes = typeof row === 'number' ? await joinPieces(this.#storage, keys.block(cid), row) : row
      const block = readRow(bytes)
      found.set(cid, block)
      if (keys === this.#keys) this.#remember(cid, block)
    }
    return found
  }

  /** Remembers the block and returns the rows that store it. */
  rows(cid: string, block: StoredBlock): Rows {
    const own = { rev: block.rev, bytes: block.bytes.slice() }
    this.#remember(cid, own)
    return cut(this.#keys.block(cid), concat([encoder.encode(own.rev), own.bytes]))
  }

  /** A commit takes the block out; `row` is what storage has of it. */
  drop(cid: string, row: StorageValue | undefined): void {
    if (this.#readers > 0 && row instanceof Uint8Array) this.#dropped.set(cid, readRow(row))
    this.#forget(cid)
  }

  /** From now until the returned function is called, blocks that commits take out can still be read. */
  hold(): () => void {
    let held = true
    this.#readers += 1
    return () => {
      if (!held) return
      held = false
      this.#readers -= 1
      if (this.#readers === 0) this.#dropped.clear()
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

export const joinPieces = async (storage: RoomStorage, key: string, count: number): Promise<Uint8Array> => {
  const keys = Array.from({ length: count }, (_, i) => pieceKey(key, i))
  const rows = await storage.getMany<Uint8Array>(keys)
  return concat(keys.map((each) => rows.get(each) ?? new Uint8Array(0)))
}

const readRow = (row: Uint8Array): StoredBlock => ({ rev: decoder.decode(row.subarray(0, REV_BYTES)), bytes: row.subarray(REV_BYTES) })

/** Strings, objects and the map entry cost about this much beside the bytes. */
const ENTRY_OVERHEAD_BYTES = 200
const sizeOf = (block: StoredBlock): number => block.bytes.length + ENTRY_OVERHEAD_BYTES
