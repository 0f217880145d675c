/**
 * Every answer may be read by every web page: an account is used from origins that no server knows beforehand.
 * @see https://atproto.com/specs/xrpc#cors
 */
import { PREFLIGHT_MAX_AGE_S } from '../../wire/limits.ts'

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
export const allowOrigins = (response: Response): Response => {
  response.headers.set('access-control-allow-origin', '*')
  response.headers.set('access-control-expose-headers', EXPOSED)
  return response
}

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
