/**
 * What the document of a DID says that this host does not itself speak for: the room believes its pod only where it names the pod's key and this address.
 * @see https://atproto.com/specs/did
 */
import { formatDidKey, multibaseToBytes, P256_JWT_ALG, SECP256K1_JWT_ALG } from '@atproto/crypto'
import * as v from 'valibot'
import { DID_LOOKUP_DEADLINE_MS, MAX_DID_DOCUMENT_BYTES } from '../wire/limits.ts'
import { isDidPlc } from '../wire/plc-url.ts'
import { admitUrl } from './egress-address.ts'
import type { NameCheck } from './egress-names.ts'
import { isLoopback, originOf, parseHost } from './hostname.ts'
import { Refused } from './refused.ts'
import { shortText } from './short-text.ts'

export interface NamedByDocument {
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

/** Whether it is a DID that pods may have: a did:plc, or the did:web of a whole host, with a port on this machine only. */
export const isPodDid = (did: string): boolean => isDidPlc(did) || didWebHost(did) !== null

/**
 * @param did must pass `isPodDid`: it becomes part of an address
 * @throws Refused PlcNotOffered | DidNotFound (there is no such DID, or it was given up) | DidUnresolvable (no answer, or none that makes sense), and
 *   what `admitUrl` and `names` refuse
 */
export const resolveDid = async (
  did: string,
  {
    plcUrl,
    allowLoopback,
    names = null,
  }: { readonly plcUrl: string | null; readonly allowLoopback: boolean; readonly names?: NameCheck | null },
): Promise<NamedByDocument> => {
  const url = documentUrl(did, plcUrl, allowLoopback)
  if (!isDidPlc(did) && url.protocol === 'https:') await names?.check(url.hostname)
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/did+ld+json, application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(DID_LOOKUP_DEADLINE_MS),
    })
    if (response.status === 404 || response.status === 410) throw new Refused('DidNotFound', `${url.host} knows no document of ${did}.`)
    if (response.status !== 200) throw new Error(`answered ${response.status}`)
    const document = v.parse(documentSchema, JSON.parse(await shortText(response, MAX_DID_DOCUMENT_BYTES)))
    if (document.id !== did) throw new Error(`answered with the document of ${document.id}`)
    return readDocument(document)
  } catch (cause) {
    if (cause instanceof Refused && cause.error === 'DidNotFound') throw cause
    throw new Refused('DidUnresolvable', `${url.host} could not be asked for the document of ${did}. Try again in a moment.`, { cause })
  }
}

const documentUrl = (did: string, plcUrl: string | null, allowLoopback: boolean): URL => {
  const host = didWebHost(did)
  if (host !== null) return admitUrl(`${originOf(host)}/.well-known/did.json`, allowLoopback)
  if (plcUrl === null)
    throw new Refused('PlcNotOffered', 'This shim was started without a PLC directory (TABPOD_PLC_URL): it admits no did:plc.')
  return new URL(`${plcUrl}/${did}`)
}

/** null: no did:web, or one that atproto does not take: with a path, or a port that is not on this machine. */
const didWebHost = (did: string): string | null => {
  const [, hostname = '', port] = /^did:web:([a-z0-9.-]+)(?:%3A(\d+))?$/.exec(did) ?? []
  const host = port === undefined ? hostname : `${hostname}:${port}`
  return parseHost(host) === host && (port === undefined ? hostname.includes('.') || isLoopback(hostname) : isLoopback(hostname))
    ? host
    : null
}

/** Ids are written whole or as a fragment. */
const readDocument = ({ id, verificationMethod, service }: v.InferOutput<typeof documentSchema>): NamedByDocument => {
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
