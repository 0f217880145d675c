/**
 * A new did:plc: its first, self-certifying operation, and the registration with a directory.
 * @see https://web.plc.directory/spec/v0.1/did-plc
 */
import type { KeyVault, RotationKey } from './contract.ts'
import type { Fetch } from './handle-resolver.ts'
import { hashToDidPlc, submitOperation } from './plc-directory.ts'
import { hashOf, type PlcData, type PlcOperation, signOperation } from './plc-operation.ts'

export interface Genesis {
  readonly did: string
  readonly operation: PlcOperation
}

/** What of a pod goes into its DID. */
export interface PlcPlace {
  readonly handle: string
  /** http(s)://host[:port] */
  readonly origin: string
  /** did:key that the owner keeps elsewhere, above this browser's. */
  readonly recoveryKey?: string
}

/**
 * Makes a DID and registers it. Should the pod fail to be made afterwards, the DID stays in the directory as one that nobody will use: that is harmless.
 * @param directory as `parsePlcUrl` writes it
 * @param vault must have a rotation key
 * @throws XrpcError 503 PlcUnavailable | 400 PlcRefused; nothing is kept then
 */
export const createDidPlc = async (
  directory: string,
  place: PlcPlace,
  { signingDidKey, rotation }: Pick<KeyVault, 'signingDidKey' | 'rotation'>,
  fetch: Fetch,
): Promise<string> => {
  if (!rotation) throw new TypeError('a did:plc needs a rotation key')
  const { did, operation } = await makeGenesis({ ...place, signingDidKey }, rotation)
  await submitOperation(directory, did, operation, fetch)
  return did
}

/**
 * Nothing leaves the machine here: the DID is the hash of its own first operation.
 *
 * The rotation key of this browser is the only one, until the owner makes a recovery file, which holds a stronger one: whoever loses the browser profile
 * before that loses the power over the DID, and nobody, neither directory nor shim, can give it back.
 */
export const makeGenesis = async (pod: PlcPlace & { readonly signingDidKey: string }, rotation: RotationKey): Promise<Genesis> => {
  const rotationKeys = pod.recoveryKey === undefined ? [rotation.didKey] : [pod.recoveryKey, rotation.didKey]
  const operation = await signOperation(recommendData(pod, rotationKeys), null, rotation)
  return { did: hashToDidPlc(await hashOf(operation)), operation }
}

/** What a did:plc should say while its account lives in this pod. @param rotationKeys did:keys, the most powerful first */
export const recommendData = (pod: PlcPlace & { readonly signingDidKey: string }, rotationKeys: readonly string[]): PlcData => ({
  rotationKeys: [...rotationKeys],
  verificationMethods: { atproto: pod.signingDidKey },
  alsoKnownAs: [`at://${pod.handle}`],
  services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: pod.origin } },
})
