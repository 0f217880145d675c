/**
 * Legacy sessions: HS256 tokens as the reference PDS makes them. Refresh tokens are rows, rotated at each use; access tokens are signed, and name the
 * sign-in (`sid`) that they end with.
 * @see https://atproto.com/specs/xrpc#authentication
 */
import { SignJWT } from 'jose'
import { invalidRequest } from '../../wire/errors.ts'
import { REFRESH_GRACE_MS } from '../../wire/limits.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../wire/settings.ts'
import type { Store } from '../store/open.ts'
import type { SessionRow } from '../store/schema.ts'
import {
  deleteSessionFamily,
  deleteSessions,
  getSession,
  pruneExpiredSessions,
  putSession,
  readFamilies,
  readSessions,
  rotateSession,
} from '../store/sessions.ts'

export type AccessScope = 'com.atproto.access' | 'com.atproto.appPass' | 'com.atproto.appPassPrivileged'
export const REFRESH_SCOPE = 'com.atproto.refresh'

export interface TokenPair {
  readonly accessJwt: string
  readonly refreshJwt: string
}

/** Of what is issued from now on. */
type TokenLifetimes = Pick<Settings, 'accessTtlMs' | 'refreshTtlMs'>

export interface TokenIssuer {
  /** DID of the account: `sub`. */
  readonly did: string
  /** DID of the service: `aud`. */
  readonly audience: string
  readonly key: CryptoKey
}

/** What a sign-in was made with, where it was not the owner's own password. */
export interface UsedAppPassword {
  readonly name: string
  readonly privileged: boolean
}

/** A sign-in that has not ended. Times in ms. */
export interface OpenSignIn {
  readonly family: string
  /** Absent: the owner's own password. */
  readonly appPassword?: string
  readonly since: number
  /** The last refresh, or the sign-in. */
  readonly usedAt: number
  readonly until: number
}

const ID_BYTES = 32

export class Sessions {
  readonly #store: Store
  readonly #issuer: TokenIssuer
  readonly #now: () => number
  readonly #lifetimes: () => TokenLifetimes
  /** Every access token is asked about: the sign-ins that have not ended stay in memory. */
  #families: Promise<Set<string>> | undefined

  constructor(store: Store, issuer: TokenIssuer, now: () => number = Date.now, lifetimes: () => TokenLifetimes = () => DEFAULT_SETTINGS) {
    this.#store = store
    this.#issuer = issuer
    this.#now = now
    this.#lifetimes = lifetimes
  }

  /** A new sign-in. */
  async open(appPassword?: UsedAppPassword): Promise<TokenPair> {
    const now = this.#now()
    const family = randomId()
    const signIn = { family, ...(appPassword && { appPassword: appPassword.name, privileged: appPassword.privileged }) }
    const row = makeRow(signIn, now, this.#lifetimes())
    await pruneExpiredSessions(this.#store, now)
    await putSession(this.#store, row)
    ;(await this.#openFamilies()).add(family)
    return this.#issue(row)
  }

  /** Whether the sign-in that a token names (`sid`) has not ended. */
  async isOpen(family: string): Promise<boolean> {
    return (await this.#openFamilies()).has(family)
  }

  /**
   * Trades refresh token `id` for a new pair. Within the grace it gives the same successor again; after it, someone else holds the token,
   * and all sessions of that sign-in end.
   * @throws XrpcError 400 ExpiredToken
   */
  async rotate(id: string): Promise<TokenPair> {
    const now = this.#now()
    const rotation = await rotateSession(this.#store, id, now, now + REFRESH_GRACE_MS, (row) => makeRow(row, now, this.#lifetimes()))
    if (rotation.outcome === 'reused') (await this.#openFamilies()).delete(rotation.family)
    if (rotation.outcome === 'unknown' || rotation.outcome === 'reused') throw invalidRequest('Token has been revoked', 'ExpiredToken')
    return this.#issue(rotation.successor)
  }

  /** Signs out: ends the sign-in that token `id` belongs to. No error when it is gone already. */
  async close(id: string): Promise<void> {
    const row = await getSession(this.#store, id)
    if (!row) return
    await this.end(row.family)
  }

  /** For the owner: what is signed in by password, used last first. */
  async list(): Promise<readonly OpenSignIn[]> {
    const families = new Map<string, OpenSignIn>()
    for (const { family, appPassword, createdAt, expiresAt } of await readSessions(this.#store)) {
      if (expiresAt <= this.#now()) continue
      const { since = createdAt, usedAt = createdAt, until = expiresAt } = families.get(family) ?? {}
      families.set(family, {
        family,
        ...(appPassword !== undefined && { appPassword }),
        since: Math.min(since, createdAt),
        usedAt: Math.max(usedAt, createdAt),
        until: Math.max(until, expiresAt),
      })
    }
    return [...families.values()].sort((a, b) => b.usedAt - a.usedAt)
  }

  /** Ends one sign-in. */
  async end(family: string): Promise<void> {
    await deleteSessionFamily(this.#store, family)
    ;(await this.#openFamilies()).delete(family)
  }

  /** Ends all sign-ins, or those made with one app password: their tokens are worth nothing from then on. */
  async closeAll(appPassword?: string): Promise<void> {
    await deleteSessions(this.#store, appPassword)
    this.#families = undefined
  }

  #openFamilies(): Promise<Set<string>> {
    this.#families ??= readFamilies(this.#store).catch((cause: unknown) => {
      this.#families = undefined
      throw cause
    })
    return this.#families
  }

  async #issue(row: SessionRow): Promise<TokenPair> {
    const now = this.#now()
    const [accessJwt, refreshJwt] = await Promise.all([
      this.#sign('at+jwt', { scope: scopeOf(row), sid: row.family }, randomId(), now, now + this.#lifetimes().accessTtlMs),
      this.#sign('refresh+jwt', { scope: REFRESH_SCOPE }, row.id, now, row.expiresAt),
    ])
    return { accessJwt, refreshJwt }
  }

  #sign(typ: string, claims: { scope: string; sid?: string }, id: string, issuedAt: number, expiresAt: number): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({ typ, alg: 'HS256' })
      .setSubject(this.#issuer.did)
      .setAudience(this.#issuer.audience)
      .setJti(id)
      .setIssuedAt(toSeconds(issuedAt))
      .setExpirationTime(toSeconds(expiresAt))
      .sign(this.#issuer.key)
  }
}

type SignIn = Pick<SessionRow, 'family' | 'appPassword' | 'privileged'>

const makeRow = ({ family, appPassword, privileged }: SignIn, now: number, { refreshTtlMs }: TokenLifetimes): SessionRow => ({
  id: randomId(),
  family,
  ...(appPassword !== undefined && { appPassword }),
  ...(privileged !== undefined && { privileged }),
  createdAt: now,
  expiresAt: now + refreshTtlMs,
})

const scopeOf = ({ appPassword, privileged = false }: SessionRow): AccessScope => {
  if (appPassword === undefined) return 'com.atproto.access'
  return privileged ? 'com.atproto.appPassPrivileged' : 'com.atproto.appPass'
}

const randomId = (): string => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(ID_BYTES))))

const toSeconds = (ms: number): number => Math.floor(ms / 1000)
