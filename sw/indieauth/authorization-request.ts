/**
 * What a site asks for, as it stands in the address of the authorize page. @see https://indieauth.spec.indieweb.org/#authorization-request
 */
import { XrpcError } from '../../wire/errors.ts'
import { MAX_CLIENT_URL_CHARS, MAX_STATE_CHARS } from '../../wire/indieauth-limits.ts'
import type { ClientInformation, InformationOf } from './client-information.ts'
import { parseClientId } from './client-id.ts'

export interface SiteRequest {
  readonly clientId: URL
  readonly information: ClientInformation
  readonly redirectUri: string
  readonly state: string
  readonly codeChallenge: string
  /** Those that there are; whatever else was asked for is not given. */
  readonly scopes: readonly string[]
  /** As the site put it. */
  readonly asked: string
  /** Who the site expects. */
  readonly me: string | null
  /** Of its pages: BCP 47, best first. */
  readonly locales: readonly string[]
  /** All of it, as a query. */
  readonly text: string
}

/** Where the answer goes is certain; what was asked for is none of what there is. */
export interface BadSiteRequest {
  readonly redirectUri: string
  readonly state: string | null
  readonly locales: readonly string[]
  readonly error: 'invalid_request' | 'unsupported_response_type' | 'invalid_scope'
  readonly description: string
}

/** @see https://indieauth.spec.indieweb.org/#profile-information */
export const SITE_SCOPES: readonly string[] = ['profile', 'email']

/** What makes a request, of all that an address may hold. */
const FIELDS = [
  'response_type',
  'client_id',
  'redirect_uri',
  'state',
  'code_challenge',
  'code_challenge_method',
  'scope',
  'me',
  'ui_locales',
] as const

/** @throws XrpcError 400 `invalid_client` | `invalid_redirect_uri`: nothing may go anywhere */
export const parseSiteRequest = async (fields: URLSearchParams, informationOf: InformationOf): Promise<SiteRequest | BadSiteRequest> => {
  for (const name of FIELDS)
    if (fields.getAll(name).length > 1) throw new XrpcError(400, 'invalid_request', `The site says ${name} more than once.`)
  const clientId = parseClientId(fields.get('client_id') ?? '')
  if (!clientId) throw new XrpcError(400, 'invalid_client', 'The client_id is no address that names a site.')
  const information = await informationOf(clientId)
  const redirectUri = admitRedirect(fields.get('redirect_uri') ?? '', clientId, information)
  const state = fields.get('state')
  // As OpenID Connect has it: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
  const locales = fields.get('ui_locales')?.split(' ') ?? []
  const bad = (error: BadSiteRequest['error'], description: string): BadSiteRequest => ({ redirectUri, state, locales, error, description })
  if (!state || state.length > MAX_STATE_CHARS)
    return bad('invalid_request', `state is required, and at most ${MAX_STATE_CHARS} characters`)
  if (fields.get('response_type') !== 'code') return bad('unsupported_response_type', 'response_type must be code')
  const codeChallenge = fields.get('code_challenge') ?? ''
  if (fields.get('code_challenge_method') !== 'S256' || !isChallenge(codeChallenge))
    return bad('invalid_request', 'code_challenge is required (PKCE), and code_challenge_method must be S256')
  const asked = fields.get('scope') ?? ''
  const scopes = SITE_SCOPES.filter((scope) => asked.split(' ').includes(scope))
  if (scopes.includes('email') && !scopes.includes('profile')) return bad('invalid_scope', 'email is had together with profile only')
  const text = new URLSearchParams(FIELDS.flatMap((name) => (fields.has(name) ? [[name, fields.get(name) ?? '']] : []))).toString()
  return { clientId, information, redirectUri, state, codeChallenge, scopes, asked, me: fields.get('me'), locales, text }
}

/** SHA-256, base64url. @see https://www.rfc-editor.org/rfc/rfc7636#section-4.2 */
const isChallenge = (text: string): boolean => /^[\w-]{43}$/.test(text)

/** @see https://indieauth.spec.indieweb.org/#redirect-url */
const admitRedirect = (text: string, clientId: URL, { redirectUris }: ClientInformation): string => {
  const refuse = (why: string): XrpcError => new XrpcError(400, 'invalid_redirect_uri', `The answer would go to an address that ${why}.`)
  if (text.length > MAX_CLIENT_URL_CHARS || text.includes('#') || !URL.canParse(text)) throw refuse('is none')
  const { protocol, origin, username, password } = new URL(text)
  if (SCRIPTED.has(protocol) || username !== '' || password !== '') throw refuse('no site can have')
  if (origin !== clientId.origin && !redirectUris.includes(text)) throw refuse('the site has not published as its own')
  return text
}

/** They would run in the name of this host, or nowhere. */
const SCRIPTED: ReadonlySet<string> = new Set(['javascript:', 'data:', 'blob:', 'file:', 'about:', 'vbscript:', 'filesystem:'])
