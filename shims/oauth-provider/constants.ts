/** For the OAuth provider's `oauth-constants.js`: its figures, but for the lifetimes that are ours (wire/limits.ts). */
import { CONFIDENTIAL_REFRESH_TTL_MS, LEXICON_STALE_MS } from '../../wire/oauth-limits.ts'

export * from '@atproto/oauth-provider/constants'
export const REFRESH_LIFETIME_EXTENDED = CONFIDENTIAL_REFRESH_TTL_MS
export const LEXICON_REFRESH_FREQUENCY = LEXICON_STALE_MS
