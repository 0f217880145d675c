/** Asks relays to subscribe to this room, as any PDS does that wants to be seen. @see https://docs.bsky.app/docs/api/com-atproto-sync-request-crawl */
import { CRAWL_DEADLINE_MS, CRAWL_INTERVAL_MS } from '../wire/limits.ts'
import type { RoomPort } from './port.ts'

/** When each relay was asked last, in ms since 1970: a room that slept must not begin anew. */
type AskedRow = Readonly<Record<string, number>>
const ASKED_KEY = 'crawls'

export class CrawlRequests {
  readonly #port: RoomPort
  /** Read at the first occasion. */
  #asked: Promise<Map<string, number>> | null = null

  constructor(port: RoomPort) {
    this.#port = port
  }

  /** There is something to see: asks the relays that were not asked lately. A try counts, too; a relay that fails is asked again when there is something new. Never throws. */
  async occasion(): Promise<void> {
    const { settings, storage } = this.#port
    if (settings.relays.length === 0) return
    try {
      this.#asked ??= storage.get<AskedRow>(ASKED_KEY).then((row) => new Map(Object.entries(row ?? {})))
      const asked = await this.#asked
      const now = this.#port.now()
      // A time ahead of the clock was written by a clock that is set back now.
      const due = settings.relays.filter((relay) => Math.abs(now - (asked.get(relay) ?? -Infinity)) >= CRAWL_INTERVAL_MS)
      if (due.length === 0) return
      for (const relay of due) asked.set(relay, now)
      await storage.put({ [ASKED_KEY]: Object.fromEntries(settings.relays.map((relay) => [relay, asked.get(relay) ?? 0])) })
      await Promise.all(due.map((relay) => this.#ask(relay)))
    } catch (cause) {
      console.error('room: relays could not be asked to crawl', cause)
    }
  }

  async #ask(relay: string): Promise<void> {
    const { host } = this.#port
    try {
      const response = await fetch(`${relay}/xrpc/com.atproto.sync.requestCrawl`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ hostname: host }),
        redirect: 'manual',
        signal: AbortSignal.timeout(CRAWL_DEADLINE_MS),
      })
      await response.body?.cancel()
      if (!response.ok) console.warn(`room ${host}: ${relay} answered the request to crawl with ${response.status}.`)
    } catch (cause) {
      console.warn(`room ${host}: ${relay} could not be asked to crawl.`, cause)
    }
  }
}
