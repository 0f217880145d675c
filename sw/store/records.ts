/**
 * Records, by [collection, rkey], in rows of their own or in packs (`packs.ts`). They are written by `land` and by imports.
 * What comes out of a pack is a view: for reading, never to be stored as it is.
 */
import type { IDBPObjectStore, StoreNames } from 'idb'
import { RECORD_PACK_RECORDS } from '../../wire/limits.ts'
import { decodePack, packRange, type PacksOf, readPackOf, type RecordPack, recordOfPack, recordsOfPack } from './packs.ts'
import type { Store } from './open.ts'
import type { PodDatabase, RecordPackRow, RecordRow } from './schema.ts'

/** In IndexedDB's order an array comes after every string, so `[collection, []]` stands behind every rkey of the collection. */
const behind = (collection: string): IDBValidKey => [collection, []]

export const readRecord = async (store: Store, generation: PacksOf, collection: string, rkey: string): Promise<RecordRow | undefined> => {
  if (generation === null) return store.get('records', [collection, rkey])
  const tx = store.transaction(['records', 'recordPacks'])
  const [row, pack] = await Promise.all([
    tx.objectStore('records').get([collection, rkey]),
    readPackOf(tx.objectStore('recordPacks'), generation, collection, rkey),
  ])
  return row ?? (pack && recordOfPack(pack, pack.rkeys.indexOf(rkey)))
}

export interface RecordRange {
  readonly collection: string
  readonly order: Order
  /** Where to begin, in the given order; absent: at the first. */
  readonly from?: string
  /** Whether `from` itself belongs to it. */
  readonly includesFrom: boolean
  readonly limit: number
}

type Order = 'ascending' | 'descending'

/** Up to `limit` records of one collection in the given order of rkey. */
export const listRecords = async (store: Store, generation: PacksOf, range: RecordRange): Promise<RecordRow[]> => {
  const { order, limit } = range
  if (generation === null) return readRows(store.transaction('records').store, range)
  const found: RecordRow[] = []
  for (let step: RecordRange | null = range; step;) {
    const tx = store.transaction(['records', 'recordPacks'])
    const [rows, packs]: [RecordRow[], RecordPack[]] = await Promise.all([
      readRows(tx.objectStore('records'), step),
      readPacks(tx.objectStore('recordPacks'), generation, step),
    ])
    const packed = packs.flatMap(recordsOfPack).filter(isWithin(step))
    if (order === 'descending') packed.sort((a, b) => (a.rkey < b.rkey ? 1 : -1))
    // Each side is known as far as it was read; beyond the nearer end the other may have more in between.
    const ends: string[] = [
      rows.length < step.limit ? undefined : rows.at(-1)?.rkey,
      packs.length < packsFor(step.limit) ? undefined : (packed.at(-1)?.rkey ?? packs.at(-1)?.first),
    ].flatMap((end) => end ?? [])
    const end: string | undefined = ends.length > 1 ? nearest(order, ends) : ends[0]
    found.push(...mergeRows(rows, packed, order).filter(({ rkey }) => end === undefined || rkey === end || isBefore(order, rkey, end)))
    step = end === undefined || found.length >= limit ? null : { ...range, from: end, includesFrom: false, limit: limit - found.length }
  }
  return found.length > limit ? found.slice(0, limit) : found
}

/** Rows whose CID is wanted. No index (it would cost every write): walks the stores in steps and stops when all are found. */
export const findRecordsByCid = async (store: Store, generation: PacksOf, wanted: ReadonlySet<string>): Promise<Map<string, RecordRow>> => {
  const found = new Map<string, RecordRow>()
  const take = (row: RecordRow): void => void (wanted.has(row.cid) && found.set(row.cid, row))
  let range: IDBKeyRange | undefined
  while (found.size < wanted.size) {
    const rows = await store.getAll('records', range, SCAN_STEP)
    rows.forEach(take)
    const last = rows.at(-1)
    if (!last || rows.length < SCAN_STEP) break
    range = IDBKeyRange.lowerBound([last.collection, last.rkey], true)
  }
  if (generation !== null && found.size < wanted.size) for await (const row of scanPacks(store, generation)) take(row)
  return found
}

async function* scanPacks(store: Store, generation: number): AsyncGenerator<RecordRow> {
  for (let range = IDBKeyRange.bound([generation], [generation, []]); ;) {
    const { store: packs } = store.transaction('recordPacks')
    const [rows, keys] = await Promise.all([packs.getAll(range, PACK_SCAN_STEP), packs.getAllKeys(range, PACK_SCAN_STEP)])
    for (const [at, row] of rows.entries()) yield* recordsOfPack(decodePack(keys[at]?.[1] ?? '', row))
    const last = keys.at(-1)
    if (!last || keys.length < PACK_SCAN_STEP) return
    range = IDBKeyRange.bound(last, [generation, []], true)
  }
}

/** Names and sizes, sorted by name: one key read and one count for each collection, however many records there are. */
export const countCollections = async (
  store: Store,
  packed: Readonly<Record<string, number>> = {},
): Promise<Array<{ name: string; count: number }>> => {
  const tx = store.transaction('records')
  const counts = new Map(Object.entries(packed).filter(([, count]) => count > 0))
  let range: IDBKeyRange | undefined
  for (;;) {
    const [first] = await tx.store.getAllKeys(range, 1)
    if (!first) break
    const [name] = first
    const count = await tx.store.count(IDBKeyRange.bound([name, ''], behind(name), false, true))
    counts.set(name, count + (counts.get(name) ?? 0))
    range = IDBKeyRange.lowerBound(behind(name))
  }
  return Array.from(counts, ([name, count]) => ({ name, count })).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Rows per step of a full scan: 256 small records are well under a megabyte. */
const SCAN_STEP = 256
const PACK_SCAN_STEP = 16

/** A store, in whatever transaction. */
type Rows<Name extends 'records' | 'recordPacks'> = IDBPObjectStore<PodDatabase, Array<StoreNames<PodDatabase>>, Name, IDBTransactionMode>

const isBefore = (order: Order, a: string, b: string): boolean => (order === 'ascending' ? a < b : a > b)

const nearest = (order: Order, [a = '', b = '']: readonly string[]): string => (isBefore(order, a, b) ? a : b)

const isWithin =
  ({ order, from, includesFrom }: RecordRange) =>
  ({ rkey }: RecordRow): boolean =>
    from === undefined || isBefore(order, from, rkey) || (includesFrom && rkey === from)

const mergeRows = (rows: readonly RecordRow[], packed: readonly RecordRow[], order: Order): readonly RecordRow[] => {
  if (rows.length === 0) return packed
  if (packed.length === 0) return rows
  return [...rows, ...packed].sort((a, b) => (isBefore(order, a.rkey, b.rkey) ? -1 : 1))
}

const readRows = (records: Rows<'records'>, { collection, order, from, includesFrom, limit }: RecordRange): Promise<RecordRow[]> => {
  if (order === 'ascending') {
    return records.getAll(IDBKeyRange.bound([collection, from ?? ''], behind(collection), from !== undefined && !includesFrom, true), limit)
  }
  const high = from === undefined ? behind(collection) : [collection, from]
  const range = IDBKeyRange.bound([collection, ''], high, false, from === undefined || !includesFrom)
  if (HAS_DIRECTION) return (records as unknown as DirectedGetAll<RecordRow>).getAll({ query: range, count: limit, direction: 'prev' })
  return records.openCursor(range, 'prev').then((cursor) => takeBackwards(cursor, limit))
}

/** Full packs hold that many records; one more, because the first is usually begun in its middle. */
const packsFor = (limit: number): number => Math.ceil(limit / RECORD_PACK_RECORDS) + 1

/** Packs in the order asked for, the one that `from` falls into included. */
const readPacks = async (packs: Rows<'recordPacks'>, generation: number, range: RecordRange): Promise<RecordPack[]> =>
  (await readPackRows(packs, generation, range)).map((row) => decodePack(range.collection, row))

const readPackRows = async (
  packs: Rows<'recordPacks'>,
  generation: number,
  { collection, order, from, limit }: RecordRange,
): Promise<RecordPackRow[]> => {
  const count = packsFor(limit)
  if (order === 'ascending') {
    const begun = from === undefined ? null : await packs.openKeyCursor(packRange(generation, collection, { upTo: from }), 'prev')
    const first = begun?.key[2] ?? from
    return packs.getAll(packRange(generation, collection, first === undefined ? {} : { from: first }), count)
  }
  const range = packRange(generation, collection, from === undefined ? {} : { upTo: from })
  if (HAS_DIRECTION) return (packs as unknown as DirectedGetAll<RecordPackRow>).getAll({ query: range, count, direction: 'prev' })
  return takeBackwards(await packs.openCursor(range, 'prev'), count)
}

/** `getAllRecords` came together with getAll's options form, which TypeScript does not know yet. https://chromestatus.com/feature/5124331450138624 */
const HAS_DIRECTION = 'IDBObjectStore' in globalThis && 'getAllRecords' in IDBObjectStore.prototype

/** One request where the browser can (Chromium ≥ 141), a cursor step for each row elsewhere. */
interface DirectedGetAll<T> {
  getAll(options: { query: IDBKeyRange; count: number; direction: 'prev' }): Promise<T[]>
}

interface Steps<T> {
  readonly value: T
  continue(): Promise<Steps<T> | null>
}

const takeBackwards = async <T>(cursor: Steps<T> | null, count: number): Promise<T[]> => {
  const rows: T[] = []
  for (let step = cursor; step; step = rows.length < count ? await step.continue() : null) rows.push(step.value)
  return rows
}
