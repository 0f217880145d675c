/** What was written after a rev, out of the event log: the records themselves are not ordered by rev. */
import { decodeEvent } from '../../wire/event.ts'
import { MAX_LOCAL_EVENTS } from '../../wire/limits.ts'
import type { RepoLog, RepoReader } from './contract.ts'

export interface RecentWrite {
  readonly collection: string
  readonly rkey: string
  /** When it was last written, ms. */
  readonly at: number
}

/**
 * Records that commits after `rev` created or updated, newest first, each once; they may be gone by now. Nothing older than a whole repo that was put
 * in place (`#sync`), and at most MAX_LOCAL_EVENTS back.
 */
export const writtenSince = async (
  repo: Pick<RepoReader, 'head'> & Pick<RepoLog, 'eventsAfter'>,
  rev: string,
  options: { readonly limit: number; isWanted(collection: string, rkey: string): boolean },
): Promise<readonly RecentWrite[]> => {
  const { limit, isWanted } = options
  const head = repo.head()
  const found = new Map<string, RecentWrite>()
  if (head.rev <= rev) return []
  for (let newest = head.event; newest > 0 && newest > head.event - MAX_LOCAL_EVENTS; newest -= STEP_EVENTS) {
    const before = Math.max(0, newest - STEP_EVENTS)
    const rows = await repo.eventsAfter(before, STEP_EVENTS)
    for (const row of rows.filter(({ event }) => event <= newest).reverse()) {
      if (row.kind === 'sync' || (row.rev !== undefined && row.rev <= rev)) return [...found.values()]
      const event = row.kind === 'commit' ? decodeEvent(row.body) : null
      for (const { action, path } of event?.kind === 'commit' ? event.ops.reverse() : []) {
        const [collection = '', rkey = ''] = path.split('/')
        if (action === 'delete' || found.has(path) || !isWanted(collection, rkey)) continue
        found.set(path, { collection, rkey, at: row.at })
        if (found.size === limit) return [...found.values()]
      }
    }
    // What lies further back is pruned.
    if (rows[0]?.event !== before + 1) break
  }
  return [...found.values()]
}

/** An AppView that lags is behind by an event or two; rows hold whole commits, so few are read at once. */
const STEP_EVENTS = 8
