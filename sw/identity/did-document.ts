/**
 * What the world learns about this identity.
 * @see https://atproto.com/specs/did#did-documents
 */

/** A document with the repo's key and the pod's address, as a did:web serves it and a PLC directory renders it. */
export interface DidDocument {
  readonly '@context': readonly string[]
  readonly id: string
  readonly alsoKnownAs: readonly string[]
  readonly verificationMethod: ReadonlyArray<{
    readonly id: string
    readonly type: 'Multikey'
    readonly controller: string
    readonly publicKeyMultibase: string
  }>
  readonly service: ReadonlyArray<{ readonly id: string; readonly type: string; readonly serviceEndpoint: string }>
}

export interface Identity {
  readonly did: string
  readonly handle: string
  /** http(s)://host[:port], no slash at the end. */
  readonly origin: string
}

const DID_KEY_PREFIX = 'did:key:'

/** @param signingDidKey did:key of the repo's key; its part after `did:key:` is the Multikey. */
export const didDocument = ({ did, handle, origin }: Identity, signingDidKey: string): DidDocument => ({
  '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
  id: did,
  alsoKnownAs: [`at://${handle}`],
  verificationMethod: [
    { id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: signingDidKey.slice(DID_KEY_PREFIX.length) },
  ],
  service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: origin }],
})

/** `http://localhost:1999` → `did:web:localhost%3A1999`. @see https://w3c-ccg.github.io/did-method-web/#method-specific-identifier */
export const originToDidWeb = (origin: string): string => `did:web:${encodeURIComponent(new URL(origin).host)}`
