/**
 * com.atproto.identity.*: the operations of a did:plc, by which an account moves from one server to another.
 * @see https://atproto.com/guides/account-migration#updating-identity
 */
import * as getRecommendedDidCredentials from '../../lexicons/com/atproto/identity/getRecommendedDidCredentials.ts'
import * as requestPlcOperationSignature from '../../lexicons/com/atproto/identity/requestPlcOperationSignature.ts'
import * as signPlcOperation from '../../lexicons/com/atproto/identity/signPlcOperation.ts'
import * as submitPlcOperation from '../../lexicons/com/atproto/identity/submitPlcOperation.ts'
import { invalidRequest } from '../../wire/errors.ts'
import type { Inbox } from '../account/inbox.ts'
import type { Authenticator } from '../http/auth.ts'
import type { IdentityChanges } from '../identity/identity-changes.ts'
import { always, type AppRule } from '../http/permissions.ts'
import { type Route, route } from './router.ts'

const mayChangeAll: AppRule = (may) => may.identity('*')

export const identityPlcRoutes = (services: {
  readonly authenticator: Authenticator
  readonly changes: IdentityChanges
  readonly inbox: Inbox
}): Route[] => {
  const { authenticator, changes, inbox } = services
  return [
    route(getRecommendedDidCredentials.main, authenticator.access(always), () => changes.recommend()),
    route(requestPlcOperationSignature.main, authenticator.accessFull(mayChangeAll), async () => {
      await inbox.issue('plc-operation')
      return undefined
    }),
    route(signPlcOperation.main, authenticator.accessFull(mayChangeAll), async ({ input }) => {
      const { token, ...wanted } = input
      if (!token) throw invalidRequest('A token from requestPlcOperationSignature is needed to sign PLC operations')
      // The token is used up last: a directory that is down costs none.
      return { operation: await changes.sign(wanted, () => inbox.redeem('plc-operation', token)) }
    }),
    route(submitPlcOperation.main, authenticator.access(mayChangeAll), async ({ input }) => {
      await changes.submit(input.operation)
      return undefined
    }),
  ]
}
