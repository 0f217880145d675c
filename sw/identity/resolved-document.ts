/**
 * What other people's DID documents say: key, services, handle.
 * @see https://atproto.com/specs/did#did-documents
 */
import { formatDidKey, multibaseToBytes, P256_JWT_ALG, parseDidKey, SECP256K1_JWT_ALG } from '@atproto/crypto'
import { isValidHandle } from '@atproto/syntax'
import * as v from 'valibot'
import { isLoopbackHost } from '../../wire/loopback.ts'

/** Loose: what is not understood here is passed on to whoever asks for the document. */
const documentSchema = v.looseObject({
  id: v.string(),
  alsoKnownAs: v.optional(v.array(v.string())),
  verificationMethod: v.optional(v.array(v.looseObject({ id: v.string(), type: v.string(), publicKeyMultibase: v.optional(v.string()) }))),
  service: v.optional(v.array(v.looseObject({ id: v.string(), serviceEndpoint: v.unknown() }))),
})
/** A document as its host serves it. */
export type ResolvedDocument = Readonly<v.InferOutput<typeof documentSchema>>

/** @throws SyntaxError | v.ValiError */
export const parseDocument = (json: string): ResolvedDocument => v.parse(documentSchema, JSON.parse(json))

/** did:key of `#atproto`; null where there is none, or none of a known curve. */
export const signingKeyOf = (document: ResolvedDocument): string | null => {
  const method = document.verificationMethod?.find(isNamed(document, 'atproto'))
  return method?.publicKeyMultibase === undefined ? null : keyToDidKey(method.type, method.publicKeyMultibase)
}

/** Origin of the service; null where there is none, or one at an address that nobody may be sent to. */
export const endpointOf = (document: ResolvedDocument, name: string): string | null => {
  const endpoint = document.service?.find(isNamed(document, name))?.serviceEndpoint
  const url = typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint) : null
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname)) ? url.origin : null
}

/** The first valid handle, in lower case; null: none. @see https://atproto.com/specs/did#did-documents */
export const handleOf = ({ alsoKnownAs = [] }: { readonly alsoKnownAs?: readonly string[] | undefined }): string | null => {
  const handles = alsoKnownAs.filter((uri) => uri.startsWith('at://')).map((uri) => uri.slice('at://'.length).toLowerCase())
  return handles.find((handle) => isValidHandle(handle)) ?? null
}

/** Ids are written whole or as a fragment. */
const isNamed = (document: ResolvedDocument, fragment: string) => (entry: { readonly id: string }) =>
  entry.id === `#${fragment}` || entry.id === `${document.id}#${fragment}`

/** Older documents write the bare point of a curve that the type names. @see https://atproto.com/specs/did#public-keys-in-did-documents */
const OLD_TYPES: Readonly<Record<string, string>> = {
  EcdsaSecp256r1VerificationKey2019: P256_JWT_ALG,
  EcdsaSecp256k1VerificationKey2019: SECP256K1_JWT_ALG,
}

const keyToDidKey = (type: string, multibase: string): string | null => {
  const curve = OLD_TYPES[type]
  try {
    const didKey = curve === undefined ? `did:key:${multibase}` : formatDidKey(curve, multibaseToBytes(multibase))
    parseDidKey(didKey)
    return type === 'Multikey' || curve !== undefined ? didKey : null
  } catch {
    return null
  }
}
