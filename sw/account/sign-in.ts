/**
 * The owner's password at the door, with a lock that survives a killed worker.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html#account-lockout
 */
import { XrpcError } from '../../wire/errors.ts'
import { MAX_SIGN_IN_FAILURES, SIGN_IN_LOCK_MS } from '../../wire/limits.ts'
import type { Store } from '../store/open.ts'
import { changePod, readPod } from '../store/pod.ts'
import { hashPassword, isPassword } from './password.ts'

/** Who may be meant; a handle can change, so it is asked for anew each time. */
export interface Owner {
  readonly did: string
  readonly handle: string
}

/** The row of a new owner. @throws XrpcError 400 InvalidPassword */
export const makeOwner = async (password: string, rounds?: number) => ({
  ...(await hashPassword(password, rounds)),
  failures: 0,
  lockedUntil: 0,
})

/** Checks sign-ins one after the other, so that guesses made side by side are counted like guesses made in turn. */
export class SignIn {
  readonly #store: Store
  readonly #owner: Owner
  readonly #now: () => number
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: Store, owner: Owner, now: () => number = Date.now) {
    this.#store = store
    this.#owner = owner
    this.#now = now
  }

  /**
   * @param identifier handle, DID or e-mail address. @returns the account's e-mail address, where it has one
   * @throws XrpcError 401 AuthenticationRequired | 429 RateLimitExceeded (with Retry-After) while locked
   */
  check(identifier: string, password: string): Promise<{ readonly email?: string }> {
    const checked = this.#last.then(() => this.#check(identifier, password))
    this.#last = checked.catch(() => {})
    return checked
  }

  /** The account's e-mail address, where it has one. */
  async email(): Promise<string | undefined> {
    return (await readPod(this.#store, 'owner'))?.email
  }

  async #check(identifier: string, password: string): Promise<{ readonly email?: string }> {
    const row = await readPod(this.#store, 'owner')
    if (!row || !isMeant(identifier, this.#owner, row.email)) throw wrong()
    const now = this.#now()
    if (row.lockedUntil > now) throw locked(row.lockedUntil - now)
    if (await isPassword(password, row)) {
      if (row.failures > 0) await changePod(this.#store, 'owner', (row) => row && { ...row, failures: 0, lockedUntil: 0 })
      return row.email === undefined ? {} : { email: row.email }
    }
    await changePod(this.#store, 'owner', (row) => row && afterFailure(row, now))
    throw wrong()
  }
}

const isMeant = (identifier: string, owner: Owner, email: string | undefined): boolean => {
  const wanted = identifier.trim().replace(/^@/, '').toLowerCase()
  return wanted === owner.handle || wanted === owner.did.toLowerCase() || (email !== undefined && wanted === email.toLowerCase())
}

const afterFailure = <R extends { failures: number; lockedUntil: number }>(row: R, now: number): R => {
  const failures = row.failures + 1
  return failures < MAX_SIGN_IN_FAILURES ? { ...row, failures } : { ...row, failures: 0, lockedUntil: now + SIGN_IN_LOCK_MS }
}

const wrong = (): XrpcError => new XrpcError(401, 'AuthenticationRequired', 'Invalid identifier or password')

const locked = (ms: number): XrpcError =>
  new XrpcError(429, 'RateLimitExceeded', 'Too many failed sign-ins, try again later', {
    headers: { 'retry-after': String(Math.ceil(ms / 1000)) },
  })
