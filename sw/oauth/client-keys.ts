/**
 * A grant of a confidential client is bound to the key by which the client proved itself. A client that takes a key out of its JWKS ends the grants that were bound to it.
 * @see https://atproto.com/specs/oauth#confidential-client-authentication
 */
import type { OAuthClientMetadata } from '@atproto/oauth-types'
import type { Jwks } from '@atproto/oauth-provider/provider'
import type { TokenData } from '@atproto/oauth-provider/store'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { readOAuthDocument } from '../store/oauth-documents.ts'
import type { OAuthSessionRow } from '../store/oauth-schema.ts'
import { readOAuthSessions } from '../store/oauth-sessions.ts'
import type { Store } from '../store/open.ts'
import { endGrants } from './grant-end.ts'

/** Called with a client's metadata whenever they were fetched. */
export const endWithoutInlineKey = async (store: Store, at: number, clientId: string, { jwks }: OAuthClientMetadata): Promise<void> => {
  if (jwks) await endWithoutKey(store, at, (row) => row.clientId === clientId, jwks)
}

/** Called with a JWKS whenever it was fetched. */
export const endWithoutPublishedKey = async (store: Store, at: number, url: string, jwks: Jwks): Promise<void> => {
  const clientIds = new Set((await readOAuthSessions(store)).map(({ clientId }) => clientId))
  const concerned = new Set<string>()
  for (const clientId of clientIds) {
    const metadata = (await readOAuthDocument(store, `client ${clientId}`))?.value as OAuthClientMetadata | undefined
    if (metadata?.jwks_uri === url) concerned.add(clientId)
  }
  if (concerned.size > 0) await endWithoutKey(store, at, ({ clientId }) => concerned.has(clientId), jwks)
}

const endWithoutKey = async (store: Store, at: number, isConcerned: (row: OAuthSessionRow) => boolean, { keys }: Jwks): Promise<void> => {
  const thumbprints = new Set(await Promise.all(keys.map((key) => calculateJwkThumbprint(key as JWK, 'sha512'))))
  const isMeant = (row: OAuthSessionRow): boolean => {
    const { clientAuth } = row.data as TokenData
    return isConcerned(row) && clientAuth.method === 'private_key_jwt' && !thumbprints.has(clientAuth.jkt)
  }
  await endGrants(store, at, isMeant, 'it has withdrawn the key that it proved itself by')
}
