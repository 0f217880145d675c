/** The numbers of IndieAuth, each with its reason. */

const MINUTE_MS = 60 * 1000
const DAY_MS = 24 * 60 * MINUTE_MS

/** A page that waits for a cold pod, and no longer: ten minutes is the ceiling. @see https://indieauth.spec.indieweb.org/#authorization-response */
export const INDIE_CODE_TTL_MS = 5 * MINUTE_MS
/** As of the AT Protocol's tokens: short, because whoever holds one needs no key for it. */
export const INDIE_ACCESS_TTL_MS = 25 * MINUTE_MS
/** From the consent, however often it is refreshed: what such a token opens is a name and a picture, and the next sign-in is one click. */
export const INDIE_GRANT_TTL_MS = 90 * DAY_MS
/** Of one grant. All used ones are kept, so that a stolen one is known by coming twice; a site that refreshes when its access token has ended never has more. */
export const MAX_USED_REFRESH_TOKENS = Math.ceil(INDIE_GRANT_TTL_MS / INDIE_ACCESS_TTL_MS)
/** client_id, redirect_uri: what fits into an address together with the rest of a request (browsers and proxies begin to cut at some 8,000). */
export const MAX_CLIENT_URL_CHARS = 2048
/** Some clients put signed data into it. */
export const MAX_STATE_CHARS = 2048
/** One line of the consent page. */
export const MAX_CLIENT_NAME_CHARS = 80
