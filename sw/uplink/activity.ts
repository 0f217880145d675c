/** What the worker tells every open page of this origin: the live strip. Sampled, so that it costs nothing under load. */
import { decodeEvent } from '../../wire/event.ts'
import type { RelayView } from '../../wire/frames.ts'
import { MAX_SEEN_PER_SECOND } from '../../wire/limits.ts'
import { ACTIVITY_CHANNEL, type Activity } from '../../wire/owner.ts'
import type { EventRow } from '../store/schema.ts'

const SECOND_MS = 1000
const MAX_PATHS_SHOWN = 10

export class ActivityReport {
  readonly #channel = new BroadcastChannel(ACTIVITY_CHANNEL)
  #second = 0
  #count = 0

  request(seen: Omit<Extract<Activity, { kind: 'request' }>, 'kind' | 'at'>): void {
    const at = Date.now()
    if (this.#admits(at)) this.#post({ kind: 'request', at, ...seen })
  }

  /** Later than the turn of the landing: the event goes to the room first. */
  event(row: EventRow): void {
    if (this.#admits(row.at)) setTimeout(() => this.#post(eventToActivity(row)))
  }

  /** Never left out: pages show what they were last told. */
  account(): void {
    this.#post({ kind: 'account' })
  }

  /** As often as it is written, at most once in LOG_WRITE_DELAY_MS but for errors. */
  log(): void {
    this.#post({ kind: 'log' })
  }

  relays(relays: readonly RelayView[]): void {
    this.#post({ kind: 'relays', relays })
  }

  progress(progress: Extract<Activity, { kind: 'progress' }>): void {
    this.#post(progress)
  }

  #admits(at: number): boolean {
    const second = Math.floor(at / SECOND_MS)
    if (second !== this.#second) {
      this.#second = second
      this.#count = 0
    }
    return this.#count++ < MAX_SEEN_PER_SECOND
  }

  #post(activity: Activity): void {
    this.#channel.postMessage(activity)
  }
}

const eventToActivity = ({ at, kind, rev, body }: EventRow): Activity => {
  const event = decodeEvent(body)
  return {
    kind: 'event',
    at,
    event: kind,
    ...(rev === undefined ? {} : { rev }),
    ...(event.kind === 'commit' ? { paths: event.ops.slice(0, MAX_PATHS_SHOWN).map((op) => op.path) } : {}),
  }
}
