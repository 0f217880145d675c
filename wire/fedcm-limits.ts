/** The numbers of FedCM, each with its reason. */

const KIB = 1024
const DAY_MS = 24 * 60 * 60 * 1000

/** A browser sends some 500 bytes, and what the site gives it along (`params`, percent-encoded: three times as long). */
export const MAX_FEDCM_BODY_BYTES = 32 * KIB
export const MAX_FEDCM_PARAMS_CHARS = 4 * KIB
/** Fits the address of `/fedcm/continue`, together with the client_id. */
export const MAX_FEDCM_STATE_CHARS = 1 * KIB
export const MAX_FEDCM_CLIENT_CHARS = 2 * KIB
/** Sites that are told to the browser as known, the newest first: all of them is a page of addresses with each look. */
export const MAX_FEDCM_APPROVED_CLIENTS = 200
export const MAX_FEDCM_APPROVED_CHARS = 16 * KIB
/** What the tab leaves with its room: more than a person has browsers, and an accounts answer with room to spare for what is in it beside sites. It is one row of the room's storage. */
export const MAX_FEDCM_SESSIONS = 64
export const MAX_FEDCM_ACCOUNTS_CHARS = 32 * KIB
/** What the browser was pushed is looked at anew by the page at each start; a browser that never comes back forgets it. */
export const FEDCM_PUSHED_MS = 30 * DAY_MS
