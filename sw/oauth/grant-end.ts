/** When a grant is over by itself (the lifetimes of its client's kind, as the core has them, or what the owner has set), and what ends it before: the owner reads that in the ledger. */
import { REFRESH_LIFETIME, REFRESH_LIFETIME_EXTENDED, SESSION_LIFETIME, SESSION_LIFETIME_EXTENDED } from '@atproto/oauth-provider/constants'
import type { TokenData } from '@atproto/oauth-provider/store'
import { appendOAuthLedger } from '../store/oauth-ledger.ts'
import type { OAuthSessionRow } from '../store/oauth-schema.ts'
import { deleteOAuthSessions } from '../store/oauth-sessions.ts'
import type { Store } from '../store/open.ts'

/** @returns ms since 1970 */
export const grantEnd = ({ createdAt, updatedAt, until = Infinity, data }: OAuthSessionRow): number => {
  const isPublic = (data as TokenData).clientAuth.method === 'none'
  const [session, refresh] = isPublic ? [SESSION_LIFETIME, REFRESH_LIFETIME] : [SESSION_LIFETIME_EXTENDED, REFRESH_LIFETIME_EXTENDED]
  return Math.min(until, createdAt + session, updatedAt + refresh)
}

/** Not by the owner. @param why for the ledger, after a colon; left out where the app itself may have wished it */
export const endGrants = async (store: Store, at: number, isMeant: (row: OAuthSessionRow) => boolean, why?: string): Promise<void> => {
  for (const { clientId } of await deleteOAuthSessions(store, isMeant))
    await appendOAuthLedger(store, { at, what: 'end', outcome: 'done', clientId, ...(why !== undefined && { note: why }) })
}
