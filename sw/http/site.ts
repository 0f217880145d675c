/**
 * Everything that is an address of the pod: well-known documents, XRPC, health. One handler for local and forwarded requests.
 */
import { Hono } from 'hono/tiny'
import { XrpcError } from '../../wire/errors.ts'
import { allowOrigins, preflight } from './cors.ts'
import { errorToResponse } from './errors.ts'

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
  readonly documents: () => Readonly<Record<string, string>>
  readonly xrpc: (nsid: string, request: Request, key: string | undefined) => Promise<Response>
  readonly health: () => object
}

export const makeHandler = ({ documents, xrpc, health }: Site): Handler => {
  const site = new Hono<{ Bindings: RequestContext }>()
  site.get('/.well-known/*', ({ req, notFound }) => {
    const text = documents()[req.path]
    return text === undefined ? notFound() : new Response(text, { headers: { 'content-type': contentType(text) } })
  })
  site.get('/health', () => Response.json(health()))
  site.get('/xrpc/_health', () => Response.json(health()))
  site.all('/xrpc/:nsid', ({ req, env }) => xrpc(req.param('nsid'), req.raw, env.key))
  site.notFound(({ req }) => errorToResponse(new XrpcError(404, 'NotFound', `nothing is at ${req.path}`)))
  site.onError((cause) => errorToResponse(cause))

  return async (request, context) => {
    try {
      return allowOrigins(request.method === 'OPTIONS' ? preflight(request) : await site.fetch(request, context))
    } catch (cause) {
      return allowOrigins(errorToResponse(cause))
    }
  }
}

const contentType = (text: string): string => (text.startsWith('{') ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8')
