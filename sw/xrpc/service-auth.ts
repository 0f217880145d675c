/**
 * Service auth: tokens by which this account speaks to other services, signed with the key of its repo.
 * @see https://atproto.com/specs/xrpc#inter-service-authentication-jwt
 */
import * as getServiceAuth from '../../lexicons/com/atproto/server/getServiceAuth.ts'
import { base64url } from 'multiformats/bases/base64'
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_SERVICE_TOKEN_TTL_MS, SERVICE_TOKEN_TTL_MS } from '../../wire/limits.ts'
import type { AccessScope } from '../account/sessions.ts'
import type { Authenticator } from '../http/auth.ts'
import { byContent } from '../http/permissions.ts'
import type { KeyVault } from '../identity/contract.ts'
import { isAtprotoDid } from '../identity/did-resolver.ts'
import { type Route, route } from './router.ts'

export interface ServiceClaims {
  readonly iss: string
  /** DID of the service, with or without `#service`. */
  readonly aud: string
  /** The one method it is good for; absent: any. */
  readonly lxm?: string
  /** Seconds since 1970; default: a minute from now. */
  readonly exp?: number
}

const encoder = new TextEncoder()
const toPart = (value: object): string => base64url.baseEncode(encoder.encode(JSON.stringify(value)))

export const signServiceToken = async (vault: Pick<KeyVault, 'sign'>, claims: ServiceClaims, now: number): Promise<string> => {
  const { iss, aud, lxm, exp = toSeconds(now + SERVICE_TOKEN_TTL_MS) } = claims
  const header = { typ: 'JWT', alg: 'ES256', kid: `${iss}#atproto` }
  const payload = { iat: toSeconds(now), iss, aud, exp, lxm, jti: crypto.randomUUID().replaceAll('-', '') }
  const signed = `${toPart(header)}.${toPart(payload)}`
  return `${signed}.${base64url.baseEncode(await vault.sign(encoder.encode(signed)))}`
}

export const serviceAuthRoutes = (services: {
  readonly did: string
  readonly authenticator: Authenticator
  readonly vault: Pick<KeyVault, 'sign'>
  readonly now: () => number
}): Route[] => {
  const { did, authenticator, vault, now } = services
  return [
    route(getServiceAuth.main, authenticator.access(byContent), async ({ params, credentials }) => {
      const { aud, lxm, exp } = params
      credentials.may.rpc(aud, lxm ?? '*')
      const [service = '', fragment, ...rest] = aud.split('#')
      if (!isAtprotoDid(service) || fragment === '' || rest.length > 0)
        throw invalidRequest('aud must be a valid atproto DID or did#serviceId reference')
      if (lxm !== undefined && !mayCall(lxm, credentials.scope))
        throw invalidRequest(`This session may not request a service token for ${lxm}`)
      // 0 counts as left out, as in the reference PDS.
      if (exp) assertExpiry(exp * 1000 - now(), lxm !== undefined)
      return { token: await signServiceToken(vault, { iss: did, aud, ...(lxm !== undefined && { lxm }), ...(exp && { exp }) }, now()) }
    }),
  ]
}

/** Managing the account is done here, and through no other service. */
const PROTECTED = new Set(
  [
    'com.atproto.admin.sendEmail',
    'com.atproto.identity.requestPlcOperationSignature',
    'com.atproto.identity.signPlcOperation',
    'com.atproto.identity.updateHandle',
    'com.atproto.server.activateAccount',
    'com.atproto.server.confirmEmail',
    'com.atproto.server.createAppPassword',
    'com.atproto.server.deactivateAccount',
    'com.atproto.server.getAccountInviteCodes',
    'com.atproto.server.getSession',
    'com.atproto.server.listAppPasswords',
    'com.atproto.server.requestAccountDelete',
    'com.atproto.server.requestEmailConfirmation',
    'com.atproto.server.requestEmailUpdate',
    'com.atproto.server.revokeAppPassword',
    'com.atproto.server.updateEmail',
  ].map((nsid) => nsid.toLowerCase()),
)

/** Whether a session of this scope may use that method of another service, as far as no app's permissions decide (null); services compare names without regard to case. */
export const mayCall = (nsid: string, scope: AccessScope | null): boolean => {
  const name = nsid.toLowerCase()
  if (PROTECTED.has(name)) return false
  const isPrivileged = name.startsWith('chat.bsky.') || name === 'com.atproto.server.createaccount'
  return !isPrivileged || scope !== 'com.atproto.appPass'
}

const assertExpiry = (leftMs: number, hasMethod: boolean): void => {
  if (leftMs < 0) throw invalidRequest('The expiration lies in the past', 'BadExpiration')
  if (leftMs > MAX_SERVICE_TOKEN_TTL_MS) throw invalidRequest('The expiration lies more than an hour ahead', 'BadExpiration')
  if (!hasMethod && leftMs > SERVICE_TOKEN_TTL_MS)
    throw invalidRequest('A token without a method cannot be good for more than a minute', 'BadExpiration')
}

const toSeconds = (ms: number): number => Math.floor(ms / 1000)
