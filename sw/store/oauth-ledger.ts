/** The consent ledger: what happened at the door, in its order. */
import { MAX_LEDGER_ENTRIES } from '../../wire/oauth-limits.ts'
import { settle } from './failure.ts'
import type { OAuthLedgerRow } from './oauth-schema.ts'
import type { Store } from './open.ts'

/** The oldest entry makes room where there are too many. */
export const appendOAuthLedger = (store: Store, row: OAuthLedgerRow): Promise<void> => {
  const tx = store.transaction('oauthLedger', 'readwrite')
  return settle(tx, async () => {
    const id = await tx.store.add(row)
    await tx.store.delete(IDBKeyRange.upperBound(id - MAX_LEDGER_ENTRIES))
  })
}

/** Newest first. */
export const readOAuthLedger = async (store: Store): Promise<OAuthLedgerRow[]> => (await store.getAll('oauthLedger')).reverse()
