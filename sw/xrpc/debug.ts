/** `/xrpc/_debug/…`: the repo from inside, for scripts of its owner. Not there unless the owner wants it. */
import { lexStringify, type LexValue } from '@atproto/lex'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import type { Authenticator } from '../http/auth.ts'
import { never } from '../http/permissions.ts'
import type { Configuration } from '../operations/configuration.ts'
import { keepPrivate, privately } from './router.ts'

export interface DebugParts {
  readonly configuration: Pick<Configuration, 'settings'>
  readonly authenticator: Pick<Authenticator, 'accessFull'>
  readonly inspectRepo: () => Promise<object>
  readonly inspectBlock: (cid: string) => Promise<LexValue>
}

/** @throws XrpcError 404 NotFound while it is off | what `Authenticator.accessFull` throws | 400 InvalidRequest | 400 BlockNotFound */
export const makeDebug =
  ({ configuration, authenticator, inspectRepo, inspectBlock }: DebugParts) =>
  async (what: string, request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url)
    const isKnown = what === 'repo' || what === 'block'
    if (!configuration.settings.debugRoutes || !isKnown) throw new XrpcError(404, 'NotFound', `nothing is at ${pathname}`)
    try {
      await authenticator.accessFull(never())(request)
      if (what === 'repo') return keepPrivate(Response.json(await inspectRepo()))
      const cid = searchParams.get('cid')
      if (cid === null) throw invalidRequest('Say which block, as in ?cid=bafy…')
      return keepPrivate(
        new Response(lexStringify(await inspectBlock(cid)), { headers: { 'content-type': 'application/json; charset=utf-8' } }),
      )
    } catch (cause) {
      throw privately(cause)
    }
  }
