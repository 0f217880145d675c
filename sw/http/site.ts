/**
 * Everything that is an address of the pod: well-known documents, XRPC, health. One handler for local and forwarded requests.
 */
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { XrpcError } from '../../wire/errors.ts'
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
  readonly xrpc: (nsid: string, request: Request, key: string | undefined) => Promise<Response>
  readonly health: () => object
  readonly debug: (what: string, request: Request) => Promise<Response>
  readonly apps: Pick<AppTokens, 'nextNonce'>
  readonly log: Log
  readonly configuration: Pick<Configuration, 'settings'>
}

interface Bindings extends RequestContext {
  /** Turns what was thrown into the answer, and remembers its code for the log. */
  readonly fail: (cause: unknown) => Response
}

export const makeHandler = ({ documents, oauth, pages, xrpc, health, debug, apps, log, configuration }: Site): Handler => {
  const site = new Hono<{ Bindings: Bindings }>()
  const document = async ({ req, notFound }: Context): Promise<Response> => {
    const text = (await documents())[req.path]
    return text === undefined ? notFound() : new Response(text, { headers: { 'content-type': contentType(text) } })
  }
  const page = ({ req, env, notFound }: Context<{ Bindings: Bindings }>) => pages.answer(req.path, req.raw, env.origin) ?? notFound()
  site.get('/.well-known/change-password', page)
  site.get('/.well-known/*', document)
  site.get('/oauth/jwks', document)
  site.all('/oauth/authorize', page)
  site.all('/oauth/*', ({ req, notFound }) => oauth.answer(req.path, req.raw) ?? notFound())
  site.all('/account/*', page)
  site.get('/health', () => Response.json(health()))
  site.get('/xrpc/_health', () => Response.json(health()))
  site.get('/xrpc/_debug/:what', ({ req }) => debug(req.param('what'), req.raw))
  site.all('/xrpc/:nsid', ({ req, env }) => xrpc(req.param('nsid'), req.raw, env.key))
  site.notFound(({ req, env }) => env.fail(new XrpcError(404, 'NotFound', `nothing is at ${req.path}`)))
  site.onError((cause, { env }) => env.fail(cause))

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
      response = request.method === 'OPTIONS' ? preflight(request) : await site.fetch(request, { ...context, fail })
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

const contentType = (text: string): string => (text.startsWith('{') ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8')
