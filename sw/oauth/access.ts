/**
 * Who calls, by a DPoP-bound access token.
 * @see https://datatracker.ietf.org/doc/html/rfc9449#section-7
 */
import { OAuthError, WWWAuthenticateError } from '@atproto/oauth-provider/errors'
import { XrpcError } from '../../wire/errors.ts'
import type { Access, AccessGuard } from './contract.ts'
import type { ComposedProvider } from './provider.ts'

export const accessGuardOf = (parts: {
  readonly origin: string
  readonly audience: string
  readonly provider: () => Promise<ComposedProvider>
}): AccessGuard => ({
  async authenticate({ method, url, headers }): Promise<Access> {
    const { resource } = await parts.provider()
    const dpop = headers.get('dpop')
    // Its own address: what a request names is the caller's to choose, and behind the shim it is another.
    const own = new URL(new URL(url).pathname, parts.origin)
    const sent = { authorization: headers.get('authorization') ?? '', ...(dpop !== null && { dpop }) }
    const fail = (cause: unknown): never => {
      throw toXrpcError(cause, resource.nextDpopNonce())
    }
    const claims = await resource.authenticateRequest(method, own, sent, { audience: [parts.audience] }).catch(fail)
    const settled = Promise.resolve(resource.settled(claims)).catch(fail)
    settled.catch(() => {})
    return {
      settled,
      did: claims.sub,
      clientId: claims.client_id ?? '',
      scope: claims.scope ?? '',
      tokenId: claims.jti,
      jkt: claims.cnf?.jkt ?? '',
    }
  },

  async nextNonce() {
    const composed = await parts.provider().catch(() => undefined)
    return composed?.resource.nextDpopNonce() ?? ''
  },
})

const toXrpcError = (cause: unknown, nonce: string | undefined): unknown => {
  if (!(cause instanceof OAuthError)) return cause
  const headers = {
    ...(nonce !== undefined && { 'dpop-nonce': nonce }),
    ...(cause instanceof WWWAuthenticateError && { 'www-authenticate': cause.wwwAuthenticateHeader }),
  }
  return new XrpcError(cause.statusCode, cause.error, cause.error_description, { cause, headers })
}
