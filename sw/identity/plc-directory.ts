/**
 * A PLC directory, asked and told. It is believed no more than its log proves: the first operation must hash to the DID, each must name the one
 * before it, and be signed by one of that one's rotation keys. What a directory can still do is to keep the newest ones to itself.
 * @see https://web.plc.directory/spec/v0.1/did-plc#plc-server-directory-api
 */
import { verifySignature } from '@atproto/crypto'
import { base32 } from 'multiformats/bases/base32'
import * as v from 'valibot'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { DID_LOOKUP_DEADLINE_MS, MAX_PLC_LOG_BYTES } from '../../wire/limits.ts'
import type { Fetch } from './handle-resolver.ts'
import {
  dataOf,
  hashOf,
  hashToCid,
  type LastOperation,
  parsePlcLog,
  type PlcData,
  type PlcLogEntry,
  type PlcOperation,
  signedPart,
} from './plc-operation.ts'
import { readShortText } from './short-text.ts'

/** The method's identifiers are the first 24 characters of the hash, 120 bits of it. */
const IDENTIFIER_CHARS = 24

/** DID of a chain that starts with the operation of this SHA-256. */
export const hashToDidPlc = (hash: Uint8Array): string => `did:plc:${base32.baseEncode(hash).slice(0, IDENTIFIER_CHARS)}`

/**
 * The newest operation of the DID, its whole chain verified.
 * @param directory as `parsePlcUrl` writes it
 * @throws XrpcError 503 PlcUnavailable | 502 PlcUntrustworthy (an answer that makes no sense, or a chain that does not hold) | 400 DidNotFound |
 *   400 DidDeactivated (the DID was given up)
 */
export const readLastOperation = async (directory: string, did: string, fetch: Fetch): Promise<LastOperation> => {
  const log = await askDirectory(directory, did, '/log', fetch, parsePlcLog)
  try {
    return await verifyLog(did, log)
  } catch (cause) {
    if (cause instanceof XrpcError) throw cause
    throw untrustworthy(directory, did, cause)
  }
}

/**
 * What the directory says the DID is now: one short answer, unverified. Enough to compare with what is expected, not to build on.
 * @throws like `readLastOperation`
 */
export const readPlcData = async (directory: string, did: string, fetch: Fetch): Promise<PlcData> => {
  const answer = await askDirectory(directory, did, '/data', fetch, (value) => v.parse(answeredDataSchema, value))
  if (answer.did !== did) throw untrustworthy(directory, did, new TypeError(`it speaks of ${answer.did}`))
  const { rotationKeys, verificationMethods, alsoKnownAs, services } = answer
  return { rotationKeys, verificationMethods, alsoKnownAs, services }
}

/**
 * Once the directory has taken it, the operation is public and stays so. Directories send CORS headers: a worker may ask them itself.
 * @throws XrpcError 503 PlcUnavailable | 400 PlcRefused
 */
export const submitOperation = async (directory: string, did: string, operation: PlcOperation, fetch: Fetch): Promise<void> => {
  const { host } = new URL(directory)
  const response = await send(directory, `/${did}`, fetch, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(operation),
  })
  // What a directory says is for developers.
  if (!response.ok)
    console.warn(`tabpod: ${host} answered ${response.status}`, await readShortText(response, MAX_REASON_BYTES).catch(() => ''))
  if (!response.ok) throw new XrpcError(400, 'PlcRefused', `The directory at ${host} refused this operation. Nothing was changed.`)
  await response.body?.cancel()
}

const MAX_REASON_BYTES = 512

const answeredDataSchema = v.object({
  did: v.string(),
  rotationKeys: v.array(v.string()),
  verificationMethods: v.record(v.string(), v.string()),
  alsoKnownAs: v.array(v.string()),
  services: v.record(v.string(), v.object({ type: v.string(), endpoint: v.string() })),
})

const askDirectory = async <T>(directory: string, did: string, path: string, fetch: Fetch, parse: (value: unknown) => T): Promise<T> => {
  const { host } = new URL(directory)
  const response = await send(directory, `/${did}${path}`, fetch, { headers: { accept: 'application/json' } })
  if (response.status === 404) throw invalidRequest(`The directory at ${host} does not know ${did}`, 'DidNotFound')
  if (response.status === 410) throw givenUp(did)
  const text = await readShortText(response, MAX_PLC_LOG_BYTES).catch((cause: unknown) => {
    throw unavailable(host, cause)
  })
  try {
    if (response.status !== 200) throw new TypeError(`it answered ${response.status}`)
    return parse(JSON.parse(text))
  } catch (cause) {
    throw untrustworthy(directory, did, cause)
  }
}

const send = async (directory: string, path: string, fetch: Fetch, init: RequestInit): Promise<Response> => {
  const { host } = new URL(directory)
  const response = await fetch(directory + path, { ...init, redirect: 'error', signal: AbortSignal.timeout(DID_LOOKUP_DEADLINE_MS) }).catch(
    (cause: unknown) => {
      throw unavailable(host, cause)
    },
  )
  if (response.status < 500 && response.status !== 429) return response
  await response.body?.cancel()
  throw unavailable(host, new TypeError(`it answered ${response.status}`))
}

/** The log holds the operations that count, oldest first; what a stronger key has undone is not in it. */
const verifyLog = async (did: string, log: readonly PlcLogEntry[]): Promise<LastOperation> => {
  let before: LastOperation | null = null
  for (const entry of log) {
    const hash = await hashOf(entry)
    const data = dataOf(entry)
    if (before === null && hashToDidPlc(hash) !== did) throw new TypeError('its first operation makes another DID')
    if (entry.prev !== (before?.cid ?? null)) throw new TypeError('its operations do not follow each other')
    const signers = (before?.data ?? data)?.rotationKeys ?? []
    if (!(await isSignedByOneOf(signers, entry))) throw new TypeError('an operation is signed by nobody who may')
    if (data === null) throw givenUp(did)
    before = { cid: hashToCid(hash), data }
  }
  if (before === null) throw new TypeError('its log is empty')
  return before
}

const isSignedByOneOf = async (didKeys: readonly string[], entry: PlcLogEntry): Promise<boolean> => {
  const { bytes, sig } = signedPart(entry)
  // Directories did not always insist on a low S. Another form of a signature would be another operation by its hash, so it gains nobody anything.
  const options = { allowMalleableSig: true }
  for (const didKey of didKeys) if (await verifySignature(didKey, bytes, sig, options).catch(() => false)) return true
  return false
}

const givenUp = (did: string): XrpcError => invalidRequest(`${did} was given up: nobody can change it any more`, 'DidDeactivated')

const unavailable = (host: string, cause: unknown): XrpcError =>
  new XrpcError(503, 'PlcUnavailable', `The directory at ${host} does not answer. Nothing was changed: try again later.`, { cause })

const untrustworthy = (directory: string, did: string, cause: unknown): XrpcError =>
  new XrpcError(
    502,
    'PlcUntrustworthy',
    `What the directory at ${new URL(directory).host} says of ${did} does not hold. Nothing was changed.`,
    {
      cause,
    },
  )
