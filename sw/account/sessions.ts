/**
 * Legacy sessions: HS256 tokens as the reference PDS makes them. Access tokens are only signed; refresh tokens are also rows, rotated at each use.
 * @see https://atproto.com/specs/xrpc#authentication
 */
import { SignJWT } from 'jose'
import { invalidRequest } from '../../wire/errors.ts'
import { ACCESS_TTL_MS, REFRESH_GRACE_MS, REFRESH_TTL_MS } from '../../wire/limits.ts'
import type { Store } from '../store/open.ts'
import type { SessionRow } from '../store/schema.ts'
import { deleteSessionFamily, getSession, pruneExpiredSessions, putSession, rotateSession } from '../store/sessions.ts'

export type AccessScope = 'com.atproto.access' | 'com.atproto.appPass' | 'com.atproto.appPassPrivileged'
export const REFRESH_SCOPE = 'com.atproto.refresh'

export interface TokenPair {
  readonly accessJwt: string
  readonly refreshJwt: string
}

export interface TokenIssuer {
  /** DID of the account: `sub`. */
  readonly did: string
  /** DID of the service: `aud`. */
  readonly audience: string
  readonly key: CryptoKey
}

const ID_BYTES = 32

export class Sessions {
  readonly #store: Store
  readonly #issuer: TokenIssuer
  readonly #now: () => number

  constructor(store: Store, issuer: TokenIssuer, now: () => number = Date.now) {
    this.#store = store
    this.#issuer = issuer
    this.#now = now
  }

  /** A new sign-in. */
  async open(): Promise<TokenPair> {
    const now = this.#now()
    const row = makeRow(randomId(), now)
    await pruneExpiredSessions(this.#store, now)
    await putSession(this.#store, row)
    return this.#issue(row)
  }

  /**
   * Trades refresh token `id` for a new pair. Within the grace it gives the same successor again; after it, someone else holds the token,
   * and all sessions of that sign-in end.
   * @throws XrpcError 400 ExpiredToken
   */
  async rotate(id: string): Promise<TokenPair> {
    const now = this.#now()
    const rotation = await rotateSession(this.#store, id, now, now + REFRESH_GRACE_MS, ({ family }) => makeRow(family, now))
    if (rotation.outcome === 'unknown' || rotation.outcome === 'reused') throw invalidRequest('Token has been revoked', 'ExpiredToken')
    return this.#issue(rotation.successor)
  }

  /** Signs out: ends the sign-in that token `id` belongs to. No error when it is gone already. */
  async close(id: string): Promise<void> {
    const row = await getSession(this.#store, id)
    if (row) await deleteSessionFamily(this.#store, row.family)
  }

  async #issue(row: SessionRow): Promise<TokenPair> {
    const now = this.#now()
    const [accessJwt, refreshJwt] = await Promise.all([
      this.#sign('at+jwt', 'com.atproto.access', randomId(), now, now + ACCESS_TTL_MS),
      this.#sign('refresh+jwt', REFRESH_SCOPE, row.id, now, row.expiresAt),
    ])
    return { accessJwt, refreshJwt }
  }

  #sign(typ: string, scope: string, id: string, issuedAt: number, expiresAt: number): Promise<string> {
    return new SignJWT({ scope })
      .setProtectedHeader({ typ, alg: 'HS256' })
      .setSubject(this.#issuer.did)
      .setAudience(this.#issuer.audience)
      .setJti(id)
      .setIssuedAt(toSeconds(issuedAt))
      .setExpirationTime(toSeconds(expiresAt))
      .sign(this.#issuer.key)
  }
}

const makeRow = (family: string, now: number): SessionRow => ({ id: randomId(), family, createdAt: now, expiresAt: now + REFRESH_TTL_MS })

const randomId = (): string => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(ID_BYTES))))

const toSeconds = (ms: number): number => Math.floor(ms / 1000)
