/** The recovery key: extractable for the moment between its making and the sealing of its file, and never again. */
import { formatDidKey } from '@atproto/crypto'
import { base64url } from 'multiformats/bases/base64'
import { concat } from '../../wire/bytes.ts'
import { invalidRequest } from '../../wire/errors.ts'

const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
/** An uncompressed point begins with this byte (SEC 1, 2.3.3). */
const UNCOMPRESSED = Uint8Array.of(4)

export interface FreshRecoveryKey {
  /** PKCS #8. */
  readonly privateKey: Uint8Array<ArrayBuffer>
  readonly didKey: string
}

export const makeRecoveryKey = async (): Promise<FreshRecoveryKey> => {
  const pair = await crypto.subtle.generateKey(P256, true, ['sign', 'verify'])
  const [pkcs8, didKey] = await Promise.all([crypto.subtle.exportKey('pkcs8', pair.privateKey), didKeyOf(pair.privateKey)])
  return { privateKey: new Uint8Array(pkcs8), didKey }
}

/** Non-extractable from here on. @throws XrpcError 400 BadRecoveryFile when it is not the private half of `didKey` */
export const openRecoveryKey = async (privateKey: Uint8Array<ArrayBuffer>, didKey: string): Promise<CryptoKey> => {
  const shown = await crypto.subtle
    .importKey('pkcs8', privateKey, P256, true, ['sign'])
    .then(didKeyOf)
    .catch(() => null)
  if (shown !== didKey) throw invalidRequest('The key in this file is not the one it names', 'BadRecoveryFile')
  return crypto.subtle.importKey('pkcs8', privateKey, P256, false, ['sign'])
}

const didKeyOf = async (privateKey: CryptoKey): Promise<string> => {
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', privateKey)
  return formatDidKey('ES256', concat([UNCOMPRESSED, base64url.baseDecode(x), base64url.baseDecode(y)]))
}
