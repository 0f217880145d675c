/** For jose's `jwks/remote.js`: the OAuth provider has fetched a client's keys, through the room, before it asks for any. */
export const createRemoteJWKSet = (): never => {
  throw new TypeError('keys are fetched through the room')
}
export const jwksCache = Symbol('unused')
export const experimental_jwksCache = Symbol('unused')
