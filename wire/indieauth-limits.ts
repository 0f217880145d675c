/** The numbers of IndieAuth, each with its reason. */

const MINUTE_MS = 60 * 1000

/** A page that waits for a cold pod, and no longer: ten minutes is the ceiling. @see https://indieauth.spec.indieweb.org/#authorization-response */
export const INDIE_CODE_TTL_MS = 5 * MINUTE_MS
