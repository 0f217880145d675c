/** Sites that the owner has let know who this is, and the codes that tell them. Each change is one transaction. */
import { settle } from './failure.ts'
import type { IndieCodeRow, SiteRow } from './indieauth-schema.ts'
import type { Store } from './open.ts'

export const readSites = (store: Store): Promise<SiteRow[]> => store.getAll('sites')

/** A consent and its code. Codes that expired before this one was made go. @param change synchronous; null: there is no consent @returns whether there is one */
export const addIndieCode = (store: Store, code: IndieCodeRow, change: (row: SiteRow | undefined) => SiteRow | null): Promise<boolean> => {
  const tx = store.transaction(['sites', 'indieCodes'], 'readwrite')
  return settle(tx, async () => {
    const [sites, codes] = [tx.objectStore('sites'), tx.objectStore('indieCodes')]
    const site = change(await sites.get(code.clientId))
    if (!site) return false
    await sites.put(site)
    const expired = await codes.index('expiresAt').getAllKeys(IDBKeyRange.upperBound(code.at))
    await Promise.all([codes.put(code), ...expired.map((digest) => codes.delete(digest))])
    return true
  })
}

/** With its codes and tokens. @returns whether it was known */
export const deleteSite = (store: Store, clientId: string): Promise<boolean> => {
  const tx = store.transaction(['sites', 'indieCodes', 'indieTokens'], 'readwrite')
  return settle(tx, async () => {
    const [sites, codes, tokens] = [tx.objectStore('sites'), tx.objectStore('indieCodes'), tx.objectStore('indieTokens')]
    const [site, itsCodes, itsTokens] = await Promise.all([
      sites.getKey(clientId),
      codes.index('clientId').getAllKeys(clientId),
      tokens.index('clientId').getAllKeys(clientId),
    ])
    await Promise.all([
      sites.delete(clientId),
      ...itsCodes.map((digest) => codes.delete(digest)),
      ...itsTokens.map((digest) => tokens.delete(digest)),
    ])
    return site !== undefined
  })
}
