/** When a grant is over by itself: the lifetimes of its client's kind, as the core has them, or what the owner has set. */
import { REFRESH_LIFETIME, REFRESH_LIFETIME_EXTENDED, SESSION_LIFETIME, SESSION_LIFETIME_EXTENDED } from '@atproto/oauth-provider/constants'
import type { TokenData } from '@atproto/oauth-provider/store'
import type { OAuthSessionRow } from '../store/oauth-schema.ts'

/** @returns ms since 1970 */
export const grantEnd = ({ createdAt, updatedAt, until = Infinity, data }: OAuthSessionRow): number => {
  const isPublic = (data as TokenData).clientAuth.method === 'none'
  const [session, refresh] = isPublic ? [SESSION_LIFETIME, REFRESH_LIFETIME] : [SESSION_LIFETIME_EXTENDED, REFRESH_LIFETIME_EXTENDED]
  return Math.min(until, createdAt + session, updatedAt + refresh)
}
