/** com.atproto.server.*AppPassword(s): one password for each app, without power over the account. */
import * as createAppPassword from '../../lexicons/com/atproto/server/createAppPassword.ts'
import * as listAppPasswords from '../../lexicons/com/atproto/server/listAppPasswords.ts'
import * as revokeAppPassword from '../../lexicons/com/atproto/server/revokeAppPassword.ts'
import type { AppPasswords } from '../account/app-passwords.ts'
import type { Authenticator } from '../http/auth.ts'
import { type Route, route } from './router.ts'

export const appPasswordRoutes = ({
  authenticator,
  appPasswords,
}: {
  readonly authenticator: Authenticator
  readonly appPasswords: AppPasswords
}): Route[] => [
  route(createAppPassword.main, authenticator.accessFull, ({ input }) => appPasswords.create(input.name, input.privileged ?? false)),
  // Apps may see and take back app passwords, as at the reference PDS; they learn no secret by it.
  route(listAppPasswords.main, authenticator.access, async () => ({ passwords: await appPasswords.list() })),
  route(revokeAppPassword.main, authenticator.access, async ({ input }) => {
    await appPasswords.revoke(input.name)
    return undefined
  }),
]
