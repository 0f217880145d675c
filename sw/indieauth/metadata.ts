/** What this IndieAuth server can. @see https://indieauth.spec.indieweb.org/#indieauth-server-metadata */
import { INDIEAUTH } from '../../wire/indieauth.ts'
import { SITE_SCOPES } from './authorization-request.ts'

/** Another than the AT Protocol's, so that an answer's `iss` tells the two apart. */
export const issuerOf = (origin: string): string => `${origin}/indieauth`

/** By path: the second is where clients look who know the issuer alone. @see https://www.rfc-editor.org/rfc/rfc8414#section-3.1 */
export const metadataDocuments = (origin: string, locales: readonly string[]): Readonly<Record<string, string>> => {
  const text = JSON.stringify({
    issuer: issuerOf(origin),
    authorization_endpoint: origin + INDIEAUTH.authorize,
    token_endpoint: origin + INDIEAUTH.token,
    token_endpoint_auth_methods_supported: ['none'],
    introspection_endpoint: origin + INDIEAUTH.introspect,
    // By an access token of the same site, which RFC 8414 (section 2) has this way of saying.
    introspection_endpoint_auth_methods_supported: ['Bearer'],
    revocation_endpoint: origin + INDIEAUTH.revoke,
    revocation_endpoint_auth_methods_supported: ['none'],
    userinfo_endpoint: origin + INDIEAUTH.userinfo,
    scopes_supported: SITE_SCOPES,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    ui_locales_supported: locales,
    service_documentation: 'https://indieauth.spec.indieweb.org/',
  })
  return { [INDIEAUTH.metadata]: text, '/.well-known/oauth-authorization-server/indieauth': text }
}
