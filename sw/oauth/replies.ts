/**
 * How the answer to an authorization request gets to the client: in a redirect or in a form, plain or signed.
 * @see https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#ResponseModes
 * @see https://openid.net/specs/oauth-v2-jarm.html
 */
import type { AuthorizationRedirectParameters } from '@atproto/oauth-provider/provider'
import type { OAuthAuthorizationRequestParameters, OAuthClientMetadata } from '@atproto/oauth-types'
import { SignJWT } from 'jose'
import { OAUTH_SIGNED_REPLY_TTL_MS } from '../../wire/oauth-limits.ts'
import type { ProviderKeyRow } from '../store/oauth-schema.ts'
import type { AuthorizationReply } from './contract.ts'

export interface Answer {
  readonly parameters: Readonly<OAuthAuthorizationRequestParameters>
  readonly redirect: AuthorizationRedirectParameters
}

export interface Replies {
  /** @param metadata of the client, where they can be had: how it wants its answers signed */
  reply(answer: Answer, metadata?: Pick<OAuthClientMetadata, 'authorization_signed_response_alg'>): Promise<AuthorizationReply>
}

export const repliesOf = (parts: {
  readonly issuer: string
  readonly keyFor: (alg: ProviderKeyRow['alg']) => Promise<ProviderKeyRow>
  readonly now: () => number
}): Replies => ({
  async reply({ parameters, redirect }, metadata = { authorization_signed_response_alg: 'RS256' }) {
    const { redirect_uri: uri, client_id: clientId, state, response_mode: mode = 'query', ui_locales: locales } = parameters
    if (uri === undefined) throw new TypeError('the core has checked where to')
    const outcome = 'error' in redirect ? redirect.error : 'granted'
    // `iss` against mix-ups: https://datatracker.ietf.org/doc/html/rfc9207
    const plain = fieldsOf({ iss: parts.issuer, state, ...redirect })
    const [way, isSigned] = wayOf(mode)
    const fields = isSigned ? { response: await signed(parts, clientId, plain, metadata.authorization_signed_response_alg) } : plain
    const told = { outcome, ...(locales !== undefined && { locales: locales.split(' ') }) }
    return way === 'form_post'
      ? { kind: 'form', action: uri, fields, ...told }
      : { kind: 'redirect', url: withFields(uri, way, fields), ...told }
  },
})

type Way = 'query' | 'fragment' | 'form_post'

/** The types of the core know no signed ones; its schema here does (shims/oauth-provider/response-mode.ts). */
const wayOf = (mode: string): readonly [way: Way, isSigned: boolean] => {
  const [way, signed] = mode.split('.')
  // `jwt` alone: as is usual for the response type, and that is always `code`.
  if (way === 'jwt') return ['query', true]
  return [way as Way, signed === 'jwt']
}

const withFields = (uri: string, way: 'query' | 'fragment', fields: Readonly<Record<string, string>>): string => {
  const url = new URL(uri)
  if (way === 'fragment') url.hash = new URLSearchParams(fields).toString()
  else for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value)
  return url.href
}

const fieldsOf = (values: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined))

const signed = async (
  { issuer, keyFor, now }: Parameters<typeof repliesOf>[0],
  clientId: string,
  fields: Readonly<Record<string, string>>,
  wanted: string,
): Promise<string> => {
  const { kid, alg, pair } = await keyFor(wanted === 'ES256' ? 'ES256' : 'RS256')
  const expiresAt = Math.floor((now() + OAUTH_SIGNED_REPLY_TTL_MS) / 1000)
  return new SignJWT(fields)
    .setProtectedHeader({ alg, kid })
    .setIssuer(issuer)
    .setAudience(clientId)
    .setExpirationTime(expiresAt)
    .sign(pair.privateKey)
}
