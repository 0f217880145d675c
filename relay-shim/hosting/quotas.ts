/**
 * What one room may take of its shim, where the operator has set a limit: storage, requests and events. What is refused is refused before anything is lost: writes from outside hear it
 * before they reach the tab, and what the owner writes in the tab itself waits there (docs/protocol.md, "Quotas").
 */
import { decodeEvent } from '../../wire/event.ts'
import { XrpcError } from '../../wire/errors.ts'
import type { RoomReport } from '../../wire/operator.ts'
import { QUOTA_WINDOW_MS, STORAGE_RETRY_S } from '../../wire/rate-limits.ts'
import type { RoomPort } from '../port.ts'
import { Counter, recallCounters } from '../rate-limits/counter.ts'
import { policyOf } from '../rate-limits/policy.ts'
import { Refused } from '../refused.ts'

/** Beside those of the rate limits, which sweep what is not theirs. */
const PREFIX = 'quota:'
/** The room is one. */
const ALL = 'all'

export class Quotas {
  readonly #port: RoomPort
  readonly #requests: Counter | null
  readonly #events: Counter | null

  private constructor(port: RoomPort, requests: Counter | null, events: Counter | null) {
    this.#port = port
    this.#requests = requests
    this.#events = events
  }

  static async open(port: RoomPort): Promise<Quotas> {
    const { requestQuota, eventQuota } = port.settings
    const counter = (name: string, points: number | null): Counter | null =>
      points === null ? null : new Counter({ name, points, windowMs: QUOTA_WINDOW_MS }, port.storage, PREFIX)
    const requests = counter('requests', requestQuota)
    const events = counter('events', eventQuota)
    const counters = [requests, events].filter((each) => each !== null)
    if (counters.length > 0) await recallCounters(counters, port.storage, port.now(), PREFIX)
    return new Quotas(port, requests, events)
  }

  /** Counts a request. @throws XrpcError 429 RequestQuotaExceeded */
  admitRequest(): null {
    const now = this.#port.now()
    const { remaining = 1, resetMs = 0 } = this.#requests?.standing(ALL, now) ?? {}
    if (remaining <= 0)
      throw overDay('RequestQuotaExceeded', 'This address has answered all the requests that it may answer in a day.', resetMs)
    this.#requests?.spend(ALL, 1, now)
    return null
  }

  /** For what would make the pod write, before it does. @throws XrpcError 429 EventQuotaExceeded, 507 StorageQuotaExceeded */
  async admitWrite(pathname: string): Promise<null> {
    const { account } = policyOf(pathname, 'POST')
    const isImport = pathname === IMPORT
    if (!isImport && !account.includes('writes') && !account.includes('uploads')) return null
    const { remaining = 1, resetMs = 0 } = this.#events?.standing(ALL, this.#port.now()) ?? {}
    if (remaining <= 0)
      throw overDay('EventQuotaExceeded', 'This account has made all the commits that it may make in a day here.', resetMs)
    if (pathname !== DELETE && (await this.#isFull()))
      throw new XrpcError(507, 'StorageQuotaExceeded', FULL, { headers: { 'retry-after': String(STORAGE_RETRY_S) } })
    return null
  }

  /** For an event that the tab sends: null, and it is counted, or why it has to wait. */
  async holds(body: Uint8Array): Promise<Refused | null> {
    const now = this.#port.now()
    const { remaining = 1 } = this.#events?.standing(ALL, now) ?? {}
    if (remaining <= 0) return overQuota('This account has made all the commits that it may make in a day here.')
    if ((await this.#isFull()) && takesRoom(body)) return overQuota(FULL)
    this.#events?.spend(ALL, 1, now)
    return null
  }

  /** @throws Refused OverQuota */
  async assertRoom(): Promise<void> {
    if (await this.#isFull()) throw overQuota(FULL)
  }

  async use(): Promise<RoomReport['quotas']> {
    const now = this.#port.now()
    const ofDay = (counter: Counter | null) => {
      if (!counter) return null
      const { limit, remaining, resetMs } = counter.standing(ALL, now)
      return { limit: limit.points, used: limit.points - remaining, freeAt: now + resetMs }
    }
    const { storageQuotaBytes: limit } = this.#port.settings
    return {
      storage: limit === null ? null : { limit, used: await this.#port.storage.usedBytes() },
      requests: ofDay(this.#requests),
      events: ofDay(this.#events),
    }
  }

  async #isFull(): Promise<boolean> {
    const { storageQuotaBytes } = this.#port.settings
    return storageQuotaBytes !== null && (await this.#port.storage.usedBytes()) >= storageQuotaBytes
  }
}

/** For the tab, which keeps what was refused. */
export const overQuota = (why = 'Something before this waits for a quota.'): Refused => new Refused('OverQuota', why)

const IMPORT = '/xrpc/com.atproto.repo.importRepo'
const DELETE = '/xrpc/com.atproto.repo.deleteRecord'
const FULL = 'This account has filled the storage that its relay gives it.'

const overDay = (error: string, message: string, resetMs: number): XrpcError =>
  new XrpcError(429, error, message, { headers: { 'retry-after': String(Math.ceil(resetMs / 1000)) } })

/** What only deletes gives some back, and what is said of the account must be heard. What cannot be read is for the mirror to refuse. */
const takesRoom = (body: Uint8Array): boolean => {
  try {
    const event = decodeEvent(body)
    return event.kind === 'commit' && event.ops.some(({ action }) => action !== 'delete')
  } catch {
    return false
  }
}
