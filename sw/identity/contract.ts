/** What the rest of the pod may ask of the key vault. Private keys never leave it. */
export interface KeyVault {
  /** did:key of the repo signing key (P-256). */
  readonly signingDidKey: string
  /** ES256 by the repo signing key: 64 bytes r‖s, low-S. */
  sign(message: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
  /** Whether `sig` is by the repo signing key. */
  verify(message: Uint8Array, sig: Uint8Array): Promise<boolean>
  /** ES256 by the uplink key: 64 bytes r‖s. */
  signJoin(message: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
  readonly uplinkKey: { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  /** HMAC-SHA-256 key for session tokens, for jose. */
  readonly sessionKey: CryptoKey
  /** The power over the DID itself; a did:plc pod alone has it. */
  readonly rotation?: RotationKey
}

/** @see https://web.plc.directory/spec/v0.1/did-plc#keys */
export interface RotationKey {
  /** did:key, P-256. */
  readonly didKey: string
  /** ES256: 64 bytes r‖s, low-S. */
  sign(message: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
}
