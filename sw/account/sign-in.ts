/**
 * The owner's password, or an app password, at the door, with a lock that survives a killed worker.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html#account-lockout
 */
import { XrpcError } from '../../wire/errors.ts'
import type { Standing } from '../../wire/frames.ts'
import type { Log } from '../operations/log.ts'
import type { Store } from '../store/open.ts'
import { changePod, readPod } from '../store/pod.ts'
import type { PodRows } from '../store/schema.ts'
import { type AppPasswords, isAppPasswordShaped } from './app-passwords.ts'
import { afterFailure, assertUnlocked, NO_GUESSES } from './lock.ts'
import { hashPassword, isPassword } from './password.ts'
import type { UsedAppPassword } from './sessions.ts'

/** Who may be meant; all but the DID can change, so it is asked for anew each time. */
export interface Owner {
  readonly did: string
  readonly handle: string
  readonly standing: Standing
}

/** The row of a new owner. @throws XrpcError 400 InvalidPassword */
export const makeOwner = async (password: string, rounds?: number): Promise<PodRows['owner']> => ({
  ...(await hashPassword(password, rounds)),
  ...NO_GUESSES,
})

/** Checks sign-ins one after the other, so that guesses made side by side are counted like guesses made in turn. */
export class SignIn {
  readonly #store: Store
  readonly #owner: Owner
  readonly #appPasswords: Pick<AppPasswords, 'find'>
  readonly #now: () => number
  readonly #log: Pick<Log, 'note'> | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: Store, owner: Owner, appPasswords: Pick<AppPasswords, 'find'>, now: () => number = Date.now, log?: Pick<Log, 'note'>) {
    this.#store = store
    this.#owner = owner
    this.#appPasswords = appPasswords
    this.#now = now
    this.#log = log
  }

  /**
   * @param identifier handle, DID or e-mail address. @returns the app password that was used; null: the owner's own
   * @throws XrpcError 401 AuthenticationRequired | 429 RateLimitExceeded (with Retry-After) while locked
   */
  async check(identifier: string, password: string): Promise<UsedAppPassword | null> {
    return this.#noted(async (row) => {
      if (!isMeant(identifier, this.#owner, row.email)) throw wrong()
      // Its shape says which of the two it is: nearly every attempt costs one derivation.
      const found = isAppPasswordShaped(password) ? await this.#appPasswords.find(password) : null
      return found ?? ((await isPassword(password, row)) ? null : undefined)
    })
  }

  /** At a page, where a browser is let in and not an app: app passwords open nothing there. @throws like `check` */
  async checkOwner(identifier: string, password: string): Promise<void> {
    await this.#noted(async (row): Promise<null | undefined> => {
      if (!isMeant(identifier, this.#owner, row.email)) throw wrong()
      return (await isPassword(password, row)) ? null : undefined
    })
  }

  /** The owner's own password, for what no app may do. @throws like `check` */
  async confirm(did: string, password: string): Promise<void> {
    await this.#inTurn(async (row) => (did === this.#owner.did && (await isPassword(password, row)) ? null : undefined))
  }

  async #noted<T extends UsedAppPassword | null>(attempt: (row: PodRows['owner']) => Promise<T | undefined>): Promise<T> {
    try {
      const used = await this.#inTurn(attempt)
      this.#log?.note('sign-in', used ? `signed in with the app password “${used.name}”` : 'signed in with the password of the account')
      return used
    } catch (cause) {
      // Never what was typed: a password may stand where a name should.
      if (cause instanceof XrpcError)
        this.#log?.note(
          'sign-in',
          cause.status === 429 ? 'turned away after too many wrong passwords' : 'wrong name or password',
          'warning',
        )
      throw cause
    }
  }

  /** @param attempt undefined: wrong */
  #inTurn<T>(attempt: (row: PodRows['owner']) => Promise<T | undefined>): Promise<T> {
    const checked = this.#last.then(() => this.#attempt(attempt))
    this.#last = checked.catch(() => {})
    return checked
  }

  async #attempt<T>(attempt: (row: PodRows['owner']) => Promise<T | undefined>): Promise<T> {
    const row = await readPod(this.#store, 'owner')
    if (!row || this.#owner.standing === 'vacant') throw wrong()
    const now = this.#now()
    assertUnlocked(row, now)
    const result = await attempt(row)
    if (result === undefined) {
      await changePod(this.#store, 'owner', (row) => row && { ...row, ...afterFailure(row, now) })
      throw wrong()
    }
    if (row.failures > 0) await changePod(this.#store, 'owner', (row) => row && { ...row, ...NO_GUESSES })
    return result
  }
}

const isMeant = (identifier: string, owner: Owner, email: string | undefined): boolean => {
  const wanted = identifier.trim().replace(/^@/, '').toLowerCase()
  return wanted === owner.handle || wanted === owner.did.toLowerCase() || (email !== undefined && wanted === email.toLowerCase())
}

const wrong = (): XrpcError => new XrpcError(401, 'AuthenticationRequired', 'Invalid identifier or password')
