/**
 * The blocks of a snapshot in packs, in the order of the tree, so that what is read together lies together. Commits put nothing here: what they bring lies in
 * rows of its own (`blocks.ts`), what they take out is marked at once and erased soon after.
 */
import { PACK_READ_BATCH, STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import { downloadShare } from '../downloads.ts'
import type { RoomStorage } from '../port.ts'
import { CID_BYTES, cidAt } from './cid.ts'
import { type GenerationKeys, type Rows, joinPieces } from './keys.ts'
import { parseNode } from './node.ts'
import { PackCache } from './pack-cache.ts'
import { PackIndex, type Place, offsetOf, packOf, packedCid, prefixAt } from './pack-index.ts'
import { readIndexRow } from './pack-writer.ts'
import { type Removal, Removals } from './removals.ts'

/** A run of CAR entries: from the one at `first` through the one at `last`. */
export interface PackRange {
  readonly first: Place
  readonly last: Place
  readonly lastBytes: number
}

interface PackedBlock {
  readonly place: Place
  /** With its length and CID, as a CAR has it. */
  readonly entryBytes: number
  /** A view into the pack. */
  readonly bytes: Uint8Array
}

interface Opened {
  readonly rev: string
  readonly index: PackIndex
  readonly removals: Removals
}

export class Packs {
  readonly #storage: RoomStorage
  readonly #keys: GenerationKeys
  readonly #cache: PackCache
  #opening: Promise<Opened> | null = null
  #readers = 0
  /** By commits that landed while somebody reads the repo as it was before them. */
  readonly #removedUnderReaders = new Set<Place>()
  #isErasing = false
  #isClosed = false

  constructor(storage: RoomStorage, keys: GenerationKeys) {
    this.#storage = storage
    this.#keys = keys
    this.#cache = new PackCache(storage, keys)
  }

  /** What is here of `cids`, and the rev that brought it. With `held`, as it was when the readers of now began. */
  async getMany(
    cids: readonly string[],
    held: boolean,
  ): Promise<{ readonly rev: string; readonly found: ReadonlyMap<string, Uint8Array> }> {
    const opened = await this.#open()
    const found = new Map<string, Uint8Array>()
    await this.#search(opened, cids, held, (cid, { bytes }) => {
      // A view would keep the whole pack in memory.
      found.set(cid, bytes.slice())
      return false
    })
    return { rev: opened.rev, found }
  }

  /** All places of each block that is here: a record stands at each of its paths. */
  async locate(cids: readonly string[]): Promise<Map<string, Omit<Removal, 'isRecord'>[]>> {
    const found = new Map<string, Omit<Removal, 'isRecord'>[]>()
    await this.#search(await this.#open(), cids, false, (cid, { place, entryBytes }) => {
      const places = found.get(cid) ?? []
      places.push({ place, entryBytes })
      found.set(cid, places)
      return true
    })
    return found
  }

  /**
   * A node and all below it as one run, for those who hold the repo; null if it is not known to be one. Of a node that never left the tree nothing below has
   * left it either: the run is whole, and all of it is to be shown.
   */
  async rangeOf(cid: string): Promise<{ readonly rev: string; readonly range: PackRange } | null> {
    const opened = await this.#open()
    const first = await this.#only(opened, cid)
    let last = first
    for (let isNode = true; last && isNode;) {
      const { subtrees, values } = parseNode(last.bytes)
      const subtree = subtrees.at(-1) ?? null
      const below = subtree ?? values.at(-1)
      if (below === undefined) break
      isNode = subtree !== null
      last = await this.#only(opened, below)
    }
    return first && last && { rev: opened.rev, range: { first: first.place, last: last.place, lastBytes: last.entryBytes } }
  }

  /** Views into packs, some of them read ahead. @throws when another snapshot has taken this one's place */
  async *read({ first, last, lastBytes }: PackRange): AsyncGenerator<Uint8Array> {
    const end = packOf(last) + 1
    const load = (from: number) => {
      // Half of what a download may hold is on its way to the client, half is read ahead.
      const count = Math.floor(downloadShare() / 2 / STORAGE_VALUE_BYTES)
      const to = Math.min(end, from + Math.max(1, Math.min(PACK_READ_BATCH, count)))
      const packs = this.#cache.pass(Array.from({ length: to - from }, (_, i) => from + i))
      // A reader that gives up never looks at it.
      packs.catch(() => {})
      return { to, packs }
    }
    for (let from = packOf(first), ahead = load(from); from < end;) {
      const { to, packs: loading } = ahead
      const packs = await loading
      if (to < end) ahead = load(to)
      for (let number = from; number < to; number++) {
        const pack = packs.get(number)
        if (!pack || this.#isClosed) throw new Error('mirror: the snapshot that was read is gone')
        yield pack.subarray(
          number === packOf(first) ? offsetOf(first) : 0,
          number === packOf(last) ? offsetOf(last) + lastBytes : pack.length,
        )
      }
      from = to
    }
  }

  /** Until it is let go, what commits take out stays readable for those who hold it. */
  hold(): void {
    this.#readers += 1
  }

  letGo(): void {
    this.#readers -= 1
    if (this.#readers > 0) return
    this.#removedUnderReaders.clear()
    void this.#opening?.then(
      (opened) => this.#erase(opened),
      () => {},
    )
  }

  /** What marks `removals`: rows to be put, and what is to be done in the turn in which they are. */
  async plan(removals: readonly Removal[]): Promise<{ readonly put: Rows; land(): void }> {
    const opened = await this.#open()
    return {
      put: opened.removals.rows(removals),
      land: () => {
        opened.removals.add(removals)
        if (this.#readers > 0) for (const { place } of removals) this.#removedUnderReaders.add(place)
        void this.#erase(opened)
      },
    }
  }

  /** Another generation took over: from here on nothing is written. */
  close(): void {
    this.#isClosed = true
  }

  /** Calls `take` with the places of each block in their order, until it returns false. */
  async #search(
    { index, removals }: Opened,
    cids: readonly string[],
    held: boolean,
    take: (cid: string, block: PackedBlock) => boolean,
  ): Promise<void> {
    if (index.isEmpty) return
    let searches = cids.flatMap((cid) => {
      const bytes = packedCid(cid)
      return bytes ? [{ cid, bytes, candidates: index.candidates(prefixAt(bytes, 0)), place: 0, isOver: false }] : []
    })
    for (;;) {
      searches = searches.filter((search) => {
        const { value, done } = search.candidates.next()
        search.place = value ?? 0
        return done !== true && !search.isOver
      })
      if (searches.length === 0) return
      const byPack = Map.groupBy(searches, ({ place }) => packOf(place))
      const numbers = [...byPack.keys()].sort((a, b) => a - b)
      for (let at = 0; at < numbers.length; at += PACK_READ_BATCH) {
        const batch = numbers.slice(at, at + PACK_READ_BATCH)
        let version: number
        let packs: ReadonlyMap<number, Uint8Array>
        do {
          version = this.#cache.version(batch)
          packs = await this.#cache.get(batch)
          // Once a pack is erased its marks are gone, but not the blocks in what was read before.
        } while (version !== this.#cache.version(batch))
        for (const [number, pack] of packs) {
          for (const search of byPack.get(number) ?? []) {
            const { place } = search
            const isShown = !removals.has(place) || (held && this.#removedUnderReaders.has(place))
            const block = isShown ? blockAt(pack, place, search.bytes) : null
            if (block && !take(search.cid, block)) search.isOver = true
          }
        }
      }
    }
  }

  /** The block, if it stands at one place only. */
  async #only(opened: Opened, cid: string): Promise<PackedBlock | null> {
    const found: PackedBlock[] = []
    await this.#search(opened, [cid], true, (_, block) => found.push(block) < 2)
    return found.length === 1 ? (found[0] ?? null) : null
  }

  /** One pack after the other, while nobody reads what was removed. */
  async #erase({ removals }: Opened): Promise<void> {
    if (this.#isErasing) return
    this.#isErasing = true
    try {
      for (let number = removals.due(); number !== undefined; number = removals.due()) {
        const pack = (await this.#cache.get([number])).get(number)
        // In one turn from here: whatever is marked by now goes, and no mark is lost.
        if (this.#readers > 0 || this.#isClosed) return
        const rest = pack && without(pack, removals.of(number) ?? [])
        const marks = removals.erased(number)
        await Promise.all([pack && this.#cache.replace(number, pack, rest ?? null), this.#storage.delete([marks])])
      }
    } catch (cause) {
      // The rows of the marks are still there: the next start tries again.
      console.error('mirror: what was removed could not be erased yet', cause)
    } finally {
      this.#isErasing = false
    }
  }

  #open(): Promise<Opened> {
    this.#opening ??= (async () => {
      try {
        const key = this.#keys.packIndex
        const [row, removals] = await Promise.all([this.#storage.get<Uint8Array | number>(key), Removals.open(this.#storage, this.#keys)])
        const bytes = typeof row === 'number' ? await joinPieces(this.#storage, key, row) : (row ?? new Uint8Array(0))
        const { rev, entries } = readIndexRow(bytes)
        const opened = { rev, index: new PackIndex(entries), removals }
        void this.#erase(opened)
        return opened
      } catch (cause) {
        this.#opening = null
        throw cause
      }
    })()
    return this.#opening
  }
}

/** Of a snapshot that is being written: how often a block stands in it that stands there more than once. */
export async function* repeatedIn(
  index: PackIndex,
  storage: RoomStorage,
  keys: GenerationKeys,
): AsyncGenerator<readonly [cid: string, times: number]> {
  const times = new Map<string, number>()
  const cache = new PackCache(storage, keys)
  for (const place of index.shared()) {
    const pack = (await cache.get([packOf(place)])).get(packOf(place))
    if (!pack) continue
    const cid = cidAt(pack, entryAt(pack, offsetOf(place)).cidAt)
    times.set(cid, (times.get(cid) ?? 0) + 1)
  }
  for (const each of times) if (each[1] > 1) yield each
}

/** null: another block begins with the same digest, or what was there is erased. */
const blockAt = (pack: Uint8Array, place: Place, cid: Uint8Array): PackedBlock | null => {
  const entry = entryAt(pack, offsetOf(place))
  for (let i = 0; i < CID_BYTES; i++) if (pack[entry.cidAt + i] !== cid[i]) return null
  return { place, entryBytes: entry.end - offsetOf(place), bytes: pack.subarray(entry.cidAt + CID_BYTES, entry.end) }
}

/** A CAR entry: LEB128 of the length of CID and block, CID, block. Erased, its length is 0. */
const entryAt = (pack: Uint8Array, offset: number): { readonly cidAt: number; readonly end: number } => {
  let length = 0
  let cidAt = offset
  for (let shift = 0; ; shift += 7) {
    const byte = pack[cidAt++] ?? 0
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) return { cidAt, end: cidAt + length }
  }
}

/** The pack with zeros in place of the blocks at `offsets`; null if nothing is left. */
const without = (pack: Uint8Array, offsets: Iterable<number>): Uint8Array | null => {
  const rest = pack.slice()
  for (const offset of offsets) rest.fill(0, offset, entryAt(pack, offset).end)
  return rest.some((byte) => byte !== 0) ? rest : null
}
