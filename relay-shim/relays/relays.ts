/**
 * The relays that the operator chose: asks them to subscribe to this room, as any PDS does that wants to be seen, and looks how they see it. No timer wakes the
 * room for it: all of it happens when something else does.
 * @see https://docs.bsky.app/docs/api/com-atproto-sync-request-crawl
 */
import type { RelayView } from '../../wire/frames.ts'
import { CRAWL_INTERVAL_MS, RELAY_LOOK_INTERVAL_MS, RELAY_OWNER_LOOK_MS, RELAY_SETTLE_MS } from '../../wire/limits.ts'
import type { RoomPort } from '../port.ts'
import { readHostStatus, requestCrawl } from './relay-client.ts'

export interface RelaysOptions {
  /** Number of the first event kept after this one; null: it is the newest. A number is a time in microseconds. */
  readonly firstEventAfter: (seq: number) => Promise<number | null>
  /** After each look at one of them. */
  readonly seen: (views: RelayView[]) => void
}

/** What is kept of a relay, by its address: a room that slept must not begin anew. `refusal`: what it said to the last requestCrawl; `failure`: why the last look failed. */
type RelayRow = Readonly<Omit<RelayView, 'url' | 'error'> & { refusal: string | null; failure: string | null }>
const ROWS_KEY = 'relays'
const UNSEEN: RelayRow = { askedAt: null, refusal: null, checkedAt: null, status: null, seq: null, lacksSince: null, failure: null }

/** Of a pod that is online they need the operator's eye. */
const WORRYING: ReadonlySet<string | null> = new Set(['throttled', 'banned', 'offline'])

export class Relays {
  readonly #port: RoomPort
  readonly #options: RelaysOptions
  /** Read at the first occasion. */
  #rows: Promise<Map<string, RelayRow>> | null = null
  readonly #visited = new Set<string>()

  constructor(port: RoomPort, options: RelaysOptions) {
    this.#port = port
    this.#options = options
  }

  /**
   * There is something to see. Relays that were not asked lately are asked to crawl where nobody listens to the room (`isUnheard`), or they said that they do not
   * follow it. A try counts, too; a relay that fails is asked again when there is something new. Never throws.
   */
  occasion(isUnheard: boolean): Promise<void> {
    return this.#visitThose((row, now) => {
      if (isDue(row.askedAt, CRAWL_INTERVAL_MS, now) && (isUnheard || hasLostSight(row))) return 'ask'
      return isDue(row.checkedAt, RELAY_LOOK_INTERVAL_MS, now) || isSettled(row, now) ? 'look' : null
    })
  }

  /** The owner looks, and wants them asked to crawl (`crawl`). Never throws. */
  ownerLooks(crawl: boolean): Promise<void> {
    return this.#visitThose((row, now) => {
      if (crawl && isDue(row.askedAt, CRAWL_INTERVAL_MS, now)) return 'ask'
      return isDue(row.checkedAt, RELAY_OWNER_LOOK_MS, now) ? 'look' : null
    })
  }

  async views(): Promise<RelayView[]> {
    const rows = await this.#read()
    return this.#port.settings.relays.map((url) => viewOf(url, rows.get(url) ?? UNSEEN))
  }

  /** Each for itself, and one visit at a time: a slow one holds no other back. */
  async #visitThose(choose: (row: RelayRow, now: number) => 'ask' | 'look' | null): Promise<void> {
    const { relays } = this.#port.settings
    if (relays.length === 0) return
    try {
      const rows = await this.#read()
      const now = this.#port.now()
      await Promise.all(
        relays.map(async (url) => {
          const wish = this.#visited.has(url) ? null : choose(rows.get(url) ?? UNSEEN, now)
          if (wish === null) return
          this.#visited.add(url)
          await this.#visit(url, wish).finally(() => this.#visited.delete(url))
        }),
      )
    } catch (cause) {
      console.error('room: relays could not be asked', cause)
    }
  }

  /** One that refuses to crawl may follow all the same, so it is looked at in any case. */
  async #visit(url: string, wish: 'ask' | 'look'): Promise<void> {
    const { host } = this.#port
    const before = (await this.#read()).get(url) ?? UNSEEN
    if (wish === 'ask') {
      await this.#note(url, { askedAt: this.#port.now() })
      await this.#note(url, { refusal: await sentenceOf(requestCrawl(url, host)) })
    }
    const after = await this.#note(url, await this.#look(url))
    this.#warn(url, before, after)
    this.#options.seen(await this.views())
  }

  async #look(url: string): Promise<Pick<RelayRow, 'checkedAt' | 'status' | 'seq' | 'lacksSince' | 'failure'>> {
    const checkedAt = this.#port.now()
    try {
      const { status, seq } = (await readHostStatus(url, this.#port.host)) ?? { status: null, seq: null }
      const lacked = seq === null ? null : await this.#options.firstEventAfter(seq)
      return { checkedAt, status, seq, lacksSince: lacked === null ? null : Math.floor(lacked / 1000), failure: null }
    } catch (cause) {
      return { checkedAt, status: null, seq: null, lacksSince: null, failure: messageOf(cause) }
    }
  }

  /** What is new and not good. */
  #warn(url: string, before: RelayRow, after: RelayRow): void {
    const { error, status } = viewOf(url, after)
    if (error !== null && error !== viewOf(url, before).error) console.warn(`room ${this.#port.host}: relay ${url}: ${error}`)
    if (WORRYING.has(status) && status !== before.status) console.warn(`room ${this.#port.host}: relay ${url} calls this host ${status}.`)
  }

  async #note(url: string, news: Partial<RelayRow>): Promise<RelayRow> {
    const rows = await this.#read()
    const row = { ...(rows.get(url) ?? UNSEEN), ...news }
    rows.set(url, row)
    // Those that are not named any more are forgotten.
    await this.#port.storage.put({
      [ROWS_KEY]: Object.fromEntries(this.#port.settings.relays.map((relay) => [relay, rows.get(relay) ?? UNSEEN])),
    })
    return row
  }

  #read(): Promise<Map<string, RelayRow>> {
    this.#rows ??= this.#port.storage
      .get<Readonly<Record<string, RelayRow>>>(ROWS_KEY)
      .then((row) => new Map(Object.entries(row ?? {})))
      .catch((cause: unknown) => {
        this.#rows = null
        throw cause
      })
    return this.#rows
  }
}

/** A time ahead of the clock was written by a clock that is set back now. */
const isDue = (at: number | null, intervalMs: number, now: number): boolean => at === null || Math.abs(now - at) >= intervalMs

/** What a request to crawl has led to was not looked at yet, and shows by now. */
const isSettled = ({ askedAt, checkedAt }: RelayRow, now: number): boolean =>
  askedAt !== null && now >= askedAt + RELAY_SETTLE_MS && checkedAt !== null && checkedAt < askedAt + RELAY_SETTLE_MS

/** It answers, and does not follow. Where it has banned the host, asking is no use. */
const hasLostSight = ({ checkedAt, status, failure }: RelayRow): boolean =>
  checkedAt !== null && failure === null && (status === null || status === 'idle' || status === 'offline')

const viewOf = (url: string, { refusal, failure, ...row }: RelayRow): RelayView => ({
  url,
  ...row,
  error: failure ?? (row.status === 'active' ? null : refusal),
})

const sentenceOf = (asking: Promise<void>): Promise<string | null> =>
  asking.then(
    () => null,
    (cause: unknown) => messageOf(cause),
  )

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).slice(0, 512)
