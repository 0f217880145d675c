/**
 * A new recovery file. Its key is in force before anybody gets the file: the room knows it, and of a did:plc the directory names it first. Until then, and
 * whenever that fails, the key of the file before stays in force.
 */
import { isDidPlc } from '../../wire/plc-url.ts'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { RECOVERY_JOIN_POLL_MS, RECOVERY_JOIN_TIMEOUT_MS } from '../../wire/limits.ts'
import type { RecoveryFile } from '../../wire/owner.ts'
import { readAppPasswords } from '../store/app-passwords.ts'
import type { RotationKey } from '../identity/contract.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { readLastOperation, submitOperation } from '../identity/plc-directory.ts'
import { makeOperation, type LastOperation } from '../identity/plc-operation.ts'
import type { Self } from '../identity/self.ts'
import type { Store } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import { Mirror } from './mirror.ts'
import { admitPassphrase, type PrivateState, sealRecoveryFile } from './recovery-file.ts'
import { makeRecoveryKey } from './recovery-key.ts'
import type { RecoveryVoice } from './recovery-voice.ts'

export interface RecoveryParts {
  readonly store: Store
  readonly identity: Self
  readonly vault: { readonly signingDidKey: string; readonly rotation?: RotationKey }
  readonly voice: RecoveryVoice
  /** The worker's own. */
  readonly fetch: Fetch
  /** PLC directory of pods that were not told one when they were made. */
  readonly plc: () => string
  /** Ends the connection to the room, so that the page makes a new one and says hello anew. */
  readonly rejoin: () => void
  readonly now: () => number
}

/**
 * @throws XrpcError 400 InvalidPassphrase | 400 AccountNotHere (vacant or arriving) | 503 Offline (the room cannot be told) | 400 PlcRefused |
 *   503 PlcUnavailable | 502 PlcUntrustworthy
 */
export const makeRecoveryFile = async (
  parts: RecoveryParts,
  passphrase: string,
  { rounds, joinTimeoutMs = RECOVERY_JOIN_TIMEOUT_MS }: { readonly rounds?: number; readonly joinTimeoutMs?: number } = {},
): Promise<RecoveryFile> => {
  admitPassphrase(passphrase)
  const { identity, vault, voice } = parts
  if (identity.standing === 'vacant' || identity.standing === 'arriving')
    throw invalidRequest('There is nothing to recover yet: the account has not arrived here', 'AccountNotHere')
  const { did, handle, origin } = identity
  const plc = isDidPlc(did) ? (identity.plc ?? parts.plc()) : undefined
  const [key, state, last] = await Promise.all([
    makeRecoveryKey(),
    readState(parts.store),
    plc === undefined ? null : readRuledOperation(parts, plc),
    assertOnline(parts),
  ])
  const at = parts.now()
  const madeAt = new Date(at).toISOString()
  const head = { did, handle, origin, ...(plc !== undefined && { plc }), madeAt, recoveryKey: key.didKey, signingKey: vault.signingDidKey }
  const text = await sealRecoveryFile(head, { recoveryKey: key.privateKey, state }, passphrase, rounds)
  await putInForce(parts, key.didKey, plc === undefined || !last ? null : { directory: plc, last }, joinTimeoutMs)
  await voice.enforce(key.didKey, at)
  return { name: `${handle}-recovery-${madeAt.slice(0, 10)}.json`, text }
}

/** Room first: a key that only the room knows is forgotten with the next hello, a PLC operation is there to stay. */
const putInForce = async (
  parts: RecoveryParts,
  didKey: string,
  chain: { readonly directory: string; readonly last: LastOperation } | null,
  joinTimeoutMs: number,
): Promise<void> => {
  const { voice, rejoin } = parts
  voice.propose(didKey)
  try {
    rejoin()
    await untilRoomKnows(parts, didKey, joinTimeoutMs)
    if (chain) await putFirst(parts, didKey, chain)
  } catch (cause) {
    voice.propose(undefined)
    rejoin()
    throw cause
  }
}

const putFirst = async (
  { store, identity, vault, fetch }: RecoveryParts,
  didKey: string,
  { directory, last }: { readonly directory: string; readonly last: LastOperation },
): Promise<void> => {
  if (!vault.rotation) throw noPower(identity.did)
  const before = (await readPod(store, 'recovery'))?.didKey
  const others = last.data.rotationKeys.filter((each) => each !== before && each !== didKey)
  const operation = await makeOperation(last, { rotationKeys: [didKey, ...others] }, vault.rotation)
  try {
    await submitOperation(directory, identity.did, operation, fetch)
  } catch (cause) {
    // An answer that was lost on its way is no refusal.
    const now = await readLastOperation(directory, identity.did, fetch).catch(() => null)
    if (now?.data.rotationKeys[0] !== didKey) throw cause
  }
}

/** The chain of this DID, which this browser's rotation key may go on with. */
const readRuledOperation = async ({ identity, vault, fetch }: RecoveryParts, directory: string): Promise<LastOperation> => {
  const last = await readLastOperation(directory, identity.did, fetch)
  if (!vault.rotation || !last.data.rotationKeys.includes(vault.rotation.didKey)) throw noPower(identity.did)
  return last
}

const noPower = (did: string): XrpcError =>
  new XrpcError(400, 'PlcRefused', `The directory does not name this browser’s rotation key: ${did} cannot be changed from here.`)

const assertOnline = async (parts: RecoveryParts): Promise<void> => {
  const status = await new Mirror(parts.identity, parts.fetch).status().catch((cause: unknown) => {
    throw offline(cause)
  })
  if (!status.online || status.did !== parts.identity.did) throw offline()
}

const untilRoomKnows = async ({ identity, fetch }: RecoveryParts, didKey: string, timeoutMs: number): Promise<void> => {
  const mirror = new Mirror(identity, fetch)
  for (const until = performance.now() + timeoutMs; performance.now() < until;) {
    const status = await mirror.status().catch(() => null)
    if (status?.recoveryKey === didKey && status.did === identity.did) return
    await new Promise((resolve) => setTimeout(resolve, RECOVERY_JOIN_POLL_MS))
  }
  throw offline()
}

const offline = (cause?: unknown): XrpcError =>
  new XrpcError(
    503,
    'Offline',
    'The relay must learn the key of a new recovery file, and your PDS is not online now. Nothing was changed: try again when it is.',
    { cause },
  )

const readState = async (store: Store): Promise<PrivateState> => {
  const [owner, preferences = [], appPasswords] = await Promise.all([
    readPod(store, 'owner'),
    readPod(store, 'preferences'),
    readAppPasswords(store),
  ])
  if (!owner) throw new TypeError('an account has an owner')
  const { salt, hash, rounds, email, emailConfirmedAt } = owner
  return {
    owner: { salt, hash, rounds, ...(email !== undefined && { email }), ...(emailConfirmedAt !== undefined && { emailConfirmedAt }) },
    appPasswords: appPasswords.map(({ name, privileged, createdAt, salt, hash, rounds }) => ({
      name,
      privileged,
      createdAt,
      salt,
      hash,
      rounds,
    })),
    preferences: preferences.map(({ type, json }) => ({ type, json })),
  }
}
