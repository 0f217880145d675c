/** Public keys as clients give them. @see https://atproto.com/specs/cryptography#public-key-encoding */
import { parseDidKey } from '@atproto/crypto'
import { invalidRequest } from '../../wire/errors.ts'

/** @throws XrpcError 400 InvalidRequest */
export const assertDidKey = (didKey: string): void => {
  try {
    parseDidKey(didKey)
  } catch {
    throw invalidRequest(`${JSON.stringify(didKey)} is no did:key of P-256 or secp256k1`)
  }
}
