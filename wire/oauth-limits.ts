/** The numbers of the OAuth provider, each with its reason. */

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
/** Forms speak of hours. */
export const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const KIB = 1024

/**
 * OAuth. Access tokens: below the 30 min that the AT Protocol profile allows; public clients' sessions end after the core's two weeks. Refresh tokens of confidential clients:
 * the profile's ceiling. @see https://atproto.com/specs/oauth#tokens-and-session-lifetime
 */
export const OAUTH_ACCESS_TTL_MS = 25 * MINUTE_MS
export const CONFIDENTIAL_REFRESH_TTL_MS = 180 * DAY_MS
/** A refresh token that was used this shortly before is shown again by a client that raced with itself: refused, without ending the session. */
export const OAUTH_REFRESH_GRACE_MS = 10 * SECOND_MS
/** Permission sets are looked up again after a day, and used for 90 while that fails. @see https://atproto.com/specs/permission */
export const LEXICON_STALE_MS = 1 * DAY_MS
/** Client metadata and keys are fetched anew when they are older (the reference PDS's figure). */
export const OAUTH_DOCUMENT_STALE_MS = 10 * MINUTE_MS
/** Real ones are a few kilobytes. Anybody can have documents fetched, under as many names as they like, so few of a kind are kept, and the oldest go. */
export const MAX_OAUTH_DOCUMENT_BYTES = 64 * KIB
export const MAX_OAUTH_DOCUMENTS = 256
/** Permission sets that are looked up at the same time: each is a question to DNS, a DID document and a record, and apps name one or two. */
export const MAX_SET_LOOKUPS = 16
/** DPoP ids are forgotten in batches: one every so many requests, and never more rows than one transaction deletes without being felt. */
export const REPLAYS_PER_PRUNE = 128
export const MAX_REPLAYS_PRUNED = 512
/** The longest that something shown once is remembered: code challenges, for a day and a tenth (the core's figure). */
export const MAX_REPLAY_MS = 2 * DAY_MS
/** The provider signs by a new key every quarter; older ones stay published long after what they signed has expired. */
export const PROVIDER_KEY_AGE_MS = 90 * DAY_MS
export const MAX_PROVIDER_KEYS = 6
/** One look at what a client publishes, within the deadline of the request that needs it. */
export const OAUTH_DOCUMENT_DEADLINE_MS = 5 * SECOND_MS
/** The longest that a sign-in in a browser is enough to let an app in. The owner chooses, a week unless another time is picked (which is all that the reference PDS has). */
export const OAUTH_SIGN_IN_MAX_AGE_MS = 30 * DAY_MS
/** A signed authorization response is good for as long as the code in it (the JARM specification's advice: ten minutes at most). */
export const OAUTH_SIGNED_REPLY_TTL_MS = 5 * MINUTE_MS
/** Entries of the consent ledger: years of one owner's sign-ins, and a megabyte or two. */
export const MAX_LEDGER_ENTRIES = 10_000
/** `max_age=0` of an app means a fresh sign-in, and after that the owner still has to read what the app asks for. */
export const OAUTH_LEAST_MAX_AGE_MS = 5 * MINUTE_MS

/** “Ask me every time”: long enough to read what an app asks for, and to look at the account page. */
export const BRIEF_SIGN_IN_MS = 10 * MINUTE_MS
/** When a browser was last seen is written down this often: a row for each look at a page would be a write for each read. */
export const DEVICE_SEEN_STEP_MS = 10 * MINUTE_MS
/** Browsers call themselves by some 150 characters. */
export const MAX_SHOWN_USER_AGENT_CHARS = 256
/** From the page with its challenge to the answer to it (the WebAuthn specification's advice: five to ten minutes). */
export const PASSKEY_DEADLINE_MS = 5 * MINUTE_MS
/** More than a person has devices. */
export const MAX_PASSKEYS = 30
export const MAX_PASSKEY_NAME_CHARS = 60
/** Keys of clients, and access tokens, whose cryptography need not be done again while the worker lives: one owner has a handful of apps. */
export const MAX_REMEMBERED_PROOF_KEYS = 64
export const MAX_REMEMBERED_TOKENS = 64
/** Buttons that give something away take no click so soon after their window came to the front: systems take two clicks for a double click up to this far apart, and Chromium's own dialogs wait as long. */
export const CLICK_GUARD_MS = SECOND_MS / 2
