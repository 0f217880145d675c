/** Where IndieAuth lives on a pod's host, how a page says so, and what goes with the owner's public pages, whoever serves them. @see https://indieauth.spec.indieweb.org/#discovery-by-clients */
import { base64url } from 'multiformats/bases/base64'

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

export const PROFILE_PATH = '/profile'
export const AVATAR_PATH = '/avatar'
export const LOGO_PATH = '/logo'
/** The same under a name with an ending: Chromium (156, tried) fetches no icon of a provider without one. */
export const LOGO_ICON_PATH = '/logo.png'

/** Of `/profile`, which has no script, and nothing of anybody else's. */
export const PROFILE_HEADERS: Readonly<Record<string, string>> = {
  ...INDIEAUTH_HEADERS,
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
}

/** Of pictures that any site may show. Whatever a file claims to be, it runs nothing: https://atproto.com/specs/blob#security-considerations */
export const PICTURE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'cross-origin',
  'access-control-allow-origin': '*',
  'cache-control': 'no-cache',
}

export const PNG = 'image/png'

/** A PNG as the text of a document (multibase, base64url): no CID of a blob begins like it. */
export const pictureDocument = (png: Uint8Array): string => base64url.encode(png)

/** null: it is none. */
export const pictureIn = (document: string): Uint8Array<ArrayBuffer> | null => {
  if (!document.startsWith(base64url.prefix)) return null
  try {
    return new Uint8Array(base64url.decode(document))
  } catch {
    return null
  }
}
