/**
 * The pod's keys: made in the worker, non-extractable, kept as CryptoKeys in IndexedDB. Nothing here can hand out a private key.
 * @see https://atproto.com/specs/cryptography
 */
import { formatDidKey } from '@atproto/crypto'
import type { PodRows, SigningPair } from '../store/schema.ts'
import type { KeyVault } from './contract.ts'

const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const

/** Order of P-256 (SP 800-186, 3.2.1.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const SCALAR_BYTES = 32

/** New keys for a new pod; a did:plc needs a rotation key besides. */
export const makeKeys = async ({ rotates = false } = {}): Promise<PodRows['keys']> => {
  const [signing, uplink, session, rotation] = await Promise.all([
    makeSigningPair(),
    crypto.subtle.generateKey(P256, false, ['sign', 'verify']),
    crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']),
    rotates ? crypto.subtle.generateKey(P256, false, ['sign', 'verify']) : null,
  ])
  return {
    ...signing,
    uplink,
    session,
    ...(rotation && { rotation, rotationDidKey: await didKeyOf(rotation) }),
  }
}

/** A key for the repo. */
export const makeSigningPair = async (): Promise<SigningPair> => {
  const signing = await crypto.subtle.generateKey(P256, false, ['sign', 'verify'])
  return { signing, signingDidKey: await didKeyOf(signing) }
}

export const openVault = async (keys: PodRows['keys']): Promise<KeyVault> => {
  const { x, y } = await crypto.subtle.exportKey('jwk', keys.uplink.publicKey)
  if (x === undefined || y === undefined) throw new TypeError('the uplink key is no P-256 key')
  const { rotation, rotationDidKey } = keys
  return {
    signingDidKey: keys.signingDidKey,
    sign: async (message) => lowS(await signES256(keys.signing.privateKey, message)),
    // TypeScript's lib wants views on an ArrayBuffer; WebCrypto copies whatever it is given.
    verify: (message, sig) =>
      crypto.subtle.verify(ES256, keys.signing.publicKey, sig as Uint8Array<ArrayBuffer>, message as Uint8Array<ArrayBuffer>),
    signJoin: async (message) => signES256(keys.uplink.privateKey, message),
    uplinkKey: { kty: 'EC', crv: 'P-256', x, y },
    sessionKey: keys.session,
    ...(rotation &&
      rotationDidKey !== undefined && {
        rotation: { didKey: rotationDidKey, sign: async (message) => lowS(await signES256(rotation.privateKey, message)) },
      }),
  }
}

const didKeyOf = async ({ publicKey }: CryptoKeyPair): Promise<string> =>
  formatDidKey('ES256', new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)))

const signES256 = async (key: CryptoKey, message: Uint8Array): Promise<Uint8Array<ArrayBuffer>> =>
  // TypeScript's lib wants a view on an ArrayBuffer; WebCrypto copies whatever it is given.
  new Uint8Array(await crypto.subtle.sign(ES256, key, message as Uint8Array<ArrayBuffer>))

/**
 * atproto accepts low-S signatures only, and WebCrypto gives a high S every second time: (r, s) and (r, n − s) are both valid.
 * Changes `signature` in place.
 */
export const lowS = (signature: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  let s = 0n
  const view = new DataView(signature.buffer, signature.byteOffset + SCALAR_BYTES, SCALAR_BYTES)
  for (let at = 0; at < SCALAR_BYTES; at += 8) s = (s << 64n) | view.getBigUint64(at)
  if (s <= ORDER >> 1n) return signature
  s = ORDER - s
  for (let at = SCALAR_BYTES - 8; at >= 0; at -= 8, s >>= 64n) view.setBigUint64(at, BigInt.asUintN(64, s))
  return signature
}
