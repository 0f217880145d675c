/** The pod's log as the owner reads it: newest first, followed while it grows, older pages on demand. */
import { signal } from '@preact/signals'
import { MAX_LOG_READ } from '../../wire/limits.ts'
import type { LogEntry, LogLevel, LogQuery } from '../../wire/log.ts'
import { onActivity } from '../uplink/activity.ts'
import { askOwner } from '../uplink/register.ts'
import { datedName, download } from './download.ts'
import { sentenceOf } from './failure.ts'

/** What fits a few screens; more comes by the button. */
const PAGE_ENTRIES = 100

/** null: not read yet. */
export const entries = signal<readonly LogEntry[] | null>(null)
/** Shown are entries of this level and worse. */
export const level = signal<LogLevel>('info')
export const following = signal(true)
/** Whether there are older ones than those shown. */
export const hasOlder = signal(false)
export const logProblem = signal<string | null>(null)

/** Reads it, and follows it while the page is shown. Returns the stop function. */
export const watchLog = (): (() => void) => {
  void readNewest()
  return onActivity(({ kind }) => {
    if (kind === 'log' && following.value && !document.hidden) void readNewest()
  })
}

export const show = (wanted: LogLevel): void => {
  level.value = wanted
  entries.value = null
  void readNewest()
}

export const follow = (isWanted: boolean): void => {
  following.value = isWanted
  if (isWanted) void readNewest()
}

/** Never rejects. */
export const readNewest = (): Promise<void> =>
  reading(async () => {
    const shown = level.value
    const newest = await ask({ level: shown, limit: PAGE_ENTRIES })
    if (level.value !== shown) return
    const known = entries.value
    const all = known === null ? newest : joined(newest, known)
    // As many as were shown, so that a page that is left open does not grow for days.
    const kept = all.slice(0, Math.max(known?.length ?? 0, PAGE_ENTRIES))
    if (known === null || kept.length < all.length) hasOlder.value = kept.length >= PAGE_ENTRIES
    entries.value = kept
  })

/** Never rejects. */
export const readOlder = (): Promise<void> =>
  reading(async () => {
    const known = entries.value ?? []
    const before = known.at(-1)?.id
    const older = await ask({ level: level.value, limit: PAGE_ENTRIES, ...(before !== undefined && { before }) })
    hasOlder.value = older.length === PAGE_ENTRIES
    entries.value = [...known, ...older]
  })

/** All of it, oldest first, one JSON object a line. */
export const downloadLog = async (handle: string): Promise<void> => {
  const lines: string[] = []
  for (let before: number | undefined, more = true; more;) {
    const page = await ask({ limit: MAX_LOG_READ, ...(before !== undefined && { before }) })
    for (const entry of page) lines.push(toLine(entry))
    before = page.at(-1)?.id
    more = page.length === MAX_LOG_READ
  }
  download(new Blob(lines.reverse(), { type: 'application/jsonl' }), datedName(`${handle}-log`, 'jsonl'))
}

/** New entries before those that are known; where there is a gap between them, the new ones alone. */
export const joined = (newest: readonly LogEntry[], known: readonly LogEntry[]): readonly LogEntry[] => {
  const last = known[0]?.id ?? -1
  const added = newest.filter(({ id }) => id > last)
  return added.length === newest.length && added.length >= PAGE_ENTRIES ? newest : [...added, ...known]
}

/** A line of the file: its time as people and machines read it. */
export const toLine = ({ at, ...entry }: LogEntry): string => `${JSON.stringify({ at: new Date(at).toISOString(), ...entry })}\n`

const ask = (query: LogQuery): Promise<readonly LogEntry[]> => askOwner({ kind: 'log', ...query })

const reading = async (work: () => Promise<void>): Promise<void> => {
  try {
    await work()
    logProblem.value = null
  } catch (cause) {
    logProblem.value = sentenceOf(cause)
  }
}
