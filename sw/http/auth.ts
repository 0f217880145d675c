/**
 * Who is calling: legacy Bearer tokens, service tokens, and tokens of apps (OAuth), with the error names of the reference PDS.
 * @see https://atproto.com/specs/xrpc#authentication
 */
import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import type { Standing } from '../../wire/frames.ts'
import { MAX_CACHED_TOKENS } from '../../wire/limits.ts'
import { type AccessScope, REFRESH_SCOPE, type TokenIssuer } from '../account/sessions.ts'
import { type AppRule, EVERYTHING, grantedBy, type Permissions } from './permissions.ts'
import { type SigningKeys, verifyServiceToken } from './service-token.ts'

export interface AccessCredentials {
  readonly did: string
  /** What a session may that was opened with a password; null: an app that the owner has authorized. */
  readonly scope: AccessScope | null
  /** What an app may. */
  readonly may: Permissions
  /** Of an app: of `reading`, the answer waits for this, and does not go out where it rejects (`route` sees to it). Of the other guards it is fulfilled. */
  readonly settled?: Promise<void>
}

/** Tokens of apps. */
export interface AppTokens {
  /**
   * Checks the token, its binding to a key, and the proof that the caller has that key. `settled`: once the proof is good for nothing more; rejects where it was shown
   * before. @throws XrpcError 401 with `WWW-Authenticate`
   */
  authenticate(request: Request): Promise<{ readonly did: string; readonly scope: string; readonly settled: Promise<void> }>
  /** For the caller's next proof. */
  nextNonce(): Promise<string>
}

export interface RefreshCredentials {
  readonly did: string
  /** `jti`: the session row's id. */
  readonly tokenId: string
}

/** Another server, or another PDS, that speaks for an account. */
export interface ServiceCredentials {
  /** DID of the account that issued the token: whether it is the right one is the route's to check. */
  readonly did: string
}

export interface AuthenticatorOptions {
  readonly issuer: TokenIssuer
  /** Sign-ins that have not ended. */
  readonly sessions: { isOpen(family: string): Promise<boolean> }
  /** Keys of those who issue service tokens. */
  readonly keys: SigningKeys
  readonly apps: AppTokens
  readonly now?: () => number
}

interface Seen {
  readonly credentials: AccessCredentials & { readonly scope: AccessScope }
  readonly family: string
  readonly expiresAt: number
}

const FULL: readonly AccessScope[] = ['com.atproto.access']
const STANDARD: readonly AccessScope[] = [...FULL, 'com.atproto.appPassPrivileged', 'com.atproto.appPass']

/**
 * Guards of routes: each takes a request and gives credentials. None asks how the account stands: `assertActive` does. What an app may is decided at each
 * route: there is no guard without a rule for apps.
 * @throws XrpcError 401 AuthMissing | 400 InvalidToken | 400 ExpiredToken (also when its sign-in has ended); for apps what `AppTokens` and the rule throw
 */
export class Authenticator {
  readonly #issuer: TokenIssuer
  readonly #sessions: AuthenticatorOptions['sessions']
  readonly #keys: SigningKeys
  readonly #apps: AppTokens
  readonly #now: () => number
  /** Verified access tokens by their whole header: a client shows the same one at every request for two hours. May be lost at any time. */
  readonly #seen = new Map<string, Seen>()

  constructor({ issuer, sessions, keys, apps, now = Date.now }: AuthenticatorOptions) {
    this.#issuer = issuer
    this.#sessions = sessions
    this.#keys = keys
    this.#apps = apps
    this.#now = now
  }

  /** Any session, with the owner's password or an app password, and the apps that the rule lets in. */
  readonly access =
    (rule: AppRule) =>
    (request: Request): Promise<AccessCredentials> =>
      this.#access(request, STANDARD, rule)

  /**
   * The same, for what changes nothing and asks no other server: the handler runs beside the commit that makes an app's proof good for once, half a millisecond and more. A
   * proof that comes twice may have something read twice, but not answered.
   */
  readonly reading =
    (rule: AppRule) =>
    (request: Request): Promise<AccessCredentials> =>
      this.#access(request, STANDARD, rule, request.method === 'GET' || request.method === 'HEAD')

  /** The same, or nobody; not somebody who only says so. */
  readonly readingOptional =
    (rule: AppRule) =>
    async (request: Request): Promise<AccessCredentials | null> =>
      request.headers.has('authorization') ? this.reading(rule)(request) : null

  /**
   * Of sessions only those with the owner's own password: account settings, moving. What privileged app passwords may besides (chat) is `mayCall`'s to
   * say.
   */
  readonly accessFull =
    (rule: AppRule) =>
    (request: Request): Promise<AccessCredentials> =>
      this.#access(request, FULL, rule)

  readonly refresh = (request: Request): Promise<RefreshCredentials> => this.#refresh(request)

  /** For signing out, which must work with an old token too. */
  readonly refreshEvenExpired = (request: Request): Promise<RefreshCredentials> => this.#refresh(request, Infinity)

  /**
   * A service token made for method `lxm` of this server, or nobody.
   * @throws XrpcError 401 BadJwt | BadJwtType | JwtExpired | BadJwtLexiconMethod | BadJwtIss | BadJwtSignature | BadJwtAudience
   */
  readonly serviceAuthOptional =
    (lxm: string) =>
    async (request: Request): Promise<ServiceCredentials | null> =>
      request.headers.has('authorization') ? this.#service(request, lxm) : null

  /** The same as `access`, or a service token made for method `lxm`. */
  readonly accessOrServiceAuth =
    (lxm: string, rule: AppRule) =>
    (request: Request): Promise<AccessCredentials | ServiceCredentials> =>
      namesMethod(request) ? this.#service(request, lxm) : this.#access(request, STANDARD, rule)

  async #access(request: Request, scopes: readonly AccessScope[], rule: AppRule, isReading = false): Promise<AccessCredentials> {
    if (isDpop(request)) return this.#app(request, rule, isReading)
    const header = request.headers.get('authorization')
    const known = header === null ? undefined : this.#seen.get(header)
    const { credentials, family } = known && known.expiresAt > this.#now() ? known : await this.#admit(header)
    if (!scopes.includes(credentials.scope)) throw invalidToken('Bad token scope')
    if (!(await this.#sessions.isOpen(family))) throw invalidRequest('Token has been revoked', 'ExpiredToken')
    return credentials
  }

  async #app(request: Request, rule: AppRule, isReading: boolean): Promise<AccessCredentials> {
    const { did, scope, settled } = await this.#apps.authenticate(request)
    if (!isReading) await settled
    try {
      return { did, scope: null, may: this.#granted(did, scope.split(' '), rule, request), settled }
    } catch (cause) {
      await settled
      throw cause
    }
  }

  #granted(did: string, scopes: readonly string[], rule: AppRule, request: Request): Permissions {
    if (did !== this.#issuer.did) throw invalidToken('Malformed token')
    if (!scopes.includes('atproto')) throw invalidToken('OAuth token does not have "atproto" scope')
    const may = grantedBy(scopes)
    rule(may, request)
    return may
  }

  async #admit(header: string | null): Promise<Seen> {
    const { scope, sid, exp = 0 } = await this.#verify(header, 'at+jwt')
    if (!isAccessScope(scope)) throw invalidToken('Bad token scope')
    const seen = {
      credentials: { did: this.#issuer.did, scope, may: EVERYTHING },
      family: typeof sid === 'string' ? sid : '',
      expiresAt: exp * 1000,
    }
    if (this.#seen.size >= MAX_CACHED_TOKENS) this.#seen.clear()
    if (header !== null) this.#seen.set(header, seen)
    return seen
  }

  async #refresh(request: Request, clockTolerance?: number): Promise<RefreshCredentials> {
    const { scope, jti } = await this.#verify(request.headers.get('authorization'), 'refresh+jwt', clockTolerance)
    if (scope !== REFRESH_SCOPE) throw invalidToken('Bad token scope')
    if (!jti) throw new XrpcError(401, 'MissingTokenId', 'Unexpected missing refresh token id')
    return { did: this.#issuer.did, tokenId: jti }
  }

  async #service({ headers }: Request, lxm: string): Promise<ServiceCredentials> {
    const { iss } = await verifyServiceToken(
      bearerToken(headers.get('authorization')),
      { aud: this.#issuer.audience, lxm },
      this.#keys,
      this.#now(),
    )
    return { did: iss }
  }

  async #verify(
    header: string | null,
    typ: string,
    clockTolerance = 0,
  ): Promise<JWTPayload & { readonly scope?: unknown; readonly sid?: unknown }> {
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
}

/** For routes that are open to the world. */
export const anyone = (): null => null

/** For what only a server's administrator may: a pod has none, so nobody gets in. @throws XrpcError 401 AuthenticationRequired */
export const nobody = (): never => {
  throw new XrpcError(401, 'AuthenticationRequired', 'Authentication Required')
}

/** For writes, which wait until the account is activated. @throws XrpcError 401 AccountDeactivated */
export const assertActive = ({ standing }: { readonly standing: Standing }): void => {
  if (standing !== 'active') throw new XrpcError(401, 'AccountDeactivated', 'Account is deactivated')
}

/** @see https://www.rfc-editor.org/rfc/rfc9449#name-the-dpop-authentication-sch */
const DPOP = 'dpop'

/** Whether it shows an app's token. Exactly a scheme and a token, as for Bearer; anything else is a malformed header. */
export const isDpop = ({ headers }: Request): boolean => {
  const [scheme = '', token, ...rest] = headers.get('authorization')?.split(' ') ?? []
  return scheme.toLowerCase() === DPOP && Boolean(token) && rest.length === 0
}

const bearerToken = (header: string | null): string => {
  if (!header) throw new XrpcError(401, 'AuthMissing', 'Authentication Required')
  const [scheme, token, ...rest] = header.split(' ')
  if (!scheme || !token || rest.length > 0) throw invalidToken('Malformed authorization header')
  // A token of another kind than the one that is asked for, such as a refresh token: as if none had come.
  if (scheme.toLowerCase() === DPOP) throw new XrpcError(401, 'AuthMissing', 'Authentication Required')
  if (scheme.toLowerCase() !== 'bearer') throw invalidToken(`Unsupported authorization type: ${scheme}`)
  return token
}

/** Whether the token names the one method it is good for, as service tokens do; which it is good for is checked later. */
const namesMethod = ({ headers }: Request): boolean => {
  try {
    return 'lxm' in decodeJwt(bearerToken(headers.get('authorization')))
  } catch {
    return false
  }
}

const isAccessScope = (scope: unknown): scope is AccessScope => STANDARD.some((known) => known === scope)

const invalidToken = (message: string): XrpcError => invalidRequest(message, 'InvalidToken')
