/** How often something may be asked for. The times are kept in storage by whoever spends, because a worker ends at any time. */
import { XrpcError } from '../../wire/errors.ts'

/** At most `times` within `windowMs`. */
export interface Limit {
  readonly windowMs: number
  readonly times: number
}

export interface Spending {
  /** What to remember: ms since 1970, oldest first. */
  readonly spent: readonly number[]
  /** 0: admitted. */
  readonly waitMs: number
}

/** Counts one attempt, unless there were too many. */
export const spend = (before: readonly number[], limits: readonly Limit[], now: number): Spending => {
  const longest = Math.max(...limits.map(({ windowMs }) => windowMs))
  // A time ahead of the clock was written by a clock that is set back now: it counts, but not for longer than any other.
  const spent = before.map((at) => Math.min(at, now)).filter((at) => at > now - longest)
  const waitMs = Math.max(0, ...limits.map(({ windowMs, times }) => (spent.at(-times) ?? -Infinity) + windowMs - now))
  return { spent: waitMs > 0 ? spent : [...spent, now], waitMs }
}

/** @throws XrpcError 429 RateLimitExceeded, with `retry-after` */
export const assertAdmitted = ({ waitMs }: Spending): void => {
  if (waitMs > 0)
    throw new XrpcError(429, 'RateLimitExceeded', 'Rate Limit Exceeded', { headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) } })
}
