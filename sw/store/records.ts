/** Record rows, by [collection, rkey]. They are written by `land` alone. */
import type { Store } from './open.ts'
import type { RecordRow } from './schema.ts'

type RecordKey = [collection: string, rkey: string]

/** In IndexedDB's order an array comes after every string, so `[collection, []]` stands behind every rkey of the collection. */
const behind = (collection: string): IDBValidKey => [collection, []]

export const readRecord = (store: Store, collection: string, rkey: string): Promise<RecordRow | undefined> =>
  store.get('records', [collection, rkey])

/** Rows of one collection in the given order of rkey, strictly after `cursor` in that order. */
export const listRecords = (
  store: Store,
  options: { readonly collection: string; readonly order: 'ascending' | 'descending'; readonly cursor?: string; readonly limit: number },
): Promise<RecordRow[]> => {
  const { collection, order, cursor, limit } = options
  const ascending = order === 'ascending'
  const low: RecordKey = [collection, ascending && cursor !== undefined ? cursor : '']
  const high = !ascending && cursor !== undefined ? [collection, cursor] : behind(collection)
  const range = IDBKeyRange.bound(low, high, ascending && cursor !== undefined, true)
  if (ascending) return store.getAll('records', range, limit)
  return descending(store, range, limit)
}

/** Rows from [collection, rkey] on, included, up to `limit`, ascending: the way a tree walk asks for them. */
export const readRecordsFrom = (store: Store, collection: string, rkey: string, limit: number): Promise<RecordRow[]> =>
  store.getAll('records', IDBKeyRange.bound([collection, rkey], behind(collection), false, true), limit)

/** Rows whose CID is wanted. No index (it would cost every write): walks the store in steps and stops when all are found. */
export const findRecordsByCid = async (store: Store, wanted: ReadonlySet<string>): Promise<Map<string, RecordRow>> => {
  const found = new Map<string, RecordRow>()
  let range: IDBKeyRange | undefined
  while (found.size < wanted.size) {
    const rows = await store.getAll('records', range, SCAN_STEP)
    for (const row of rows) if (wanted.has(row.cid)) found.set(row.cid, row)
    const last = rows.at(-1)
    if (!last || rows.length < SCAN_STEP) break
    range = IDBKeyRange.lowerBound([last.collection, last.rkey], true)
  }
  return found
}

/** Names and sizes, sorted by name: one key read and one count for each collection, however many records there are. */
export const countCollections = async (store: Store): Promise<Array<{ name: string; count: number }>> => {
  const tx = store.transaction('records')
  const collections: Array<{ name: string; count: number }> = []
  let range: IDBKeyRange | undefined
  for (;;) {
    const [first] = await tx.store.getAllKeys(range, 1)
    if (!first) return collections
    const [name] = first
    collections.push({ name, count: await tx.store.count(IDBKeyRange.bound([name, ''], behind(name), false, true)) })
    range = IDBKeyRange.lowerBound(behind(name))
  }
}

/** Rows per step of a full scan: 256 small records are well under a megabyte. */
const SCAN_STEP = 256

interface DirectedGetAll {
  getAll(options: { query: IDBKeyRange; count: number; direction: 'prev' }): Promise<RecordRow[]>
}

/** One request where the browser can (Chromium ≥ 141), a cursor step for each row elsewhere. */
const descending = async (store: Store, range: IDBKeyRange, limit: number): Promise<RecordRow[]> => {
  const { store: records } = store.transaction('records')
  // `getAllRecords` came together with getAll's options form, which TypeScript does not know yet. https://chromestatus.com/feature/5124331450138624
  if ('getAllRecords' in IDBObjectStore.prototype) {
    return (records as unknown as DirectedGetAll).getAll({ query: range, count: limit, direction: 'prev' })
  }
  const rows: RecordRow[] = []
  let cursor = await records.openCursor(range, 'prev')
  while (cursor && rows.length < limit) {
    rows.push(cursor.value)
    if (rows.length < limit) cursor = await cursor.continue()
  }
  return rows
}
