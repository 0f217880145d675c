/** com.atproto.identity.*: names and documents. */
import * as resolveDid from '../../lexicons/com/atproto/identity/resolveDid.ts'
import * as resolveHandle from '../../lexicons/com/atproto/identity/resolveHandle.ts'
import { invalidRequest, notImplemented } from '../../wire/errors.ts'
import { anyone } from '../http/auth.ts'
import type { Self } from '../identity/self.ts'
import { type Route, route } from './router.ts'

/** `resolve`: handle → DID, null when it has none; asked for foreign handles only. */
export const identityRoutes = ({
  identity,
  resolve,
}: {
  readonly identity: Self
  readonly resolve: (handle: string) => Promise<string | null>
}): Route[] => [
  route(resolveDid.main, anyone, ({ params }) => {
    if (params.did !== identity.did) throw notImplemented(`${resolveDid.$nsid} of other DIDs`)
    return { didDoc: { ...identity.document } }
  }),
  route(resolveHandle.main, anyone, async ({ params }) => {
    const handle = params.handle.toLowerCase()
    const did = handle === identity.handle ? identity.did : await resolve(handle)
    if (did === null) throw invalidRequest('Unable to resolve handle', 'HandleNotFound')
    return { did }
  }),
]
