/** Browsers that have been at the authorize or the account page, and who is signed in there. */
import { settle } from './failure.ts'
import type { OAuthDeviceRow } from './oauth-schema.ts'
import type { Store } from './open.ts'

export const readOAuthDevice = (store: Store, id: string): Promise<OAuthDeviceRow | undefined> => store.get('oauthDevices', id)

export const readOAuthDevices = (store: Store): Promise<OAuthDeviceRow[]> => store.getAll('oauthDevices')

/** @param change synchronous; undefined: the row goes, or is not made. @returns the row as it is afterwards */
export const changeOAuthDevice = (
  store: Store,
  id: string,
  change: (row: OAuthDeviceRow | undefined) => OAuthDeviceRow | undefined,
): Promise<OAuthDeviceRow | undefined> => {
  const tx = store.transaction('oauthDevices', 'readwrite')
  return settle(tx, async () => {
    const row = change(await tx.store.get(id))
    await (row ? tx.store.put(row) : tx.store.delete(id))
    return row
  })
}
