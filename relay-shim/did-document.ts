/**
 * What a PLC directory says about a DID: the room believes a did:plc pod only where its document names the pod's key and this address.
 * @see https://web.plc.directory/spec/v0.1/did-plc#did-resolution
 */
import { formatDidKey, multibaseToBytes, P256_JWT_ALG, SECP256K1_JWT_ALG } from '@atproto/crypto'
import * as v from 'valibot'
import { MAX_DID_DOCUMENT_BYTES, PLC_DEADLINE_MS } from '../wire/limits.ts'
import { Refused } from './refused.ts'

export interface PlcAnswer {
  /** did:key of `#atproto`; null where the document has none. */
  readonly signingKey: string | null
  /** Endpoint of `#atproto_pds`, with no slash at the end; null where the document has none. */
  readonly pds: string | null
}

const documentSchema = v.object({
  id: v.string(),
  verificationMethod: v.optional(v.array(v.object({ id: v.string(), type: v.string(), publicKeyMultibase: v.optional(v.string()) })), []),
  service: v.optional(v.array(v.object({ id: v.string(), serviceEndpoint: v.unknown() })), []),
})

/**
 * @param directory as `parsePlcUrl` writes it
 * @param did must pass `isDidPlc`: it becomes part of an address
 * @throws Refused DidNotFound (the directory knows no such DID, or it was given up) | DidUnresolvable (no answer, or none that makes sense)
 */
export const resolveDidPlc = async (directory: string, did: string): Promise<PlcAnswer> => {
  const { host } = new URL(directory)
  try {
    const response = await fetch(`${directory}/${did}`, {
      headers: { accept: 'application/did+ld+json, application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(PLC_DEADLINE_MS),
    })
    if (response.status === 404 || response.status === 410)
      throw new Refused('DidNotFound', `The directory at ${host} does not know ${did}.`)
    if (response.status !== 200) throw new Error(`answered ${response.status}`)
    const document = v.parse(documentSchema, JSON.parse(await shortText(response)))
    if (document.id !== did) throw new Error(`answered with the document of ${document.id}`)
    return readDocument(document)
  } catch (cause) {
    if (cause instanceof Refused && cause.error === 'DidNotFound') throw cause
    throw new Refused('DidUnresolvable', `The directory at ${host} could not be asked about ${did}. Try again in a moment.`, { cause })
  }
}

const shortText = async ({ body }: Response): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for await (const piece of body ?? []) {
    length += piece.length
    if (length > MAX_DID_DOCUMENT_BYTES) throw new Error(`answered more than ${MAX_DID_DOCUMENT_BYTES} bytes`)
    text += decoder.decode(piece, { stream: true })
  }
  return text
}

/** Ids are written whole or as a fragment. */
const readDocument = ({ id, verificationMethod, service }: v.InferOutput<typeof documentSchema>): PlcAnswer => {
  const isNamed = (fragment: string) => (entry: { readonly id: string }) => entry.id === fragment || entry.id === id + fragment
  const method = verificationMethod.find(isNamed('#atproto'))
  const endpoint = service.find(isNamed('#atproto_pds'))?.serviceEndpoint
  return {
    signingKey: method?.publicKeyMultibase === undefined ? null : keyToDidKey(method.type, method.publicKeyMultibase),
    pds: typeof endpoint === 'string' ? endpoint.replace(/\/$/, '') : null,
  }
}

/** Older directories write the bare point of a curve that the type names. @see https://atproto.com/specs/did#public-keys-in-did-documents */
const OLD_TYPES: Readonly<Record<string, string>> = {
  EcdsaSecp256r1VerificationKey2019: P256_JWT_ALG,
  EcdsaSecp256k1VerificationKey2019: SECP256K1_JWT_ALG,
}

const keyToDidKey = (type: string, multibase: string): string | null => {
  if (type === 'Multikey') return `did:key:${multibase}`
  const curve = OLD_TYPES[type]
  return curve === undefined ? null : formatDidKey(curve, multibaseToBytes(multibase))
}
