/** How often the handle may change. */
import { HANDLE_CHANGE_LIMITS } from '../../wire/limits.ts'
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
