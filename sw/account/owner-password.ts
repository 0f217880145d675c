/** A new password for the owner: forgotten, or changed in the app. Whoever was signed in by the old one no longer is. */
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from '../../wire/limits.ts'
import type { Store } from '../store/open.ts'
import { changePod } from '../store/pod.ts'
import type { Email } from './email.ts'
import type { Inbox } from './inbox.ts'
import type { Sessions } from './sessions.ts'
import { makeOwner } from './sign-in.ts'

export interface OwnerPassword {
  /** @param email the account's own. @throws XrpcError 400 InvalidRequest where it is not, or there is none */
  requestReset(email: string): Promise<void>
  /** @throws XrpcError 400 InvalidRequest (length) | InvalidToken | ExpiredToken */
  reset(token: string, password: string): Promise<void>
  /** As the owner wants it in the app. App passwords stay, sessions end. @throws XrpcError 400 InvalidPassword */
  set(password: string): Promise<void>
}

export const ownerPasswordOf = (parts: {
  readonly store: Store
  readonly inbox: Inbox
  readonly email: Pick<Email, 'current'>
  readonly sessions: Pick<Sessions, 'closeAll'>
  /** Told before anybody hears that it is set: whoever was let in by the old one. */
  readonly changed?: () => Promise<void>
  readonly rounds?: number
}): OwnerPassword => {
  const { store, inbox, email, sessions, changed, rounds } = parts

  const set = async (password: string): Promise<void> => {
    const made = await makeOwner(password, rounds)
    await changePod(store, 'owner', (row) => ({ ...row, ...made }))
    await sessions.closeAll()
    await changed?.()
  }

  return {
    set,

    async requestReset(address) {
      const { email: own } = await email.current()
      if (own === undefined || own !== address.toLowerCase()) throw invalidRequest('account does not have an email address')
      await inbox.issue('reset-password')
    },

    async reset(token, password) {
      if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) throw invalidRequest('Invalid password length.')
      await inbox.redeem('reset-password', token)
      await set(password)
    },
  }
}
