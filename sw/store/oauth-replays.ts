/** What may be shown once only, remembered for as long as it would be believed. */
import { MAX_REPLAYS_PRUNED } from '../../wire/oauth-limits.ts'
import { last, settle } from './failure.ts'
import type { Store } from './open.ts'

/** One request: this is asked at every call of an app. @param until ms. @returns false where it was there already */
export const addOAuthReplay = async (store: Store, key: string, until: number): Promise<boolean> => {
  const tx = store.transaction('oauthReplays', 'readwrite')
  try {
    await settle(tx, () => last(tx, tx.store.add({ key, until })))
    return true
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'ConstraintError') return false
    throw cause
  }
}

/** Drops what would not be believed any more, some at a time. */
export const pruneOAuthReplays = (store: Store, now: number): Promise<void> => {
  const tx = store.transaction('oauthReplays', 'readwrite')
  return settle(tx, async () => {
    const past = await tx.store.index('until').getAllKeys(IDBKeyRange.upperBound(now), MAX_REPLAYS_PRUNED)
    await Promise.all(past.map((key) => tx.store.delete(key)))
  })
}
