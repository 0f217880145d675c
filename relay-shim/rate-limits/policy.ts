/** Which limits a request falls under, and whose they are. */
import { RATE_LIMITS } from '../../wire/rate-limits.ts'
import { isPage } from '../answer.ts'

export type LimitName = keyof typeof RATE_LIMITS

/**
 * `address`: counted when the request comes, by where it comes from.
 * `account`: counted when it was done, all clients of the account together; a request that is refused costs the account nothing.
 */
export interface Policy {
  readonly address: readonly LimitName[]
  readonly account: readonly LimitName[]
}

const ORDINARY: Policy = { address: ['requests'], account: [] }
const WRITE: Policy = { address: ['requests'], account: ['writes'] }
const SIGN_IN: Policy = { address: ['requests', 'signIns'], account: [] }
const TOKEN: Policy = { address: ['requests'], account: ['tokens'] }

/**
 * The reference PDS counts sign-ins by address and name that was given. One account lives here, so all names are guesses at the same one: the address alone counts.
 * It counts uploads by address; here they are the account's, as other writes are.
 */
const POLICIES: ReadonlyMap<string, Policy> = new Map<string, Policy>([
  ['com.atproto.sync.getRepo', { address: ['exports'], account: [] }],
  ['com.atproto.repo.createRecord', WRITE],
  ['com.atproto.repo.putRecord', WRITE],
  ['com.atproto.repo.deleteRecord', WRITE],
  ['com.atproto.repo.applyWrites', WRITE],
  ['com.atproto.repo.uploadBlob', { address: ['requests'], account: ['uploads'] }],
  ['com.atproto.identity.updateHandle', { address: ['requests'], account: ['handleChanges'] }],
  ['com.atproto.server.createSession', SIGN_IN],
  ['com.atproto.server.createAccount', { address: ['requests', 'newAccounts'], account: [] }],
  ['com.atproto.server.deleteAccount', { address: ['requests', 'deletions'], account: [] }],
  ['com.atproto.server.resetPassword', { address: ['requests', 'newPasswords'], account: [] }],
  ['com.atproto.server.requestPasswordReset', { address: ['requests', 'resetRequests'], account: [] }],
  ['com.atproto.server.requestEmailConfirmation', TOKEN],
  ['com.atproto.server.requestEmailUpdate', TOKEN],
  ['com.atproto.server.requestAccountDelete', TOKEN],
])

const METHOD = /^\/xrpc\/([^/]+)\/?$/

/** However the path is written: what the tab takes for a method is one here. */
export const policyOf = (pathname: string, method: string): Policy => {
  const path = decoded(pathname)
  // Any of their forms may carry a password.
  if (method === 'POST' && isPage(path)) return SIGN_IN
  return POLICIES.get(METHOD.exec(path)?.[1] ?? '') ?? ORDINARY
}

const decoded = (pathname: string): string => {
  if (!pathname.includes('%')) return pathname
  try {
    return decodeURIComponent(pathname)
  } catch {
    return pathname
  }
}
