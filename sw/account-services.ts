/** The services of the account, put together. */
import type { MailPurpose } from '../wire/frames.ts'
import { type AppPasswords, appPasswordsOf } from './account/app-passwords.ts'
import { type Email, emailOf } from './account/email.ts'
import { type Inbox, inboxOf } from './account/inbox.ts'
import { type OwnerPassword, ownerPasswordOf } from './account/owner-password.ts'
import { Sessions, type TokenIssuer } from './account/sessions.ts'
import { SignIn } from './account/sign-in.ts'
import { type AccountStanding, standingOf } from './account/standing.ts'
import type { Self } from './identity/self.ts'
import type { Configuration } from './operations/configuration.ts'
import type { Log } from './operations/log.ts'
import type { BlobService, RepoReader, RepoWriter } from './repo/contract.ts'
import type { Store } from './store/open.ts'
import { readPod } from './store/pod.ts'

export interface AccountServices {
  readonly sessions: Sessions
  readonly signIn: SignIn
  readonly appPasswords: AppPasswords
  readonly inbox: Inbox
  readonly email: Email
  readonly ownerPassword: OwnerPassword
  readonly standing: AccountStanding
}

export interface AccountParts {
  readonly store: Store
  readonly identity: Self
  readonly repo: RepoReader & RepoWriter
  readonly blobs: BlobService
  readonly issuer: TokenIssuer
  /** Rejects where the DID document does not name this pod. */
  readonly assertPointsHere: () => Promise<void>
  /** Has a token mailed. @returns whether it went; never rejects */
  readonly mail: (to: string, purpose: MailPurpose, token: string) => Promise<boolean>
  /** Told after every change that pages show. */
  readonly changed: () => void
  /** Ends what browsers are signed in by. */
  readonly passwordChanged: () => Promise<void>
  readonly log: Pick<Log, 'note'>
  readonly configuration: Pick<Configuration, 'settings'>
  readonly now: () => number
}

export const composeAccount = (parts: AccountParts): AccountServices => {
  const { store, identity, issuer, changed, log, now } = parts
  const sessions = new Sessions(store, issuer, now, () => parts.configuration.settings)
  const appPasswords = appPasswordsOf({ store, did: identity.did, sessions, now, changed })
  const mail = async (purpose: MailPurpose, token: string): Promise<boolean> => {
    const to = (await readPod(store, 'owner'))?.email
    return to !== undefined && parts.mail(to, purpose, token)
  }
  const inbox = inboxOf({ store, now, mail, changed })
  const email = emailOf({ store, inbox, now, changed })
  return {
    sessions,
    signIn: new SignIn(store, identity, appPasswords, now, log),
    appPasswords,
    inbox,
    email,
    ownerPassword: ownerPasswordOf({ store, inbox, email, sessions, changed: parts.passwordChanged }),
    standing: standingOf(parts),
  }
}
