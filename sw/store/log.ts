/** The pod's log as a ring of pages: a batch of entries costs one row or two, and the oldest page goes when the ring is full. */
import { LOG_PAGE_BYTES, LOG_PAGE_ENTRIES, MAX_LOG_PAGES } from '../../wire/limits.ts'
import { LOG_LEVELS, type LogEntry, type LogQuery } from '../../wire/log.ts'
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import type { LogPageRow, StoredLogEntry } from './schema.ts'

/**
 * Appends entries, oldest first, in one transaction.
 * @param keptSince ms since 1970: pages whose newest entry is older go
 * @throws XrpcError 507 `StorageFull`
 */
export const appendLog = (store: Store, entries: readonly StoredLogEntry[], keptSince: number): Promise<void> => {
  const tx = store.transaction('log', 'readwrite', { durability: 'relaxed' })
  return settle(tx, async () => {
    const last = (await tx.store.openCursor(null, 'prev'))?.value
    const pages = toPages(last, entries)
    const newest = pages.at(-1)?.page ?? 0
    await Promise.all(pages.map((page) => tx.store.put(page)))
    await tx.store.delete(IDBKeyRange.upperBound(newest - MAX_LOG_PAGES))
    for (let cursor = await tx.store.openCursor(); cursor && cursor.value.until < keptSince; cursor = await cursor.continue())
      await cursor.delete()
  })
}

/** Newest first. */
export const readLog = async (store: Store, { before = Infinity, level = 'info', limit = Infinity }: LogQuery): Promise<LogEntry[]> => {
  const atLeast = LOG_LEVELS.indexOf(level)
  const found: LogEntry[] = []
  const range = before === Infinity ? null : IDBKeyRange.upperBound(Math.floor(before / LOG_PAGE_ENTRIES))
  let cursor = await store.transaction('log').store.openCursor(range, 'prev')
  for (; cursor && found.length < limit; cursor = await cursor.continue()) {
    const { page, entries } = cursor.value
    for (const [index, entry] of [...entries.entries()].reverse()) {
      const id = page * LOG_PAGE_ENTRIES + index
      if (id < before && LOG_LEVELS.indexOf(entry.level) >= atLeast && found.length < limit) found.push({ id, ...entry })
    }
  }
  return found
}

/** The last page as it becomes, and those that follow it. */
const toPages = (last: LogPageRow | undefined, added: readonly StoredLogEntry[]): LogPageRow[] => {
  const pages: LogPageRow[] = last ? [last] : []
  for (const entry of added) {
    const bytes = JSON.stringify(entry).length
    const page = pages.at(-1)
    if (page && page.entries.length < LOG_PAGE_ENTRIES && page.bytes + bytes <= LOG_PAGE_BYTES)
      pages[pages.length - 1] = { page: page.page, entries: [...page.entries, entry], bytes: page.bytes + bytes, until: entry.at }
    else pages.push({ page: (page?.page ?? 0) + 1, entries: [entry], bytes, until: entry.at })
  }
  return pages
}
