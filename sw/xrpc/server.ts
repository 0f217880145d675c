/** com.atproto.server.*: what this server is, and sessions. */
import * as createSession from '../../lexicons/com/atproto/server/createSession.ts'
import * as deleteSession from '../../lexicons/com/atproto/server/deleteSession.ts'
import * as describeServer from '../../lexicons/com/atproto/server/describeServer.ts'
import * as getSession from '../../lexicons/com/atproto/server/getSession.ts'
import * as refreshSession from '../../lexicons/com/atproto/server/refreshSession.ts'
import type { Standing } from '../../wire/frames.ts'
import type { Settings } from '../../wire/settings.ts'
import type { Email } from '../account/email.ts'
import type { Sessions } from '../account/sessions.ts'
import type { SignIn } from '../account/sign-in.ts'
import { anyone, type Authenticator } from '../http/auth.ts'
import { always } from '../http/permissions.ts'
import type { Self } from '../identity/self.ts'
import type { Configuration } from '../operations/configuration.ts'
import { type Route, route } from './router.ts'

/** Answer of describeServer; the room's mirror serves it too. @param did of the service, not of the account */
export const describeService = (did: string, { maxBlobBytes }: Pick<Settings, 'maxBlobBytes'>) => ({
  did,
  // A pod is somebody's already: no names to give away, nobody else can sign up.
  availableUserDomains: [],
  inviteCodeRequired: true,
  blobUploadLimit: maxBlobBytes,
  links: {},
  contact: {},
})

/** As sessions and repo status tell it: an account that is still arriving is as inactive as one that was deactivated. */
export const accountStatus = (standing: Standing) =>
  standing === 'active' ? { active: true } : { active: false, status: 'deactivated' as const }

export const serverRoutes = (services: {
  readonly identity: Self
  readonly serviceDid: string
  readonly configuration: Pick<Configuration, 'settings'>
  readonly authenticator: Authenticator
  readonly signIn: SignIn
  readonly sessions: Sessions
  readonly email: Pick<Email, 'current'>
}): Route[] => {
  const { identity, serviceDid, configuration, authenticator, signIn, sessions, email } = services
  const account = async (withEmail: boolean) => ({
    did: identity.did,
    handle: identity.handle,
    // Clients go where the document points: of an account that is arriving that is still its old server.
    ...(identity.standing !== 'arriving' && { didDoc: { ...identity.document } }),
    ...(withEmail && (await email.current())),
    ...accountStatus(identity.standing),
  })
  return [
    route(describeServer.main, anyone, () => describeService(serviceDid, configuration.settings)),
    route(createSession.main, anyone, async ({ input }) => {
      const appPassword = await signIn.check(input.identifier, input.password)
      return { ...(await sessions.open(appPassword ?? undefined)), ...(await account(true)) }
    }),
    route(refreshSession.main, authenticator.refresh, async ({ credentials }) => ({
      ...(await sessions.rotate(credentials.tokenId)),
      ...(await account(true)),
    })),
    route(getSession.main, authenticator.reading(always), ({ credentials }) => account(credentials.may.seesEmail)),
    route(deleteSession.main, authenticator.refreshEvenExpired, async ({ credentials }) => {
      await sessions.close(credentials.tokenId)
      return undefined
    }),
  ]
}
