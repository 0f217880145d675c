/**
 * Everything that is an address of the pod: well-known documents, XRPC, health. One handler for local and forwarded requests.
 */
import { XrpcError } from '../../wire/errors.ts'
import { INDIEAUTH } from '../../wire/indieauth.ts'
import type { Configuration } from '../operations/configuration.ts'
import type { Log } from '../operations/log.ts'
import { type AppTokens, isDpop } from './auth.ts'
import { allowOrigins, preflight } from './cors.ts'
import { requestId, toXrpcError, xrpcErrorToResponse } from './errors.ts'

export interface RequestContext {
  /** local: the owner's own browser · shim: the world, through the room. */
  readonly origin: 'local' | 'shim'
  /** The same for every repetition of one forwarded request, so that a write lands once. */
  readonly key?: string
  readonly retry?: boolean
}

/** Never rejects: what goes wrong is an answer too. */
export type Handler = (request: Request, context: RequestContext) => Promise<Response>

export interface Site {
  /** Public documents by path, as they are now; those under `/xrpc/` belong to `xrpc`. */
  readonly documents: () => Promise<Readonly<Record<string, string>>>
  readonly oauth: { answer(path: string, request: Request): Promise<Response> | null }
  readonly pages: { answer(path: string, request: Request, origin: RequestContext['origin']): Promise<Response> | null }
  readonly fedcm: Site['pages']
  readonly indieauth: Site['pages']
  readonly xrpc: (nsid: string, request: Request, key: string | undefined) => Promise<Response>
  readonly health: () => object
  readonly debug: (what: string, request: Request) => Promise<Response>
  readonly apps: Pick<AppTokens, 'nextNonce'>
  readonly log: Log
  readonly configuration: Pick<Configuration, 'settings'>
}

export const makeHandler = (site: Site): Handler => {
  const { apps, log, configuration } = site
  return async (request, context) => {
    const started = performance.now()
    const id = requestId()
    let code: string | undefined
    const fail = (cause: unknown): Response => {
      const error = toXrpcError(cause, id, log)
      code = error.error
      return xrpcErrorToResponse(error)
    }
    let response: Response
    try {
      response = request.method === 'OPTIONS' ? preflight(request) : await answer(site, request, context)
    } catch (cause) {
      response = fail(cause)
    }
    // Of refusals, too. @see https://www.rfc-editor.org/rfc/rfc9449#section-9
    if (isDpop(request)) response.headers.set('dpop-nonce', await apps.nextNonce())
    log.request({
      request: id,
      origin: context.origin,
      method: request.method,
      path: new URL(request.url).pathname,
      status: response.status,
      ...(code !== undefined && { error: code }),
      ms: performance.now() - started,
    })
    return allowOrigins(response, request, configuration.settings)
  }
}

/** The first that knows the path. @throws XrpcError, and whatever nobody foresaw */
const answer = async (site: Site, request: Request, context: RequestContext): Promise<Response> => {
  const { pathname } = new URL(request.url)
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  const response =
    (await site.pages.answer(pathname, request, context.origin)) ??
    (await site.fedcm.answer(pathname, request, context.origin)) ??
    (await site.indieauth.answer(pathname, request, context.origin)) ??
    (isRead ? await read(site, pathname, request) : null) ??
    (await site.oauth.answer(pathname, request)) ??
    (await call(site, pathname, request, context))
  if (!response) throw new XrpcError(404, 'NotFound', `nothing is at ${pathname}`)
  return request.method === 'HEAD' ? new Response(null, response) : response
}

const read = async ({ documents, health, debug }: Site, pathname: string, request: Request): Promise<Response | null> => {
  if (pathname === '/health' || pathname === '/xrpc/_health') return Response.json(health())
  const [, what] = /^\/xrpc\/_debug\/([^/]+)$/.exec(pathname) ?? []
  if (what !== undefined) return debug(what, request)
  if (!pathname.startsWith('/.well-known/') && !DOCUMENTS_ELSEWHERE.has(pathname)) return null
  const text = (await documents())[pathname]
  return text === undefined ? null : new Response(text, { headers: { 'content-type': contentType(text) } })
}

const DOCUMENTS_ELSEWHERE: ReadonlySet<string> = new Set(['/oauth/jwks', INDIEAUTH.metadata])

const call = async ({ xrpc }: Site, pathname: string, request: Request, { key }: RequestContext): Promise<Response | null> => {
  // A slash behind it is overlooked, as by the reference PDS.
  const [, nsid] = /^\/xrpc\/([^/]+)\/?$/.exec(pathname) ?? []
  return nsid === undefined ? null : xrpc(nsid, request, key)
}

const contentType = (text: string): string => (text.startsWith('{') ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8')
