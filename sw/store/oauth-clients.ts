/** Apps that the owner has let in before, and for what. */
import { settle } from './failure.ts'
import type { OAuthClientRow } from './oauth-schema.ts'
import type { Store } from './open.ts'

export const readOAuthClient = (store: Store, clientId: string): Promise<OAuthClientRow | undefined> => store.get('oauthClients', clientId)

export const readOAuthClients = (store: Store): Promise<OAuthClientRow[]> => store.getAll('oauthClients')

export const putOAuthClient = async (store: Store, row: OAuthClientRow): Promise<void> => {
  const tx = store.transaction('oauthClients', 'readwrite')
  await settle(tx, () => tx.store.put(row))
}

export const deleteOAuthClient = async (store: Store, clientId: string): Promise<void> => {
  const tx = store.transaction('oauthClients', 'readwrite')
  await settle(tx, () => tx.store.delete(clientId))
}
