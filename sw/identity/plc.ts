/**
 * A new did:plc: its first, self-certifying operation, and the registration with a directory.
 * @see https://web.plc.directory/spec/v0.1/did-plc
 */
import { encode } from '@ipld/dag-cbor'
import { base32 } from 'multiformats/bases/base32'
import { base64url } from 'multiformats/bases/base64'
import { XrpcError } from '../../wire/errors.ts'
import { PLC_DEADLINE_MS } from '../../wire/limits.ts'
import type { KeyVault, RotationKey } from './contract.ts'
import type { Fetch } from './handle-resolver.ts'

export interface PlcOperation {
  readonly type: 'plc_operation'
  /** did:keys that may change this identity, the most powerful first. */
  readonly rotationKeys: readonly string[]
  readonly verificationMethods: { readonly atproto: string }
  readonly alsoKnownAs: readonly string[]
  readonly services: { readonly atproto_pds: { readonly type: 'AtprotoPersonalDataServer'; readonly endpoint: string } }
  /** null: the genesis operation. */
  readonly prev: null
  /** ES256 over the operation without `sig`: 64 bytes r‖s, low-S, base64url without padding. */
  readonly sig: string
}

export interface Genesis {
  readonly did: string
  readonly operation: PlcOperation
}

/** The method's identifiers are the first 24 characters of the hash, 120 bits of it. */
const IDENTIFIER_CHARS = 24

/**
 * Makes a DID and registers it. Should the pod fail to be made afterwards, the DID stays in the directory as one that nobody will use: that is harmless.
 * @param directory as `parsePlcUrl` writes it
 * @param vault must have a rotation key
 * @throws XrpcError 503 PlcUnavailable | 400 PlcRefused; nothing is kept then
 */
export const createDidPlc = async (
  directory: string,
  pod: { readonly handle: string; readonly origin: string },
  { signingDidKey, rotation }: Pick<KeyVault, 'signingDidKey' | 'rotation'>,
  fetch: Fetch,
): Promise<string> => {
  if (!rotation) throw new TypeError('a did:plc needs a rotation key')
  const genesis = await makeGenesis({ ...pod, signingDidKey }, rotation)
  await registerGenesis(directory, genesis, fetch)
  return genesis.did
}

/**
 * Nothing leaves the machine here: the DID is the hash of its own first operation.
 *
 * The rotation key of this browser is the only one, until there is a recovery file to hold a stronger one: whoever loses the browser profile
 * before that loses the power over the DID, and nobody, neither directory nor shim, can give it back.
 */
export const makeGenesis = async (
  pod: { readonly signingDidKey: string; readonly handle: string; readonly origin: string },
  rotation: RotationKey,
): Promise<Genesis> => {
  const unsigned = {
    type: 'plc_operation',
    rotationKeys: [rotation.didKey],
    verificationMethods: { atproto: pod.signingDidKey },
    alsoKnownAs: [`at://${pod.handle}`],
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: pod.origin } },
    prev: null,
  } as const
  const operation = { ...unsigned, sig: base64url.baseEncode(await rotation.sign(encode(unsigned))) }
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', encode(operation) as Uint8Array<ArrayBuffer>))
  return { did: `did:plc:${base32.baseEncode(hash).slice(0, IDENTIFIER_CHARS)}`, operation }
}

/** Once the directory has taken it, the operation is public and stays so. Directories send CORS headers: a worker may ask them itself. */
const registerGenesis = async (directory: string, { did, operation }: Genesis, fetch: Fetch): Promise<void> => {
  const { host } = new URL(directory)
  const unavailable = (cause?: unknown) =>
    new XrpcError(503, 'PlcUnavailable', `The directory at ${host} does not answer. Nothing was created: try again, or choose did:web.`, {
      cause,
    })
  const response = await fetch(`${directory}/${did}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(operation),
    redirect: 'error',
    signal: AbortSignal.timeout(PLC_DEADLINE_MS),
  }).catch((cause: unknown) => {
    throw unavailable(cause)
  })
  // What a directory says is for developers.
  if (!response.ok) console.warn(`tabpod: ${host} answered ${response.status}`, (await response.text().catch(() => '')).slice(0, 512))
  if (response.status >= 500 || response.status === 429) throw unavailable()
  if (!response.ok) throw new XrpcError(400, 'PlcRefused', `The directory at ${host} refused this identity. Nothing was created.`)
}
