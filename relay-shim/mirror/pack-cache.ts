/** Packs as they lie in storage, the last used ones in memory. */
import { PACK_CACHE_BYTES } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import { type GenerationKeys, cut, joinPieces } from './keys.ts'

export class PackCache {
  readonly #storage: RoomStorage
  readonly #keys: GenerationKeys
  readonly #packs = new Map<number, Uint8Array>()
  #bytes = 0
  /** How often each was replaced: what was on its way from storage meanwhile is out of date. */
  readonly #replaced = new Map<number, number>()

  constructor(storage: RoomStorage, keys: GenerationKeys) {
    this.#storage = storage
    this.#keys = keys
  }

  /** Those that are there, and keeps them. Nobody changes them. */
  async get(numbers: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
    return this.#load(numbers, (number, pack) => this.#remember(number, pack))
  }

  /** The same for whoever reads each once. */
  async pass(numbers: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
    return this.#load(numbers, () => {})
  }

  /** Grows when one of them is replaced. */
  version(numbers: readonly number[]): number {
    return numbers.reduce((sum, number) => sum + (this.#replaced.get(number) ?? 0), 0)
  }

  /** `after` is as long as `before`; null: nothing is left of it. The writes are issued before this returns. */
  replace(number: number, before: Uint8Array, after: Uint8Array | null): Promise<void> {
    const key = this.#keys.pack(number)
    this.#replaced.set(number, (this.#replaced.get(number) ?? 0) + 1)
    this.#forget(number)
    if (!after) return this.#storage.delete(Object.keys(cut(key, before)))
    this.#remember(number, after)
    return this.#storage.put(cut(key, after))
  }

  async #load(numbers: readonly number[], keep: (number: number, pack: Uint8Array) => void): Promise<ReadonlyMap<number, Uint8Array>> {
    for (;;) {
      const version = this.version(numbers)
      const packs = await this.#read(numbers)
      if (version !== this.version(numbers)) continue
      for (const [number, pack] of packs) keep(number, pack)
      return packs
    }
  }

  async #read(numbers: readonly number[]): Promise<Map<number, Uint8Array>> {
    const missing = numbers.filter((number) => !this.#packs.has(number))
    const rows =
      missing.length === 0 ? new Map<string, never>() : await this.#storage.getMany<Uint8Array | number>(missing.map(this.#keys.pack))
    const packs = new Map<number, Uint8Array>()
    for (const number of numbers) {
      const key = this.#keys.pack(number)
      const row = this.#packs.get(number) ?? rows.get(key)
      if (row !== undefined) packs.set(number, typeof row === 'number' ? await joinPieces(this.#storage, key, row) : row)
    }
    return packs
  }

  /** The Map's order is that of use. */
  #remember(number: number, pack: Uint8Array): void {
    this.#forget(number)
    this.#packs.set(number, pack)
    this.#bytes += pack.length
    for (const oldest of this.#packs.keys()) {
      if (this.#bytes <= PACK_CACHE_BYTES) break
      this.#forget(oldest)
    }
  }

  #forget(number: number): void {
    this.#bytes -= this.#packs.get(number)?.length ?? 0
    this.#packs.delete(number)
  }
}
