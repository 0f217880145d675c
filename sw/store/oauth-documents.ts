/** Documents that were fetched from elsewhere for the OAuth provider: clients' metadata and keys, permission sets. */
import { settle } from './failure.ts'
import type { OAuthDocumentRow } from './oauth-schema.ts'
import type { Store } from './open.ts'

export const readOAuthDocument = (store: Store, key: string): Promise<OAuthDocumentRow | undefined> => store.get('oauthDocuments', key)

export const putOAuthDocument = async (store: Store, row: OAuthDocumentRow): Promise<void> => {
  const tx = store.transaction('oauthDocuments', 'readwrite')
  await settle(tx, () => tx.store.put(row))
}

export const deleteOAuthDocument = async (store: Store, key: string): Promise<void> => {
  const tx = store.transaction('oauthDocuments', 'readwrite')
  await settle(tx, () => tx.store.delete(key))
}
