/** How often the handle may change. Kept in storage, because a worker ends at any time. */
import { XrpcError } from '../../wire/errors.ts'
import { HANDLE_CHANGE_LIMITS } from '../../wire/limits.ts'
import type { Store } from '../store/open.ts'
import { changePod } from '../store/pod.ts'

/** Counts one attempt. @throws XrpcError 429 RateLimitExceeded, with `retry-after` */
export const spendHandleChange = async (store: Store, now: number): Promise<void> => {
  let waitMs = 0
  await changePod(store, 'handleChanges', (row = []) => {
    const longest = Math.max(...HANDLE_CHANGE_LIMITS.map(({ windowMs }) => windowMs))
    // A time ahead of the clock was written by a clock that is set back now: it counts, but not for longer than any other.
    const times = row.map((at) => Math.min(at, now)).filter((at) => at > now - longest)
    waitMs = Math.max(...HANDLE_CHANGE_LIMITS.map(({ windowMs, changes }) => (times.at(-changes) ?? -Infinity) + windowMs - now))
    return waitMs > 0 ? times : [...times, now]
  })
  if (waitMs > 0)
    throw new XrpcError(429, 'RateLimitExceeded', 'Rate Limit Exceeded', { headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) } })
}
