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
import { type Route, route } from './router.ts'

export const emailRoutes = (services: {
  readonly authenticator: Authenticator
  readonly email: Email
  readonly ownerPassword: OwnerPassword
}): Route[] => {
  const { authenticator, email, ownerPassword } = services
  return [
    route(requestEmailConfirmation.main, authenticator.access, async () => {
      await email.requestConfirmation()
      return undefined
    }),
    route(confirmEmail.main, authenticator.access, async ({ input }) => {
      await email.confirm(input.email, input.token)
      return undefined
    }),
    route(requestEmailUpdate.main, authenticator.accessFull, () => email.requestUpdate()),
    route(updateEmail.main, authenticator.accessFull, async ({ input }) => {
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
