/**
 * Every answer may be read by every web page, unless the owner wants it otherwise: an account is used from origins that no server knows beforehand.
 * @see https://atproto.com/specs/xrpc#cors
 */
import { PREFLIGHT_MAX_AGE_S } from '../../wire/limits.ts'
import type { Settings } from '../../wire/settings.ts'

const EXPOSED = [
  'DPoP-Nonce',
  'WWW-Authenticate',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
  'atproto-repo-rev',
  'atproto-content-labelers',
].join(', ')

/** Changes the response's headers in place: a copy would cost more than the rest of a small answer. */
export const allowOrigins = (response: Response, { headers }: Request, { corsOrigins }: Pick<Settings, 'corsOrigins'>): Response => {
  // A page for people: it has said itself who may read it.
  if (response.headers.has('access-control-allow-origin')) return response
  const isOpen = corsOrigins.includes('*')
  const origin = headers.get('origin') ?? ''
  // Left out, the room would fill in that everyone may.
  response.headers.set('access-control-allow-origin', isOpen ? '*' : corsOrigins.includes(origin) ? origin : NOBODY)
  if (!isOpen) response.headers.append('vary', 'origin')
  response.headers.set('access-control-expose-headers', EXPOSED)
  return response
}

/** An origin that no page has. @see https://datatracker.ietf.org/doc/html/rfc2606#section-2 */
const NOBODY = 'https://nobody.invalid'

/** The answer to a preflight: whatever is asked for is allowed. */
export const preflight = (request: Request): Response =>
  new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': String(PREFLIGHT_MAX_AGE_S),
      vary: 'access-control-request-headers',
    },
  })
