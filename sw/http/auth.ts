/**
 * Who is calling: legacy Bearer tokens, with the error names of the reference PDS.
 * @see https://atproto.com/specs/xrpc#authentication
 */
import { errors, jwtVerify, type JWTPayload } from 'jose'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { MAX_CACHED_TOKENS } from '../../wire/limits.ts'
import { type AccessScope, REFRESH_SCOPE, type TokenIssuer } from '../account/sessions.ts'

export interface AccessCredentials {
  readonly did: string
  readonly scope: AccessScope
}

export interface RefreshCredentials {
  readonly did: string
  /** `jti`: the session row's id. */
  readonly tokenId: string
}

const ACCESS_SCOPES: readonly string[] = [
  'com.atproto.access',
  'com.atproto.appPass',
  'com.atproto.appPassPrivileged',
] satisfies AccessScope[]

/** Guards of routes: each takes a request and gives credentials. @throws XrpcError 401 AuthMissing | 400 InvalidToken | 400 ExpiredToken */
export class Authenticator {
  readonly #issuer: TokenIssuer
  readonly #now: () => number
  /** Verified access tokens by their whole header: a client shows the same one at every request for two hours. May be lost at any time. */
  readonly #seen = new Map<string, { readonly credentials: AccessCredentials; readonly expiresAt: number }>()

  constructor(issuer: TokenIssuer, now: () => number = Date.now) {
    this.#issuer = issuer
    this.#now = now
  }

  /** The owner, or an app the owner trusts. */
  readonly access = async (request: Request): Promise<AccessCredentials> => {
    const header = request.headers.get('authorization')
    const seen = header === null ? undefined : this.#seen.get(header)
    if (header !== null && seen && seen.expiresAt > this.#now()) return seen.credentials
    const { scope, exp } = await this.#verify(header, 'at+jwt')
    if (!isAccessScope(scope)) throw invalidToken('Bad token scope')
    const credentials = { did: this.#issuer.did, scope }
    if (header !== null && exp !== undefined) this.#remember(header, credentials, exp * 1000)
    return credentials
  }

  readonly refresh = (request: Request): Promise<RefreshCredentials> => this.#refresh(request)

  /** For signing out, which must work with an old token too. */
  readonly refreshEvenExpired = (request: Request): Promise<RefreshCredentials> => this.#refresh(request, Infinity)

  async #refresh(request: Request, clockTolerance?: number): Promise<RefreshCredentials> {
    const { scope, jti } = await this.#verify(request.headers.get('authorization'), 'refresh+jwt', clockTolerance)
    if (scope !== REFRESH_SCOPE) throw invalidToken('Bad token scope')
    if (!jti) throw new XrpcError(401, 'MissingTokenId', 'Unexpected missing refresh token id')
    return { did: this.#issuer.did, tokenId: jti }
  }

  async #verify(header: string | null, typ: string, clockTolerance = 0): Promise<JWTPayload & { readonly scope?: unknown }> {
    const { did: subject, audience, key } = this.#issuer
    const options = {
      typ,
      subject,
      audience,
      algorithms: ['HS256'],
      clockTolerance,
      currentDate: new Date(this.#now()),
      requiredClaims: ['exp'],
    }
    const { payload } = await jwtVerify(bearerToken(header), key, options).catch((cause: unknown) => {
      if (cause instanceof errors.JWTExpired) throw invalidRequest('Token has expired', 'ExpiredToken')
      throw invalidToken('Token could not be verified')
    })
    // A service token (lxm) or one bound to a key (cnf) is no session token, whoever signed it.
    if ('lxm' in payload || 'cnf' in payload) throw invalidToken('Malformed token')
    return payload
  }

  #remember(header: string, credentials: AccessCredentials, expiresAt: number): void {
    if (this.#seen.size >= MAX_CACHED_TOKENS) this.#seen.clear()
    this.#seen.set(header, { credentials, expiresAt })
  }
}

/** For routes that are open to the world. */
export const anyone = (): null => null

const bearerToken = (header: string | null): string => {
  if (!header) throw new XrpcError(401, 'AuthMissing', 'Authentication Required')
  const [scheme, token, ...rest] = header.split(' ')
  if (!scheme || !token || rest.length > 0) throw invalidToken('Malformed authorization header')
  if (scheme.toLowerCase() !== 'bearer') throw invalidToken(`Unsupported authorization type: ${scheme}`)
  return token
}

const isAccessScope = (scope: unknown): scope is AccessScope => typeof scope === 'string' && ACCESS_SCOPES.includes(scope)

const invalidToken = (message: string): XrpcError => invalidRequest(message, 'InvalidToken')
