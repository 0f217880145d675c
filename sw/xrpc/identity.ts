/** com.atproto.identity.*: names. */
import * as resolveHandle from '../../lexicons/com/atproto/identity/resolveHandle.ts'
import { invalidRequest } from '../../wire/errors.ts'
import { anyone } from '../http/auth.ts'
import type { Identity } from '../identity/did-document.ts'
import { type Route, route } from './router.ts'

/** @param resolve handle → DID, null when it has none; asked for foreign handles only */
export const identityRoutes = (identity: Identity, resolve: (handle: string) => Promise<string | null>): Route[] => [
  route(resolveHandle.main, anyone, async ({ params }) => {
    const handle = params.handle.toLowerCase()
    const did = handle === identity.handle ? identity.did : await resolve(handle)
    if (did === null) throw invalidRequest('Unable to resolve handle', 'HandleNotFound')
    return { did }
  }),
]
