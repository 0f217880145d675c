/** How the network's relays see this pod, each in a sentence: as the room tells, which was asked when the page was opened. */
import { computed, signal } from '@preact/signals'
import type { RelayView } from '../../wire/frames.ts'
import { CRAWL_INTERVAL_MS, RELAY_LAG_MS } from '../../wire/limits.ts'
import { onActivity } from '../uplink/activity.ts'
import { askOwner } from '../uplink/register.ts'
import { formatTime } from './date.ts'
import type { Finding } from './health.ts'

/** null: the room has not said yet. */
export const relays = signal<readonly RelayView[] | null>(null)

/** When the first of them may be asked to crawl again, ms since 1970; null: now. */
export const crawlableAt = computed(() => nextCrawl(relays.value ?? [], Date.now()))

/** Asks how they see the pod, and follows what the room says of it. Returns the stop function. */
export const watchRelays = (): (() => void) =>
  onActivity((activity) => {
    if (activity.kind === 'relays') relays.value = activity.relays
    // The state of the link is said once when somebody begins to listen, and when it changes.
    else if (activity.kind === 'link') ask(false).catch(() => {})
  })

/** @throws Error as the worker refused */
export const askToCrawl = (): Promise<void> => ask(true)

const ask = async (crawl: boolean): Promise<void> => {
  const known = await askOwner<readonly RelayView[] | null>({ kind: 'relays', crawl })
  relays.value ??= known
}

export const hostOf = ({ url }: Pick<RelayView, 'url'>): string => new URL(url).host

export const relayFinding = (view: RelayView): Finding => {
  const { status, error, checkedAt } = view
  if (error !== null) return { isGood: false, text: error }
  if (checkedAt === null) return { isGood: null, text: 'Not asked yet.' }
  if (status === null) return { isGood: null, text: 'Does not know this server yet.' }
  if (status === 'active') return followerFinding(view, checkedAt)
  return STATUSES[status] ?? { isGood: null, text: `Calls this server “${status}”.` }
}

const STATUSES: Readonly<Record<string, Finding>> = {
  idle: { isGood: false, text: 'Has let go of this server. Asked to crawl, it goes on.' },
  offline: { isGood: false, text: 'Says that this server is offline. Ask it to crawl; if it says so again, it cannot reach this address.' },
  throttled: {
    isGood: false,
    text: 'Slows this server down: more comes from here than it takes. It catches up, or its operator raises the limit.',
  },
  banned: { isGood: false, text: 'Has shut this server out. Only the people who run the relay can change that: write to them.' },
}

/** It writes down where it is a few seconds late. */
const followerFinding = ({ lacksSince }: RelayView, checkedAt: number): Finding =>
  lacksSince === null || checkedAt - lacksSince < RELAY_LAG_MS
    ? { isGood: true, text: 'Follows, and has everything.' }
    : { isGood: false, text: `Follows, but lacks what was written since ${formatTime(lacksSince)}.` }

/** ms since 1970; null: one of them may be asked now. */
export const nextCrawl = (views: ReadonlyArray<Pick<RelayView, 'askedAt'>>, now: number): number | null => {
  const at = Math.min(...views.map(({ askedAt }) => (askedAt === null ? 0 : askedAt + CRAWL_INTERVAL_MS)))
  return at > now && at <= now + CRAWL_INTERVAL_MS ? at : null
}
