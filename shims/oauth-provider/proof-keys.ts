/**
 * For jose inside the OAuth provider's `dpop-manager.js`: a client shows the same public key with every request, and importing it and taking its thumbprint cost as
 * much as the signature. Both are remembered here; the signature is verified each time.
 */
import { calculateJwkThumbprint as thumbprintOf, EmbeddedJWK as importEmbedded, type JWK } from 'jose'
import { MAX_REMEMBERED_PROOF_KEYS } from '../../wire/oauth-limits.ts'

export { errors, jwtVerify } from 'jose'

const remembering = <T>() => {
  const known = new Map<string, T>()
  return async (key: string, make: () => Promise<T>): Promise<T> => {
    const found = known.get(key)
    if (found !== undefined) return found
    const made = await make()
    if (known.size >= MAX_REMEMBERED_PROOF_KEYS) known.clear()
    known.set(key, made)
    return made
  }
}

const keys = remembering<Awaited<ReturnType<typeof importEmbedded>>>()
const thumbprints = remembering<string>()

export const EmbeddedJWK: typeof importEmbedded = (header, token) =>
  keys(JSON.stringify([header?.alg, header?.jwk]), () => importEmbedded(header, token))

export const calculateJwkThumbprint = (jwk: JWK, hash: 'sha256'): Promise<string> =>
  thumbprints(JSON.stringify(jwk), () => thumbprintOf(jwk, hash))
