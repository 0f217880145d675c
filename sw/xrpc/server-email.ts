/** com.atproto.server.*: the e-mail address, and a forgotten password. Tokens reach the owner through the inbox. */
import * as confirmEmail from '../../lexicons/com/atproto/server/confirmEmail.ts'
import * as requestEmailConfirmation from '../../lexicons/com/atproto/server/requestEmailConfirmation.ts'
import * as requestEmailUpdate from '../../lexicons/com/atproto/server/requestEmailUpdate.ts'
import * as requestPasswordReset from '../../lexicons/com/atproto/server/requestPasswordReset.ts'
import * as resetPassword from '../../lexicons/com/atproto/server/resetPassword.ts'
import * as updateEmail from '../../lexicons/com/atproto/server/updateEmail.ts'
import type { Email } from '../account/email.ts'
import type { OwnerPassword } from '../account/owner-password.ts'
import { anyone, type Authenticator } from '../http/auth.ts'
import { type AppRule, never } from '../http/permissions.ts'
import { type Route, route } from './router.ts'

const mayManageEmail: AppRule = (may) => may.account('email', 'manage')
/** Who can read the old address could take the account over by it. */
const notByApps = never('Use the account manager interface to update email address associated with an account')

export const emailRoutes = (services: {
  readonly authenticator: Authenticator
  readonly email: Email
  readonly ownerPassword: OwnerPassword
}): Route[] => {
  const { authenticator, email, ownerPassword } = services
  return [
    route(requestEmailConfirmation.main, authenticator.access(mayManageEmail), async () => {
      await email.requestConfirmation()
      return undefined
    }),
    route(confirmEmail.main, authenticator.access(mayManageEmail), async ({ input }) => {
      await email.confirm(input.email, input.token)
      return undefined
    }),
    route(requestEmailUpdate.main, authenticator.accessFull(notByApps), () => email.requestUpdate()),
    route(updateEmail.main, authenticator.accessFull(notByApps), async ({ input }) => {
      await email.update(input.email, input.token)
      return undefined
    }),
    route(requestPasswordReset.main, anyone, async ({ input }) => {
      await ownerPassword.requestReset(input.email)
      return undefined
    }),
    route(resetPassword.main, anyone, async ({ input }) => {
      await ownerPassword.reset(input.token, input.password)
      return undefined
    }),
  ]
}
