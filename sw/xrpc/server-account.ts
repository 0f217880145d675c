/**
 * com.atproto.server.*: an account comes, is activated, deactivated, and goes.
 * @see https://atproto.com/guides/account-migration
 */
import * as activateAccount from '../../lexicons/com/atproto/server/activateAccount.ts'
import * as checkAccountStatus from '../../lexicons/com/atproto/server/checkAccountStatus.ts'
import * as createAccount from '../../lexicons/com/atproto/server/createAccount.ts'
import * as deactivateAccount from '../../lexicons/com/atproto/server/deactivateAccount.ts'
import * as deleteAccount from '../../lexicons/com/atproto/server/deleteAccount.ts'
import * as requestAccountDelete from '../../lexicons/com/atproto/server/requestAccountDelete.ts'
import * as reserveSigningKey from '../../lexicons/com/atproto/server/reserveSigningKey.ts'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import type { Inbox } from '../account/inbox.ts'
import type { Sessions } from '../account/sessions.ts'
import type { SignIn } from '../account/sign-in.ts'
import type { AccountStanding } from '../account/standing.ts'
import { anyone, type Authenticator } from '../http/auth.ts'
import { always, never } from '../http/permissions.ts'
import type { DidDocument } from '../identity/did-document.ts'
import type { Self } from '../identity/self.ts'
import { type Route, route } from './router.ts'

/** No app can be authorized while the account is inactive, so none could do this with fresh credentials. */
const REACTIVATION = 'Account reactivation is not available with OAuth credentials. Sign in to your account management page to reactivate.'

/** What a client gives to create an account. */
export interface WantedAccount {
  readonly handle: string
  readonly password: string
  readonly email: string
  readonly did?: string
  readonly recoveryKey?: string
}

export const accountRoutes = (services: {
  readonly identity: Self
  readonly authenticator: Authenticator
  readonly signIn: SignIn
  readonly sessions: Pick<Sessions, 'closeAll'>
  readonly standing: AccountStanding
  readonly inbox: Inbox
  readonly vacancy: {
    admit(inviteCode: string): Promise<void>
    moveIn(account: WantedAccount): Promise<{ accessJwt: string; refreshJwt: string; did: string; handle: string; didDoc?: DidDocument }>
  }
  /** did:key of the repo's key. */
  readonly signingDidKey: string
  /** Deletes the pod, keys included, once the answer has gone out. */
  readonly leave: () => void
}): Route[] => {
  const { identity, authenticator, signIn, sessions, standing, inbox, vacancy, signingDidKey, leave } = services
  return [
    route(createAccount.main, anyone, async ({ input, request }) => {
      const { handle, did, password, email, inviteCode, plcOp, recoveryKey } = input
      if (plcOp !== undefined) throw invalidRequest('Unsupported input: "plcOp"')
      if (inviteCode === undefined || inviteCode === '') throw invalidRequest('No invite code provided', 'InvalidInviteCode')
      if (!email) throw invalidRequest('Email is required')
      if (password === undefined) throw invalidRequest('Password is required', 'InvalidPassword')
      // First, so that no stranger makes this pod look up DIDs and handles.
      await vacancy.admit(inviteCode)
      const requester = await authenticator.serviceAuthOptional(createAccount.main.nsid)(request)
      if (did !== undefined && did !== requester?.did)
        throw new XrpcError(401, 'AuthenticationRequired', `Missing auth to create account with did: ${did}`)
      const { didDoc, ...created } = await vacancy.moveIn({
        handle,
        password,
        email,
        ...(did !== undefined && { did }),
        ...(recoveryKey !== undefined && { recoveryKey }),
      })
      return { ...created, ...(didDoc && { didDoc: { ...didDoc } }) }
    }),

    // The key is there already: a vacant pod has the one that its account will have, and no other can be had.
    route(reserveSigningKey.main, anyone, () => ({ signingKey: signingDidKey })),

    route(checkAccountStatus.main, authenticator.reading(always), () => standing.status()),
    route(activateAccount.main, authenticator.accessFull(never(REACTIVATION)), async () => {
      await standing.activate()
      return undefined
    }),
    route(
      deactivateAccount.main,
      authenticator.accessFull((may) => may.account('status', 'manage')),
      async ({ input }) => {
        await standing.deactivate(input.deleteAfter)
        return undefined
      },
    ),

    route(requestAccountDelete.main, authenticator.accessFull(never()), async () => {
      await inbox.issue('delete-account')
      return undefined
    }),
    route(deleteAccount.main, anyone, async ({ input }) => {
      const { did, password, token } = input
      if (did !== identity.did) throw invalidRequest('account not found')
      await signIn.confirm(did, password)
      await inbox.redeem('delete-account', token)
      await sessions.closeAll()
      leave()
      return undefined
    }),
  ]
}
