/**
 * What the mirror answers, and how: one table of methods.
 * @see https://atproto.com/specs/xrpc
 */
import { XrpcError } from '../../wire/errors.ts'
import { documentAnswer, identityMethods } from './identity-methods.ts'
import { type Method, type MirrorView, json } from './method.ts'
import { repoMethods } from './repo-methods.ts'
import { syncMethods } from './sync-methods.ts'

const METHODS: ReadonlyMap<string, Method> = new Map(
  [...syncMethods, ...repoMethods, ...identityMethods].map((each) => [`/xrpc/${each.nsid}`, each]),
)

export const answer = async (view: MirrorView | null, request: Request): Promise<Response | null> => {
  if (!view || (request.method !== 'GET' && request.method !== 'HEAD')) return null
  const url = new URL(request.url)
  const found = METHODS.get(url.pathname)
  let response: Response | null
  try {
    const body = found ? await found.answer(view, url, request) : documentAnswer(view, url.pathname)
    response = body === null || body instanceof Response ? body : json(body)
  } catch (cause) {
    if (!(cause instanceof XrpcError)) throw cause
    response = json(cause.toJSON(), cause.status)
    for (const [name, value] of Object.entries(cause.headers)) response.headers.set(name, value)
  }
  if (response && found && !view.online) {
    response.headers.set('atproto-repo-rev', view.head.rev)
    response.headers.set('x-tabpod-mirror-age', String(Math.max(0, Math.floor((view.port.now() - view.head.at) / 1000))))
  }
  return response && request.method === 'HEAD' ? withoutBody(response) : response
}

const withoutBody = async (response: Response): Promise<Response> => {
  await response.body?.cancel()
  return new Response(null, response)
}
