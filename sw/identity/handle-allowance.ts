/** How often the handle may change, and the network be told of the identity. */
import { XrpcError } from '../../wire/errors.ts'
import { ANNOUNCE_LIMITS, HANDLE_CHANGE_LIMITS } from '../../wire/limits.ts'
import { assertAdmitted, spend, type Spending } from '../account/allowance.ts'
import type { Store } from '../store/open.ts'
import { changePod } from '../store/pod.ts'

/** Counts one attempt. @throws XrpcError 429 RateLimitExceeded, with `retry-after` */
export const spendHandleChange = async (store: Store, now: number): Promise<void> => {
  let spending: Spending = { spent: [], waitMs: 0 }
  await changePod(store, 'handleChanges', (row = []) => {
    spending = spend(row, HANDLE_CHANGE_LIMITS, now)
    return spending.spent
  })
  assertAdmitted(spending)
}

/** Counts one more telling. @throws XrpcError 429 RateLimitExceeded, with `retry-after` */
export const spendAnnouncement = async (store: Store, now: number): Promise<void> => {
  let spending: Spending = { spent: [], waitMs: 0 }
  await changePod(store, 'announced', (row = []) => {
    spending = spend(row, ANNOUNCE_LIMITS, now)
    return spending.spent
  })
  const waitS = Math.ceil(spending.waitMs / 1000)
  if (waitS > 0)
    throw new XrpcError(429, 'RateLimitExceeded', `The network was told less than a minute ago. Try again in ${waitS} seconds.`, {
      headers: { 'retry-after': String(waitS) },
    })
}
