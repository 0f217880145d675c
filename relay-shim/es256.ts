/** Signatures that prove a key: ES256, raw r‖s, base64url. @see https://www.rfc-editor.org/rfc/rfc7518#section-3.4 */
import { P256_JWT_ALG, parseDidKey } from '@atproto/crypto'
import { base64url } from 'multiformats/bases/base64'
import type { PublicJwk } from '../wire/frames.ts'
import { Refused } from './refused.ts'

const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNATURE_BYTES = 64

/** @throws Refused BadHello for what is no signature at all */
export const isSignedBy = async (key: CryptoKey, signature: string, message: Uint8Array<ArrayBuffer>): Promise<boolean> => {
  const bytes = bytesOf(signature)
  if (bytes.length !== SIGNATURE_BYTES) throw new Refused('BadHello', 'The signature is not 64 bytes of base64url.')
  return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes, message)
}

/** @throws Refused BadHello */
export const importJwk = async (jwk: PublicJwk): Promise<CryptoKey> => {
  try {
    return await crypto.subtle.importKey('jwk', jwk, P256, false, ['verify'])
  } catch (cause) {
    throw new Refused('BadHello', 'The uplink key is not a point of P-256.', { cause })
  }
}

/** @throws Refused BadHello */
export const importDidKey = async (didKey: string): Promise<CryptoKey> => {
  try {
    const { jwtAlg, keyBytes } = parseDidKey(didKey)
    if (jwtAlg !== P256_JWT_ALG) throw new Error(`a key for ${jwtAlg}`)
    return await crypto.subtle.importKey('raw', keyBytes.slice(), P256, false, ['verify'])
  } catch (cause) {
    throw new Refused('BadHello', 'The recovery key is not a did:key of P-256.', { cause })
  }
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => {
  try {
    return Uint8Array.from(base64url.baseDecode(text))
  } catch {
    return new Uint8Array(0)
  }
}
