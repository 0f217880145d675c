/**
 * Points spent within fixed windows, of one limit, by whoever spends them. A window begins with the first point.
 * Long windows outlive the room's sleep. Writing at each point would be too dear, and writing late would give points back to whoever waits until the room sleeps: so what is
 * stored runs ahead of the count while points go fast (by a twentieth of the limit), and is exact while they go slowly. Never fewer are remembered than were spent.
 */
import { KEPT_WINDOW_MS, MAX_COUNTED_ADDRESSES, RATE_BURST_MS, RATE_STEPS } from '../../wire/rate-limits.ts'
import type { RoomStorage } from '../port.ts'

export interface Limit {
  /** The same after a restart. */
  readonly name: string
  readonly points: number
  readonly windowMs: number
}

/** How one who spends stands. */
export interface Standing {
  readonly limit: Limit
  readonly remaining: number
  /** Until the window ends; all of it where none has begun. */
  readonly resetMs: number
}

interface Window {
  spent: number
  readonly endsAt: number
  stored: number
  storedAt: number
}

/** Storage row: `[spent, endsAt]`. */
type WindowRow = readonly [number, number]
const PREFIX = 'limit:'

export class Counter {
  readonly limit: Limit
  readonly #storage: RoomStorage
  readonly #prefix: string
  /** Oldest first, which is also the order in which they end: all last equally long. */
  readonly #windows = new Map<string, Window>()

  constructor(limit: Limit, storage: RoomStorage, prefix = PREFIX) {
    this.limit = limit
    this.#prefix = prefix
    this.#storage = storage
  }

  standing(who: string, now: number): Standing {
    const { limit } = this
    const window = this.#windows.get(who)
    if (!window || window.endsAt <= now) return { limit, remaining: limit.points, resetMs: limit.windowMs }
    return { limit, remaining: Math.max(0, limit.points - window.spent), resetMs: window.endsAt - now }
  }

  spend(who: string, points: number, now: number): void {
    let window = this.#windows.get(who)
    if (!window || window.endsAt <= now) {
      this.#makeRoom(now)
      window = { spent: 0, endsAt: now + this.limit.windowMs, stored: 0, storedAt: -Infinity }
      this.#windows.delete(who)
      this.#windows.set(who, window)
    }
    window.spent += points
    if (this.limit.windowMs >= KEPT_WINDOW_MS && window.spent > window.stored) this.#store(who, window, now)
  }

  /** Of a room that slept. */
  recall(who: string, [spent, endsAt]: WindowRow, now: number): void {
    // A clock that was set back must not make a window longer than it is.
    const window = { spent, endsAt: Math.min(endsAt, now + this.limit.windowMs), stored: spent, storedAt: -Infinity }
    this.#windows.set(who, window)
  }

  #store(who: string, window: Window, now: number): void {
    const isBurst = now - window.storedAt < RATE_BURST_MS
    window.stored = window.spent + (isBurst ? Math.floor(this.limit.points / RATE_STEPS) : 0)
    window.storedAt = now
    void this.#storage.put({ [this.#rowKey(who)]: [window.stored, window.endsAt] })
  }

  #rowKey(who: string): string {
    return `${this.#prefix}${this.limit.name} ${who}`
  }

  #makeRoom(now: number): void {
    const ended: string[] = []
    for (const [who, { endsAt }] of this.#windows) {
      if (endsAt > now && this.#windows.size - ended.length < MAX_COUNTED_ADDRESSES) break
      ended.push(who)
    }
    for (const who of ended) this.#windows.delete(who)
    if (ended.length > 0 && this.limit.windowMs >= KEPT_WINDOW_MS) void this.#storage.delete(ended.map((who) => this.#rowKey(who)))
  }
}

/** Gives the counters what was stored under this prefix, and forgets the rest. */
export const recallCounters = async (counters: Iterable<Counter>, storage: RoomStorage, now: number, prefix = PREFIX): Promise<void> => {
  const byName = new Map([...counters].map((counter) => [counter.limit.name, counter]))
  const rows = await storage.list<WindowRow>({ prefix })
  const over: string[] = []
  for (const [key, row] of [...rows].sort(([, [, a]], [, [, b]]) => a - b)) {
    const at = key.indexOf(' ')
    const counter = byName.get(key.slice(prefix.length, at))
    if (counter && row[1] > now) counter.recall(key.slice(at + 1), row, now)
    else over.push(key)
  }
  if (over.length > 0) await storage.delete(over)
}
