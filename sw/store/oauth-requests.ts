/** Authorization requests that were pushed and wait for the owner, or for their code to be exchanged. Each change is one transaction. */
import { last, settle } from './failure.ts'
import type { OAuthRequestRow } from './oauth-schema.ts'
import type { Store } from './open.ts'

/** undefined where there is none, or its code was exchanged. */
export const readOAuthRequest = async (store: Store, id: string): Promise<OAuthRequestRow | undefined> => {
  const row = await store.get('oauthRequests', id)
  return row?.used === undefined ? row : undefined
}

/** What expired before `now` (ms) goes in the same transaction. */
export const addOAuthRequest = (store: Store, row: OAuthRequestRow, now: number): Promise<void> => {
  const tx = store.transaction('oauthRequests', 'readwrite')
  return settle(tx, async () => {
    const added = tx.store.put(row)
    const expired = await tx.store.index('expiresAt').getAllKeys(IDBKeyRange.upperBound(now))
    await last(tx, Promise.all([added, ...expired.map((id) => tx.store.delete(id))]))
  })
}

/** @param change synchronous. Nothing happens where there is no such row, or its code was exchanged. */
export const changeOAuthRequest = (store: Store, id: string, change: (row: OAuthRequestRow) => OAuthRequestRow): Promise<void> => {
  const tx = store.transaction('oauthRequests', 'readwrite')
  return settle(tx, async () => {
    const row = await tx.store.get(id)
    if (row && row.used === undefined) await last(tx, tx.store.put(change(row)))
  })
}

/** One whose code was exchanged stays: its session may be on the way. */
export const deleteOAuthRequest = (store: Store, id: string): Promise<void> => {
  const tx = store.transaction('oauthRequests', 'readwrite')
  return settle(tx, async () => {
    const row = await tx.store.get(id)
    if (row?.used === undefined) await tx.store.delete(id)
  })
}

/** Of two who come with the same code one gets the row, the other leaves word that somebody did. @param code digest */
export const takeOAuthCode = (store: Store, code: string): Promise<OAuthRequestRow | undefined> => {
  const tx = store.transaction('oauthRequests', 'readwrite')
  return settle(tx, async () => {
    const row = await tx.store.index('code').get(code)
    if (!row) return undefined
    await last(tx, tx.store.put({ ...row, used: row.used === undefined ? 'once' : 'again' }))
    return row.used === undefined ? row : undefined
  })
}

/** Codes that were not exchanged yet are worth nothing any more, nor is what one that is being exchanged would give. @param isMeant synchronous */
export const voidOAuthCodes = (store: Store, isMeant: (row: OAuthRequestRow) => boolean): Promise<void> => {
  const tx = store.transaction('oauthRequests', 'readwrite')
  return settle(tx, async () => {
    const rows = (await tx.store.getAll()).filter((row) => row.code !== undefined && isMeant(row))
    await Promise.all(rows.map((row) => tx.store.put({ ...row, used: 'again' })))
  })
}
