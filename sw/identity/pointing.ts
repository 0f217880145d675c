/**
 * Whether the world finds this account here: its DID document must name this address and this pod's key.
 * @see https://atproto.com/guides/account-migration#updating-identity
 */
import { invalidRequest } from '../../wire/errors.ts'
import { isDidPlc } from '../../wire/plc-url.ts'
import type { KeyVault } from './contract.ts'
import type { DidResolver } from './did-resolver.ts'
import type { Fetch } from './handle-resolver.ts'
import { readPlcData } from './plc-directory.ts'
import { endpointOf, signingKeyOf } from './resolved-document.ts'
import type { Self } from './self.ts'

export interface PointingParts {
  readonly identity: Self
  readonly vault: Pick<KeyVault, 'signingDidKey' | 'rotation'>
  readonly dids: DidResolver
  /** Address of the PLC directory that the DID is registered with, with no slash at the end. */
  readonly directory: () => string
  /** The worker's own: a directory is asked without the room, which could lie. */
  readonly fetch: Fetch
}

/**
 * What must hold before an account is activated here. Everything is asked afresh.
 * @throws XrpcError 400 InvalidRequest (with the sentences of the reference PDS) | what `readPlcData` or `DidResolver.resolve` throws
 */
export const assertPointsHere = async (parts: PointingParts): Promise<void> => {
  const { identity, vault } = parts
  if (identity.elsewhere)
    throw invalidRequest(`The document of ${identity.did} names ${identity.elsewhere.endpoint} by your own order. Take that back first.`)
  if (identity.hostsDocument) return
  const { endpoint, signingKey, rotationKeys } = await readPointing(parts)
  const rotationKey = vault.rotation?.didKey
  if (rotationKeys && (rotationKey === undefined || !rotationKeys.includes(rotationKey)))
    throw invalidRequest('Server rotation key not included in PLC DID data')
  if (endpoint !== identity.origin) throw invalidRequest('DID document atproto_pds service endpoint does not match PDS public url')
  if (signingKey !== vault.signingDidKey) throw invalidRequest('DID document verification method does not match expected signing key')
}

interface Pointing {
  readonly endpoint: string | null
  /** did:key */
  readonly signingKey: string | null
  /** did:keys; a did:plc alone has them. */
  readonly rotationKeys?: readonly string[]
}

const readPointing = async ({ identity: { did }, dids, directory, fetch }: PointingParts): Promise<Pointing> => {
  if (isDidPlc(did)) {
    const { services, verificationMethods, rotationKeys } = await readPlcData(directory(), did, fetch)
    return {
      endpoint: services['atproto_pds']?.endpoint.replace(/\/$/, '') ?? null,
      signingKey: verificationMethods['atproto'] ?? null,
      rotationKeys,
    }
  }
  const document = await dids.resolve(did, { fresh: true })
  return { endpoint: endpointOf(document, 'atproto_pds'), signingKey: signingKeyOf(document) }
}
