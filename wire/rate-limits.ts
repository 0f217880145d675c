/** How often something may be asked for; all other numbers are in `limits.ts`. */

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Quotas that an operator sets are for a day. */
export const QUOTA_WINDOW_MS = DAY_MS
/** How long a client is told to wait for storage: the firehose gives some back as it grows old. */
export const STORAGE_RETRY_S = HOUR_MS / SECOND_MS

/**
 * Requests that the room lets through to mirror and tab: the reference PDS's figures, and so what clients are used to. `writes` are counted in points (WRITE_POINTS).
 * What an account may do in a room is counted when it was done, so that nobody without a token spends it.
 */
export const RATE_LIMITS = {
  /** All requests of one address, but for those with a limit of their own in `exports`. */
  requests: [{ windowMs: 5 * MINUTE_MS, points: 3000 }],
  exports: [{ windowMs: 5 * MINUTE_MS, points: 6000 }],
  writes: [
    { windowMs: HOUR_MS, points: 5000 },
    { windowMs: DAY_MS, points: 35_000 },
  ],
  uploads: [{ windowMs: DAY_MS, points: 1000 }],
  signIns: [
    { windowMs: 5 * MINUTE_MS, points: 30 },
    { windowMs: DAY_MS, points: 300 },
  ],
  newAccounts: [{ windowMs: 5 * MINUTE_MS, points: 100 }],
  deletions: [{ windowMs: 5 * MINUTE_MS, points: 50 }],
  newPasswords: [{ windowMs: 5 * MINUTE_MS, points: 50 }],
  resetRequests: [
    { windowMs: HOUR_MS, points: 15 },
    { windowMs: DAY_MS, points: 50 },
  ],
  tokens: [
    { windowMs: HOUR_MS, points: 5 },
    { windowMs: DAY_MS, points: 15 },
  ],
  handleChanges: [
    { windowMs: 5 * MINUTE_MS, points: 10 },
    { windowMs: DAY_MS, points: 50 },
  ],
} as const
export const WRITE_POINTS = { create: 3, update: 2, delete: 1 } as const
/** Windows from this length on outlive the room's sleep. Of shorter ones nobody gains much by waiting until it has slept, and a write for each request would cost more than most requests. */
export const KEPT_WINDOW_MS = HOUR_MS
/** A count that moves more often than this is written ahead, in steps of a twentieth of its limit (RATE_STEPS). */
export const RATE_BURST_MS = 10 * SECOND_MS
export const RATE_STEPS = 20
/** Addresses counted at the same time, of each limit: 1 MB of memory. Beyond it the oldest begins anew. */
export const MAX_COUNTED_ADDRESSES = 10_000

/** Wrong operator tokens of one address: a person mistypes a few, and with 60 an hour 16 characters are not found by anyone. */
export const OPERATOR_GUESSES = { windowMs: HOUR_MS, points: 60 } as const
