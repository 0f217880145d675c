/** com.atproto.identity.*: names and documents. */
import * as refreshIdentity from '../../lexicons/com/atproto/identity/refreshIdentity.ts'
import * as resolveDid from '../../lexicons/com/atproto/identity/resolveDid.ts'
import * as resolveHandle from '../../lexicons/com/atproto/identity/resolveHandle.ts'
import * as resolveIdentityMethod from '../../lexicons/com/atproto/identity/resolveIdentity.ts'
import * as updateHandle from '../../lexicons/com/atproto/identity/updateHandle.ts'
import type { LexMap } from '@atproto/lex'
import { anyone, type Authenticator } from '../http/auth.ts'
import { always } from '../http/permissions.ts'
import type { IdentityChanges } from '../identity/identity-changes.ts'
import { findDid, type IdentityResolverParts, readDocument, type ResolvedIdentity, resolveIdentity } from '../identity/identity-resolver.ts'
import { type Route, route } from './router.ts'

export interface IdentityServices extends IdentityResolverParts {
  readonly authenticator: Authenticator
  readonly changes: IdentityChanges
}

export const identityRoutes = (services: IdentityServices): Route[] => {
  const { authenticator, changes } = services
  return [
    route(resolveDid.main, anyone, async ({ params }) => ({ didDoc: toLexMap(await readDocument(services, params.did)) })),
    route(resolveHandle.main, anyone, async ({ params }) => ({ did: await findDid(services, params.handle) })),
    route(resolveIdentityMethod.main, anyone, async ({ params }) => toAnswer(await resolveIdentity(services, params.identifier))),
    // Each costs a question to other servers, whatever is remembered: not for everyone.
    route(refreshIdentity.main, authenticator.access(always), async ({ input }) =>
      toAnswer(await resolveIdentity(services, input.identifier, { fresh: true })),
    ),
    route(
      updateHandle.main,
      authenticator.access((may) => may.identity('handle')),
      async ({ input }) => {
        await changes.changeHandle(input.handle)
        return undefined
      },
    ),
  ]
}

const toAnswer = ({ did, handle, didDoc }: ResolvedIdentity) => ({ did, handle, didDoc: toLexMap(didDoc) })

/** It came as JSON, or goes as such: every value of it is one of the data model. */
const toLexMap = (document: ResolvedIdentity['didDoc']): LexMap => document as unknown as LexMap
