/**
 * The keys that the provider signs by, as the core wants them: the private half is a CryptoKey that nobody can read, which the core's own `JoseKey` has no
 * place for.
 * @see https://datatracker.ietf.org/doc/html/rfc7517
 */
import type { JwtHeader, JwtPayload, PublicJwk, SignedJwt, VerifyOptions, VerifyResult } from '@atproto/oauth-provider/provider'
import { Key, Keyset } from '@atproto/oauth-provider/verifier'
import { calculateJwkThumbprint, exportJWK, jwtVerify, type JWTVerifyOptions, SignJWT } from 'jose'
import { MAX_PROVIDER_KEYS, PROVIDER_KEY_AGE_MS } from '../../wire/oauth-limits.ts'
import type { Store } from '../store/open.ts'
import { changePod, readPod } from '../store/pod.ts'
import type { ProviderKeyRow, ProviderRow } from '../store/oauth-schema.ts'

const ALGORITHMS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
} as const

/** Made at the first call; the key that signs is replaced when it is old, and stays published behind the new one. */
export const providerRow = async (store: Store, now: number): Promise<ProviderRow> => {
  const row = await readPod(store, 'provider')
  if (row && !isOld(row, now)) return row
  const key = await makeKey('ES256', now)
  const made: ProviderRow = row ?? {
    keys: [],
    nonces: { server: crypto.getRandomValues(new Uint8Array(32)), resource: crypto.getRandomValues(new Uint8Array(32)) },
    forms: await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']),
  }
  // Another worker may have been as quick: what is there stays.
  const kept = await changePod(store, 'provider', (present = made) => (isOld(present, now) ? withKey(present, key) : undefined))
  return kept ?? made
}

/** Beside the others, where there is none for `alg` yet. */
export const providerKeyFor = async (
  store: Store,
  alg: ProviderKeyRow['alg'],
  now: number,
): Promise<{ readonly key: ProviderKeyRow; readonly isNew: boolean }> => {
  const find = (row: ProviderRow | undefined) => row?.keys.find((key) => key.alg === alg)
  const present = find(await providerRow(store, now))
  if (present) return { key: present, isNew: false }
  const key = await makeKey(alg, now)
  const row = await changePod(store, 'provider', (row) => (row && !find(row) ? withKey(row, key) : undefined))
  return { key: find(row) ?? key, isNew: true }
}

export const keysetOf = async ({ keys }: ProviderRow): Promise<Keyset> => new Keyset(await Promise.all(keys.map(toKey)))

const isOld = ({ keys }: ProviderRow, now: number): boolean => {
  const newest = keys.find(({ alg }) => alg === 'ES256')
  return !newest || newest.at + PROVIDER_KEY_AGE_MS <= now
}

const withKey = (row: ProviderRow, key: ProviderKeyRow): ProviderRow => ({ ...row, keys: [key, ...row.keys].slice(0, MAX_PROVIDER_KEYS) })

const makeKey = async (alg: ProviderKeyRow['alg'], at: number): Promise<ProviderKeyRow> => {
  const pair = await crypto.subtle.generateKey(ALGORITHMS[alg], false, ['sign', 'verify'])
  return { kid: await calculateJwkThumbprint(await exportJWK(pair.publicKey)), alg, pair, at }
}

const toKey = async (row: ProviderKeyRow): Promise<HiddenKey> => {
  const { kty, crv, x, y, n, e } = await exportJWK(row.pair.publicKey)
  // What a public key of ours exports is one.
  return new HiddenKey({ kty, crv, x, y, n, e, kid: row.kid, alg: row.alg } as unknown as PublicJwk, row.pair)
}

class HiddenKey extends Key<PublicJwk> {
  readonly #pair: CryptoKeyPair

  constructor(jwk: PublicJwk, pair: CryptoKeyPair) {
    super(JSON.parse(JSON.stringify(jwk)))
    this.#pair = pair
  }

  override get isPrivate(): boolean {
    return true
  }

  override get privateJwk(): undefined {
    return undefined
  }

  override get publicJwk(): PublicJwk {
    return { ...this.jwk, use: 'sig' }
  }

  override async createJwt(header: JwtHeader, payload: JwtPayload): Promise<SignedJwt> {
    const alg = this.jwk.alg ?? 'ES256'
    const token = await new SignJWT(payload).setProtectedHeader({ ...header, alg, kid: this.jwk.kid }).sign(this.#pair.privateKey)
    // A JWT by its making.
    return token as SignedJwt
  }

  override async verifyJwt<C extends string = never>(token: SignedJwt, options?: VerifyOptions<C>): Promise<VerifyResult<C>> {
    // jose changes none of the lists that it wants to be mutable.
    const checks = { ...options, algorithms: [...this.algorithms] } as JWTVerifyOptions
    const { payload, protectedHeader } = await jwtVerify(token, this.#pair.publicKey, checks)
    // jose has checked what it says; of the payload the core parses what it needs.
    return { payload, protectedHeader } as VerifyResult<C>
  }
}
