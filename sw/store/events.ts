/** The event log. Rows are appended by `land` and removed by `checkpoint`; here they are read. */
import type { Store } from './open.ts'
import type { EventRow } from './schema.ts'

/** Rows after number `event`, oldest first. */
export const readEventsAfter = (store: Store, event: number, limit?: number): Promise<EventRow[]> =>
  store.getAll('events', IDBKeyRange.lowerBound(event, true), limit)

export const readEvent = async (store: Store, event: number): Promise<EventRow | undefined> => store.get('events', event)

/** Number of the oldest row kept; 0 for an empty log. */
export const firstEvent = async (store: Store): Promise<number> => (await store.getAllKeys('events', undefined, 1))[0] ?? 0

/** Number of the newest row; 0 for an empty log. */
export const lastEvent = async (store: Store): Promise<number> => {
  const cursor = await store.transaction('events').store.openKeyCursor(null, 'prev')
  return cursor?.key ?? 0
}

/** The commit with exactly this rev. Revs grow with the numbers, so a search from the newest down stops early. */
export const findEventOfRev = async (store: Store, rev: string): Promise<EventRow | undefined> => {
  let cursor = await store.transaction('events').store.openCursor(null, 'prev')
  while (cursor) {
    const row = cursor.value
    if (row.kind === 'commit' && row.rev === rev) return row
    if (row.rev !== undefined && row.rev < rev) return undefined
    cursor = await cursor.continue()
  }
  return undefined
}

/** Revs of all commits of the log, oldest first. */
export const readRevs = async (store: Store): Promise<string[]> => {
  const revs: string[] = []
  for (let last = 0, more = true; more;) {
    const rows = await readEventsAfter(store, last, REV_STEP)
    revs.push(...rows.flatMap(({ kind, rev }) => (kind === 'commit' && rev !== undefined ? [rev] : [])))
    last = rows.at(-1)?.event ?? last
    more = rows.length === REV_STEP
  }
  return revs
}

const REV_STEP = 64
