/** com.atproto.server.*AppPassword(s): one password for each app, without power over the account. */
import * as createAppPassword from '../../lexicons/com/atproto/server/createAppPassword.ts'
import * as listAppPasswords from '../../lexicons/com/atproto/server/listAppPasswords.ts'
import * as revokeAppPassword from '../../lexicons/com/atproto/server/revokeAppPassword.ts'
import type { AppPasswords } from '../account/app-passwords.ts'
import type { Authenticator } from '../http/auth.ts'
import { never } from '../http/permissions.ts'
import { type Route, route } from './router.ts'

export const appPasswordRoutes = ({
  authenticator,
  appPasswords,
}: {
  readonly authenticator: Authenticator
  readonly appPasswords: AppPasswords
}): Route[] => [
  route(createAppPassword.main, authenticator.accessFull(never()), ({ input }) =>
    appPasswords.create(input.name, input.privileged ?? false),
  ),
  // Who signed in with an app password may see and take back all of them, as at the reference PDS; they learn no secret by it.
  route(listAppPasswords.main, authenticator.access(never()), async () => ({ passwords: await appPasswords.list() })),
  route(revokeAppPassword.main, authenticator.access(never()), async ({ input }) => {
    await appPasswords.revoke(input.name)
    return undefined
  }),
]
