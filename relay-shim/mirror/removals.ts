/** What commits took out of a snapshot's packs: marked in a small row a pack, until its bytes are erased. */
import { PACK_GARBAGE_BYTES } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import type { GenerationKeys, Rows } from './keys.ts'
import { type Place, offsetOf, packOf } from './pack-index.ts'

export interface Removal {
  readonly place: Place
  readonly entryBytes: number
  readonly isRecord: boolean
}

interface Removed {
  readonly offsets: ReadonlySet<number>
  readonly bytes: number
  readonly hasRecord: boolean
}
type RemovedRow = Omit<Removed, 'offsets'> & { readonly offsets: readonly number[] }

export class Removals {
  readonly #keys: GenerationKeys
  readonly #packs: Map<number, Removed>

  static async open(storage: RoomStorage, keys: GenerationKeys): Promise<Removals> {
    const rows = await storage.list<RemovedRow>({ prefix: keys.allRemoved })
    const packs = [...rows].map(
      ([key, row]) => [Number(key.slice(keys.allRemoved.length)), { ...row, offsets: new Set(row.offsets) }] as const,
    )
    return new Removals(keys, new Map(packs))
  }

  private constructor(keys: GenerationKeys, packs: Map<number, Removed>) {
    this.#keys = keys
    this.#packs = packs
  }

  has(place: Place): boolean {
    return this.#packs.get(packOf(place))?.offsets.has(offsetOf(place)) ?? false
  }

  /** Offsets of what is marked in a pack. */
  of(pack: number): ReadonlySet<number> | undefined {
    return this.#packs.get(pack)?.offsets
  }

  /** A pack in which enough is marked, or a record: who deletes one wants it gone. */
  due(): number | undefined {
    for (const [pack, { bytes, hasRecord }] of this.#packs) if (hasRecord || bytes >= PACK_GARBAGE_BYTES) return pack
    return undefined
  }

  /** The rows that mark `removals`, beside what is marked. */
  rows(removals: readonly Removal[]): Rows {
    const rows: Rows = {}
    for (const [pack, removed] of this.#with(removals)) rows[this.#keys.removed(pack)] = { ...removed, offsets: [...removed.offsets] }
    return rows
  }

  /** In the turn in which these rows are written. */
  add(removals: readonly Removal[]): void {
    for (const [pack, removed] of this.#with(removals)) this.#packs.set(pack, removed)
  }

  /** The bytes of a pack's marked blocks are erased. @returns the row that goes with them */
  erased(pack: number): string {
    this.#packs.delete(pack)
    return this.#keys.removed(pack)
  }

  #with(removals: readonly Removal[]): Map<number, Removed> {
    const after = new Map<number, Removed>()
    for (const [pack, own] of Map.groupBy(removals, ({ place }) => packOf(place))) {
      const before = this.#packs.get(pack) ?? { offsets: new Set<number>(), bytes: 0, hasRecord: false }
      after.set(pack, {
        offsets: new Set([...before.offsets, ...own.map(({ place }) => offsetOf(place))]),
        bytes: own.reduce((sum, { entryBytes }) => sum + entryBytes, before.bytes),
        hasRecord: before.hasRecord || own.some(({ isRecord }) => isRecord),
      })
    }
    return after
  }
}
