/**
 * What sites call: tokens for codes, what a token is, who the owner is, and giving it back. No site proves itself here, whoever has a code must have asked for it (PKCE).
 * @see https://indieauth.spec.indieweb.org/#redeeming-the-authorization-code
 * @see https://indieauth.spec.indieweb.org/#access-token-verification
 * @see https://indieauth.spec.indieweb.org/#token-revocation
 * @see https://indieauth.spec.indieweb.org/#user-information
 */
import { XrpcError } from '../../wire/errors.ts'
import { INDIEAUTH } from '../../wire/indieauth.ts'
import { INDIE_ACCESS_TTL_MS } from '../../wire/indieauth-limits.ts'
import { readText } from '../http/body.ts'
import type { Self } from '../identity/self.ts'
import type { Log } from '../operations/log.ts'
import type { IndieTokenRow } from '../store/indieauth-schema.ts'
import { answer, noToken, refusal, toAnswer } from './errors.ts'
import { meOf, profileInformation, type ProfileParts } from './profile.ts'
import type { GivenTokens, Tokens } from './tokens.ts'

export interface EndpointsParts extends ProfileParts {
  readonly identity: ProfileParts['identity'] & Pick<Self, 'standing'>
  readonly tokens: Tokens
  readonly log: Pick<Log, 'failure'>
}

export interface Endpoints {
  /** null: nothing that sites call is at that path. Never rejects. */
  answer(path: string, request: Request): Promise<Response> | null
  /** A code that is shown at the authorization endpoint, for who the owner is and nothing else. Never rejects. */
  identify(request: Request): Promise<Response>
}

type Endpoint = (parts: EndpointsParts, request: Request) => Promise<Response>

export const endpointsOf = (parts: EndpointsParts): Endpoints => ({
  answer: (path, request) => {
    const endpoint = ENDPOINTS[path]
    return endpoint ? endpoint(parts, request).catch((cause: unknown) => toAnswer(cause, parts.log)) : null
  },
  identify: (request) =>
    fieldsOf(request)
      .then((fields) => exchange(parts, fields, false))
      .catch((cause: unknown) => toAnswer(cause, parts.log)),
})

const token: Endpoint = async (parts, request) => {
  const fields = await fieldsOf(request)
  switch (required(fields, 'grant_type')) {
    case 'authorization_code':
      return exchange(parts, fields, true)
    case 'refresh_token':
      return refresh(parts, fields)
    default:
      throw refusal('unsupported_grant_type', 'grant_type must be authorization_code or refresh_token')
  }
}

const exchange = async (parts: EndpointsParts, fields: URLSearchParams, withTokens: boolean): Promise<Response> => {
  if (required(fields, 'grant_type') !== 'authorization_code')
    throw refusal('unsupported_grant_type', 'Only codes are taken here: refresh at the token endpoint')
  const verifier = required(fields, 'code_verifier')
  if (!/^[\w.~-]{43,128}$/.test(verifier)) throw refusal('invalid_request', 'code_verifier is none (RFC 7636, section 4.1)')
  const wanted = {
    code: required(fields, 'code'),
    clientId: required(fields, 'client_id'),
    redirectUri: fields.get('redirect_uri'),
    verifier,
  }
  assertHere(parts)
  const { scopes, tokens } = await parts.tokens.exchange(wanted, withTokens)
  return answer(await described(parts, scopes, tokens))
}

const refresh = async (parts: EndpointsParts, fields: URLSearchParams): Promise<Response> => {
  const wanted = fields.get('scope')?.split(' ') ?? null
  assertHere(parts)
  const tokens = await parts.tokens.refresh(required(fields, 'refresh_token'), required(fields, 'client_id'), wanted)
  return answer(await described(parts, tokens.scopes, tokens))
}

/** Codes and tokens stay as they are until the account is back. */
const assertHere = ({ identity }: EndpointsParts): void => {
  if (identity.standing !== 'active') throw refusal('invalid_grant', 'The account is not active here')
}

const described = async (parts: EndpointsParts, scopes: readonly string[], tokens: GivenTokens | null): Promise<object> => ({
  ...(tokens && {
    access_token: tokens.access,
    token_type: 'Bearer',
    expires_in: INDIE_ACCESS_TTL_MS / 1000,
    scope: tokens.scopes.join(' '),
    refresh_token: tokens.refresh,
  }),
  me: meOf(parts.identity.origin),
  ...(scopes.length > 0 && { profile: await profileInformation(parts, scopes) }),
})

/** Whoever holds a token of a site may ask about that site's tokens. @see https://www.rfc-editor.org/rfc/rfc7662#section-2.1 */
const introspect: Endpoint = async (parts, request) => {
  const asker = await bearer(parts, request)
  const found = await parts.tokens.find(required(await fieldsOf(request), 'token'))
  if (found?.clientId !== asker.clientId) return answer({ active: false })
  const { clientId: client_id, scopes, createdAt, expiresAt } = found
  return answer({
    active: true,
    me: meOf(parts.identity.origin),
    client_id,
    scope: scopes.join(' '),
    iat: Math.floor(createdAt / 1000),
    exp: Math.floor(expiresAt / 1000),
  })
}

/** A token that is none is revoked already: https://www.rfc-editor.org/rfc/rfc7009#section-2.2 */
const revoke: Endpoint = async (parts, request) => {
  await parts.tokens.revoke(required(await fieldsOf(request), 'token'))
  return answer({})
}

const userinfo: Endpoint = async (parts, request) => {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw wrongVerb('GET')
  const { scopes } = await bearer(parts, request)
  if (!scopes.includes('profile')) throw noToken(403, 'insufficient_scope', 'The token does not open the profile')
  return answer(await profileInformation(parts, scopes))
}

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  [INDIEAUTH.token]: token,
  [INDIEAUTH.introspect]: introspect,
  [INDIEAUTH.revoke]: revoke,
  [INDIEAUTH.userinfo]: userinfo,
}

const bearer = async ({ identity, tokens }: EndpointsParts, { headers }: Request): Promise<IndieTokenRow> => {
  const [, shown] = /^Bearer ([\w-]+)$/i.exec(headers.get('authorization') ?? '') ?? []
  const found = shown === undefined || identity.standing !== 'active' ? null : await tokens.find(shown)
  if (!found) throw noToken(401, 'invalid_token', 'No access token that is good now')
  return found
}

/** None may come twice: https://www.rfc-editor.org/rfc/rfc6749#section-3.2. @throws XrpcError 400 | 405 | 413 | 415 */
const fieldsOf = async (request: Request): Promise<URLSearchParams> => {
  if (request.method !== 'POST') throw wrongVerb('POST')
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers.get('content-type') ?? ''))
    throw new XrpcError(415, 'invalid_request', 'Send a form')
  const fields = new URLSearchParams(await readText(request))
  const names = Array.from(fields.keys())
  if (new Set(names).size < names.length) throw refusal('invalid_request', 'A parameter comes twice')
  return fields
}

const required = (fields: URLSearchParams, name: string): string => {
  const value = fields.get(name)
  if (!value) throw refusal('invalid_request', `${name} is missing`)
  return value
}

const wrongVerb = (allow: string): XrpcError => new XrpcError(405, 'invalid_request', `${allow} it`, { headers: { allow } })
