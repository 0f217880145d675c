/** Where IndieAuth lives on a pod's host, and how a page says so. @see https://indieauth.spec.indieweb.org/#discovery-by-clients */

export const INDIEAUTH = {
  metadata: '/indieauth/metadata',
  authorize: '/indieauth/authorize',
  token: '/indieauth/token',
  introspect: '/indieauth/introspect',
  revoke: '/indieauth/revoke',
  userinfo: '/indieauth/userinfo',
} as const

/** The last two are how older clients look for the same server. */
export const INDIEAUTH_RELS: ReadonlyArray<readonly [rel: string, path: string]> = [
  ['indieauth-metadata', INDIEAUTH.metadata],
  ['authorization_endpoint', INDIEAUTH.authorize],
  ['token_endpoint', INDIEAUTH.token],
]

/** Of `/` and `/profile`: a client on a page of another origin reads them, too. */
export const INDIEAUTH_HEADERS: Readonly<Record<string, string>> = {
  link: INDIEAUTH_RELS.map(([rel, path]) => `<${path}>; rel="${rel}"`).join(', '),
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Link',
}
