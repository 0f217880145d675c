/** The lock after too many wrong guesses, counted in a row of the store, so that a killed worker forgets none. */
import { XrpcError } from '../../wire/errors.ts'
import { MAX_SIGN_IN_FAILURES, SIGN_IN_LOCK_MS } from '../../wire/limits.ts'

export interface Guesses {
  readonly failures: number
  /** ms since 1970; 0: never locked. */
  readonly lockedUntil: number
}

export const NO_GUESSES: Guesses = { failures: 0, lockedUntil: 0 }

/** @throws XrpcError 429 RateLimitExceeded with Retry-After */
export const assertUnlocked = ({ lockedUntil }: Guesses, now: number): void => {
  if (lockedUntil <= now) return
  throw new XrpcError(429, 'RateLimitExceeded', 'Too many failed attempts, try again later', {
    headers: { 'retry-after': String(Math.ceil((lockedUntil - now) / 1000)) },
  })
}

export const afterFailure = ({ failures }: Guesses, now: number): Guesses =>
  failures + 1 < MAX_SIGN_IN_FAILURES ? { failures: failures + 1, lockedUntil: 0 } : { failures: 0, lockedUntil: now + SIGN_IN_LOCK_MS }
