/**
 * For the OAuth provider's `lib/util/crypto.js`: no ES256K among the algorithms that it announces, because WebCrypto has no secp256k1, so that a worker can verify
 * no signature of it. The official client prefers it where it is offered.
 */
export const randomHexId = async (bytes: number): Promise<string> =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('')

export const VERIFY_ALGOS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']
