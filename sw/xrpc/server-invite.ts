/** com.atproto.server.*InviteCode(s) and com.atproto.temp.*: a pod is one account's, there is nobody to invite. Fixed answers, as the reference PDS gives them. */
import * as createInviteCode from '../../lexicons/com/atproto/server/createInviteCode.ts'
import * as createInviteCodes from '../../lexicons/com/atproto/server/createInviteCodes.ts'
import * as getAccountInviteCodes from '../../lexicons/com/atproto/server/getAccountInviteCodes.ts'
import * as checkHandleAvailability from '../../lexicons/com/atproto/temp/checkHandleAvailability.ts'
import * as checkSignupQueue from '../../lexicons/com/atproto/temp/checkSignupQueue.ts'
import { anyone, type Authenticator, nobody } from '../http/auth.ts'
import { never } from '../http/permissions.ts'
import { type Route, route } from './router.ts'

export const inviteRoutes = ({
  authenticator,
  isVacant,
}: {
  readonly authenticator: Authenticator
  readonly isVacant: () => boolean
}): Route[] => [
  route(createInviteCode.main, nobody, () => undefined),
  route(createInviteCodes.main, nobody, () => undefined),
  route(getAccountInviteCodes.main, authenticator.accessFull(never()), () => ({ codes: [] })),
  route(checkSignupQueue.main, authenticator.access(never()), () => ({ activated: true })),
  route(checkHandleAvailability.main, anyone, ({ params }) => ({
    handle: params.handle,
    result: isVacant()
      ? { $type: 'com.atproto.temp.checkHandleAvailability#resultAvailable' as const }
      : { $type: 'com.atproto.temp.checkHandleAvailability#resultUnavailable' as const, suggestions: [] },
  })),
]
