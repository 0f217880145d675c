/**
 * How much of a room one client, and one account, may ask for: judged before a request reaches mirror or tab, told in every answer.
 * @see https://docs.bsky.app/docs/advanced-guides/rate-limits
 */
import type { RepoOp } from '../../wire/event.ts'
import { XrpcError } from '../../wire/errors.ts'
import { MAX_OPEN_PER_ADDRESS } from '../../wire/limits.ts'
import { RATE_LIMITS, WRITE_POINTS } from '../../wire/rate-limits.ts'
import { isOnThisMachine } from '../hostname.ts'
import type { RoomPort } from '../port.ts'
import { clientAddress, UNKNOWN } from './client-address.ts'
import { Counter, recallCounters, type Standing } from './counter.ts'
import { type LimitName, policyOf } from './policy.ts'

/** One request on its way. */
export interface Visit {
  /** Null: it may go on. @throws XrpcError 429 RateLimitExceeded, with its headers */
  admit(): null
  /** Says in the answer how the client stands, if it was admitted. Changes its headers in place. */
  settle(response: Response): void
}

/** All clients of the account together; a room has one. */
const ACCOUNT = 'account'
const UNLIMITED: Visit = { admit: () => null, settle() {} }

export class RateLimits {
  readonly #port: RoomPort
  readonly #counters: ReadonlyMap<LimitName, readonly Counter[]> | null
  /** Requests that wait for the head of their answer, by address, as far as addresses are known: nobody takes all places of a room (MAX_IN_FLIGHT). */
  readonly #open = new Map<string, number>()

  private constructor(port: RoomPort, counters: ReadonlyMap<LimitName, readonly Counter[]> | null) {
    this.#port = port
    this.#counters = counters
  }

  static async open(port: RoomPort): Promise<RateLimits> {
    const share = shareOf(port)
    if (share === null) return new RateLimits(port, null)
    const counters = new Map(LIMIT_NAMES.map((name) => [name, countersOf(name, share, port)]))
    await recallCounters([...counters.values()].flat(), port.storage, port.now())
    if (port.settings.trustedProxy === 'none' && !isOnThisMachine(port.host)) warnOnce()
    return new RateLimits(port, counters)
  }

  visit(request: Request, pathname: string): Visit {
    const counters = this.#counters
    if (!counters) return UNLIMITED
    const { address, account } = policyOf(pathname, request.method)
    const who = clientAddress(request.headers, this.#port.settings.trustedProxy)
    const ofAddress = address.flatMap((name) => counters.get(name) ?? [])
    const ofAccount = account.flatMap((name) => counters.get(name) ?? [])
    let isAdmitted = false
    const standings = (now: number): Standing[] => [
      ...ofAccount.map((counter) => counter.standing(ACCOUNT, now)),
      ...ofAddress.map((counter) => counter.standing(who, now)),
    ]
    return {
      admit: () => {
        const now = this.#port.now()
        const spent = standings(now).find(({ remaining }) => remaining <= 0)
        if (spent) throw tooMany(spent, now)
        this.#begin(who)
        for (const counter of ofAddress) counter.spend(who, 1, now)
        isAdmitted = true
        return null
      },
      settle: (response) => {
        if (!isAdmitted) return
        this.#end(who)
        const now = this.#port.now()
        // What was written is counted by its commit.
        if (response.ok && !account.includes('writes')) for (const counter of ofAccount) counter.spend(ACCOUNT, 1, now)
        const tightest = standings(now).reduce((a, b) => (b.remaining < a.remaining ? b : a))
        for (const [name, value] of Object.entries(headersOf(tightest, now))) response.headers.set(name, value)
      },
    }
  }

  /** @throws XrpcError 429 RateLimitExceeded */
  #begin(who: string): void {
    if (who === UNKNOWN) return
    const open = this.#open.get(who) ?? 0
    if (open >= MAX_OPEN_PER_ADDRESS)
      throw new XrpcError(
        429,
        'RateLimitExceeded',
        `At most ${MAX_OPEN_PER_ADDRESS} requests of one address are answered at the same time.`,
        {
          headers: { 'retry-after': '1' },
        },
      )
    this.#open.set(who, open + 1)
  }

  #end(who: string): void {
    const open = this.#open.get(who) ?? 0
    if (open > 1) this.#open.set(who, open - 1)
    else this.#open.delete(who)
  }

  /** Of a commit that went out, whoever wrote it: exact, and nobody has to look into a request for it. */
  wrote(ops: readonly Pick<RepoOp, 'action'>[]): void {
    if (ops.length === 0) return
    const points = ops.reduce((sum, { action }) => sum + WRITE_POINTS[action], 0)
    for (const counter of this.#counters?.get('writes') ?? []) counter.spend(ACCOUNT, points, this.#port.now())
  }
}

let hasWarned = false
/** Anyone can make rooms open, by host names of their own. */
const warnOnce = (): void => {
  if (!hasWarned) console.warn('room: TABPOD_TRUSTED_PROXY is not set, so all clients of a room share one rate limit.')
  hasWarned = true
}

const LIMIT_NAMES = Object.keys(RATE_LIMITS) as LimitName[]

/** What the limits are multiplied by; null: there are none. */
const shareOf = ({ host, settings: { rateLimits } }: RoomPort): number | null => {
  if (rateLimits === 'public') return isOnThisMachine(host) ? null : 1
  return rateLimits === 'off' ? null : rateLimits
}

const countersOf = (name: LimitName, share: number, { storage }: RoomPort): Counter[] =>
  RATE_LIMITS[name].map(({ points, windowMs }) => {
    const limit = { name: `${name}/${windowMs / 1000}`, points: Math.max(1, Math.round(points * share)), windowMs }
    return new Counter(limit, storage)
  })

/** @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-07, but for the reset, which atproto has as a time in seconds */
const headersOf = ({ limit, remaining, resetMs }: Standing, now: number): Record<string, string> => ({
  'ratelimit-limit': String(limit.points),
  'ratelimit-remaining': String(remaining),
  'ratelimit-reset': String(Math.floor((now + resetMs) / 1000)),
  'ratelimit-policy': `${limit.points};w=${limit.windowMs / 1000}`,
})

const tooMany = (standing: Standing, now: number): XrpcError =>
  new XrpcError(429, 'RateLimitExceeded', 'Rate Limit Exceeded', {
    headers: { ...headersOf(standing, now), 'retry-after': String(Math.ceil(standing.resetMs / 1000)) },
  })
