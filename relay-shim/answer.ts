/** Answers the room gives in its own name: `{error, message}` with CORS, on every path of the protocol. @see https://atproto.com/specs/xrpc#error-responses */
import { XrpcError } from '../wire/errors.ts'
import { FEDCM, FEDCM_PREFIX } from '../wire/fedcm.ts'

export const ANSWERED_BY = 'x-tabpod-answered-by'

/** What scripts of other origins may read. @see https://fetch.spec.whatwg.org/#http-access-control-expose-headers */
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'DPoP-Nonce, WWW-Authenticate, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, Retry-After, atproto-repo-rev, atproto-content-labelers',
} as const
/** Browsers cap it themselves (Chromium: 2 h). */
const PREFLIGHT_MAX_AGE_S = '86400'

export const json = (value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json; charset=utf-8', ...CORS, ...headers } })

/** Changes the headers in place. An answer that says itself who may read it, as the tab's do, is left alone. */
export const allowOrigins = (response: Response, pathname: string): void => {
  if (!isProtocolPath(pathname) || response.headers.has('access-control-allow-origin')) return
  for (const [name, value] of Object.entries(CORS)) response.headers.set(name, value)
}

/** The one place where something thrown becomes an answer. */
export const errorToResponse = (cause: unknown): Response => {
  if (cause instanceof XrpcError) return json(cause, cause.status, cause.headers)
  console.error('room: a request failed', cause)
  return json({ error: 'InternalServerError', message: 'Internal Server Error' }, 500)
}

/** Answered without the tab, so that a browser app sees the real answer (503 included) and not a CORS failure. */
export const preflight = (request: Request, pathname: string): Response | null => {
  if (request.method !== 'OPTIONS' || !isProtocolPath(pathname)) return null
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE',
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': PREFLIGHT_MAX_AGE_S,
      vary: 'access-control-request-headers',
    },
  })
}

const PROTOCOL_PATHS = ['/xrpc/', '/oauth/', '/indieauth/', '/.well-known/', '/@atproto/', FEDCM.config, FEDCM.clientMetadata]
/** Pages and endpoints of the pod; anything else is nothing known, and no tab is asked for it. */
const POD_PATHS = [...PROTOCOL_PATHS, '/health', '/ready', '/account', FEDCM_PREFIX, '/profile', '/avatar']

const isProtocolPath = (pathname: string): boolean => PROTOCOL_PATHS.some((prefix) => pathname.startsWith(prefix))

export const isPodPath = (pathname: string): boolean => POD_PATHS.some((prefix) => pathname.startsWith(prefix))

/** A page for people, JSON for programs. */
export const notFound = (request: Request): Response =>
  isForPeople(request)
    ? page(404, 'Nothing here', 'This address belongs to a tabpod, but no page has this name. <a href="/">Go to its front page</a>.')
    : json({ error: 'NotFound', message: 'There is nothing at this address.' }, 404)

/** Pages of the pod, with forms in them. */
export const isPage = (pathname: string): boolean =>
  /^\/(oauth\/authorize|indieauth\/authorize|account(\/.*)?|fedcm\/(login|logout|continue|error))$/.test(pathname)

/** The room's own error as a page, where somebody looks at it: who comes while the tab is closed reads why, and what to do. Whatever the tab answered stays what it is. */
export const forPeople = async (request: Request, pathname: string, response: Response): Promise<Response> => {
  if (response.status < 400 || !isPage(pathname) || !isForPeople(request)) return response
  if (response.headers.get('content-type')?.startsWith('application/json') !== true) return response
  const { error } = (await response.json()) as { readonly error: string }
  const [title, html] = FOR_PEOPLE[error] ?? ['This did not work', 'Try again in a moment.']
  const answer = page(response.status, title, html)
  for (const name of ['retry-after', ANSWERED_BY]) {
    const value = response.headers.get(name)
    if (value !== null) answer.headers.set(name, value)
  }
  return answer
}

const FOR_PEOPLE: Readonly<Record<string, readonly [title: string, html: string]>> = {
  PodAsleep: [
    'This account’s browser is asleep',
    'The account lives in a tab of its owner’s browser, and that tab is closed. If it is yours: open this address there, then reload this page. Apps you use already go on reading; signing in must wait.',
  ],
  NoPodHere: ['No account lives here', 'This address belongs to a tabpod, but nobody has moved in yet.'],
  RateLimitExceeded: ['Too many tries', 'Wait a few minutes, then reload this page.'],
}

/** A host name that this shim has no room for. @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20 */
export const notServed = (request: Request): Response =>
  isForPeople(request)
    ? page(
        421,
        'No pod has this address',
        'This server gives room to pods, but not under this host name. Its operator names the host names that it serves.',
      )
    : json(
        { error: 'HostNotServed', message: 'This shim has no room for this host name: its operator lists those it has in TABPOD_HOSTS.' },
        421,
      )

const isForPeople = ({ headers }: Request): boolean =>
  headers.get('sec-fetch-mode') === 'navigate' || /\btext\/html\b/.test(headers.get('accept') ?? '')

const page = (status: number, title: string, html: string): Response =>
  new Response(
    `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui;max-width:36rem;margin:20vh auto;padding:0 1rem}</style>
<h1>${title}</h1><p>${html}</p></html>
`,
    {
      status,
      headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" },
    },
  )
