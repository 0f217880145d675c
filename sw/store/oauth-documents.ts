/** Documents that were fetched from elsewhere for the OAuth provider: clients' metadata and keys, permission sets. */
import { MAX_OAUTH_DOCUMENTS } from '../../wire/oauth-limits.ts'
import { settle } from './failure.ts'
import type { OAuthDocumentRow } from './oauth-schema.ts'
import type { Store } from './open.ts'

export const readOAuthDocument = (store: Store, key: string): Promise<OAuthDocumentRow | undefined> => store.get('oauthDocuments', key)

/** The oldest half of its kind makes room where there are too many: whoever makes up clients pushes no permission set out. */
export const putOAuthDocument = (store: Store, row: OAuthDocumentRow): Promise<void> => {
  const tx = store.transaction('oauthDocuments', 'readwrite')
  return settle(tx, async () => {
    await tx.store.put(row)
    const kind = row.key.slice(0, row.key.indexOf(' ') + 1)
    const ofKind = IDBKeyRange.bound(kind, `${kind}\uffff`)
    if ((await tx.store.count(ofKind)) <= MAX_OAUTH_DOCUMENTS) return
    const rows = (await tx.store.getAll(ofKind)).sort((a, b) => a.at - b.at)
    await Promise.all(rows.slice(0, rows.length / 2).map(({ key }) => tx.store.delete(key)))
  })
}

export const deleteOAuthDocument = async (store: Store, key: string): Promise<void> => {
  const tx = store.transaction('oauthDocuments', 'readwrite')
  await settle(tx, () => tx.store.delete(key))
}
