/**
 * A pod again, in a browser that has none: keys anew, the repo and its blobs from the mirror, private state from the recovery file.
 *
 * Until the last step a marker says that what lies here is no pod yet. So a restore that was cut off, wherever it was, begins anew with the same file: with the
 * keys it had already made, because a directory may know them, and with the blobs it had already fetched. The did:plc is changed when everything else is here.
 */
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import type { KeyVault } from '../identity/contract.ts'
import { originToDidWeb } from '../identity/did-document.ts'
import { DidResolver } from '../identity/did-resolver.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { makeKeys, openVault } from '../identity/key-vault.ts'
import { readLastOperation, submitOperation } from '../identity/plc-directory.ts'
import { type LastOperation, makeOperation, type PlcData } from '../identity/plc-operation.ts'
import { endpointOf, handleOf, signingKeyOf } from '../identity/resolved-document.ts'
import { blobService } from '../repo/blobs.ts'
import type { ImportProgress } from '../repo/contract.ts'
import { Repo } from '../repo/repo.ts'
import { addAppPassword } from '../store/app-passwords.ts'
import { emptyStore, type Store } from '../store/open.ts'
import { readPod, writePod } from '../store/pod.ts'
import type { PodRows } from '../store/schema.ts'
import type { Surroundings } from './check.ts'
import { findSigner } from './inspection.ts'
import { inParallel, Mirror } from './mirror.ts'
import { openRecoveryFile, type RecoveryHead, type RecoverySecrets } from './recovery-file.ts'
import { openRecoveryKey } from './recovery-key.ts'
import { signES256 } from './recovery-voice.ts'

export interface RestoreOptions extends Surroundings {
  readonly now: () => number
}

const MISSING_PAGE = 500

/**
 * Afterwards the store holds a pod like any other; its first hello asks the room to turn to it.
 * @param store of a profile in which no pod lives
 * @throws XrpcError 400 BadRecoveryFile | UnknownRecoveryFileVersion | WrongPassphrase | WrongHost | RecoveryKeyReplaced | AccountMovedAway | PlcNotOffered |
 *   503 MirrorUnavailable | 502 MirrorUntrustworthy | 507 StorageFull, what the PLC directory and the importer refuse. No pod is there then.
 */
export const restorePod = async (store: Store, text: string, passphrase: string, options: RestoreOptions): Promise<void> => {
  const { head, secrets } = await openRecoveryFile(text, passphrase)
  if (head.origin !== options.origin) throw invalidRequest(`This file restores at ${head.origin} alone: open that address`, 'WrongHost')
  const key = await openRecoveryKey(secrets.recoveryKey, head.recoveryKey)
  const mirror = new Mirror(head, options.fetch)
  await assertRoomTurns(mirror, head)
  const identity = await readIdentity(head, options.fetch)

  const { mirrorKey, keys } = await begin(store, mirror, head, identity.signingKey)
  const vault = await openVault(keys)
  await putState(store, { head, handle: identity.handle, secrets, key, keys, mirrorKey }, options.now())
  const repo = (await readPod(store, 'head'))
    ? await Repo.open(store, vault, { now: options.now })
    : await Repo.create(store, vault, head.did, { now: options.now })
  try {
    const copied = await copyMirror(store, repo, mirror, { signingKey: mirrorKey }, options)
    if (head.plc !== undefined) await turnDid(head.plc, head, { vault, key }, options.fetch)
    await copyMirror(store, repo, mirror, { signingKey: mirrorKey, copied }, options)
    if (standingOf(head) === 'active') {
      await repo.announce({ kind: 'identity', handle: identity.handle })
      await repo.announce({ kind: 'account', active: true })
    }
  } finally {
    await repo.close()
  }
  await writePod(store, {}, ['restoring'])
}

/** Looked at first, so that nobody waits for an import that could not be used. */
const assertRoomTurns = async (mirror: Mirror, head: RecoveryHead): Promise<void> => {
  const { bound, did, plc, recoveryKey } = await mirror.status()
  if (!bound || did !== head.did)
    throw invalidRequest(`The relay keeps nothing of ${head.did} at this address any more`, 'AccountMovedAway')
  if (recoveryKey !== head.recoveryKey) throw replaced()
  if (head.plc !== undefined && plc === null)
    throw invalidRequest('The relay was started without a PLC directory: it admits no did:plc', 'PlcNotOffered')
}

const replaced = (): XrpcError => invalidRequest('A newer recovery file has taken this one’s place', 'RecoveryKeyReplaced')

const movedAway = (endpoint: string | null | undefined): XrpcError =>
  invalidRequest(`The account lives at ${endpoint ?? 'no address'} now: it was moved away`, 'AccountMovedAway')

interface KnownIdentity {
  readonly handle: string
  /** did:key that the DID names for its repo; null: none. */
  readonly signingKey: string | null
}

/** What the world says of the DID; the file may be older. */
const readIdentity = async (head: RecoveryHead, fetch: Fetch): Promise<KnownIdentity> => {
  if (head.plc === undefined) {
    const document = await new DidResolver({ fetch, plc: () => '', now: Date.now }).resolve(head.did)
    const endpoint = endpointOf(document, 'atproto_pds')
    if (endpoint !== head.origin) throw movedAway(endpoint)
    return { handle: handleOf(document) ?? head.handle, signingKey: signingKeyOf(document) }
  }
  const { data } = await readLastOperation(head.plc, head.did, fetch)
  const endpoint = data.services['atproto_pds']?.endpoint
  if (endpoint !== head.origin) throw movedAway(endpoint)
  if (!data.rotationKeys.includes(head.recoveryKey)) throw replaced()
  return { handle: handleOf(data) ?? head.handle, signingKey: data.verificationMethods['atproto'] ?? null }
}

/** Goes on with what a restore by the same file has left; anything else that is here is none of a pod. */
const begin = async (
  store: Store,
  mirror: Mirror,
  head: RecoveryHead,
  named: string | null,
): Promise<{ readonly mirrorKey: string; readonly keys: PodRows['keys'] }> => {
  const [marker, kept] = await Promise.all([readPod(store, 'restoring'), readPod(store, 'keys')])
  const isSame = marker?.didKey === head.recoveryKey
  // A restore that was cut off may have changed the DID already, or the room: the mirror is still signed by the key before.
  const candidates = [isSame ? marker.mirrorKey : null, named, head.signingKey].filter((didKey) => didKey !== null)
  const mirrorKey = await findSigner(mirror, head.did, new Set(candidates))
  if (!isSame) await emptyStore(store)
  return { mirrorKey, keys: isSame && kept ? kept : await makeKeys({ rotates: head.plc !== undefined }) }
}

interface Restored {
  readonly head: RecoveryHead
  readonly handle: string
  readonly secrets: RecoverySecrets
  /** The recovery key. */
  readonly key: CryptoKey
  readonly keys: PodRows['keys']
  readonly mirrorKey: string
}

/** Marker, keys and state in one transaction: keys without the marker would be a pod. */
const putState = async (store: Store, { head, handle, secrets, key, keys, mirrorKey }: Restored, now: number): Promise<void> => {
  const { did, origin, plc, recoveryKey, madeAt } = head
  const { owner, preferences, appPasswords } = secrets.state
  const { email, emailConfirmedAt, ...hash } = owner
  await writePod(store, {
    restoring: { didKey: recoveryKey, mirrorKey },
    keys,
    identity: { did, handle, origin, createdAt: new Date(now).toISOString(), ...(plc !== undefined && { plc }) },
    account: { standing: standingOf(head), since: now },
    owner: {
      ...hash,
      failures: 0,
      lockedUntil: 0,
      ...(email !== undefined && { email }),
      ...(emailConfirmedAt !== undefined && { emailConfirmedAt }),
    },
    preferences,
    recovery: { didKey: recoveryKey, at: Date.parse(madeAt) },
    rebind: { key },
  })
  for (const row of appPasswords) await addAppPassword(store, row)
}

/** The document of a did:web at another host names the old key until its owner changes it: such an account arrives anew. */
const standingOf = ({ did, origin, plc }: RecoveryHead): 'active' | 'arriving' =>
  plc !== undefined || did === originToDidWeb(origin) ? 'active' : 'arriving'

/**
 * Again and again where the browser that was thought lost is still writing: what it wrote last must be here before the room turns away from it.
 * @param copied rev that is here already. @returns the rev that is here now
 */
const copyMirror = async (
  store: Store,
  repo: Repo,
  mirror: Mirror,
  { signingKey, copied = '' }: { readonly signingKey: string; readonly copied?: string },
  options: RestoreOptions,
): Promise<string> => {
  const { rev } = await mirror.latestCommit()
  if (rev === copied) return copied
  const onProgress = ({ records }: ImportProgress): void => options.onProgress?.({ kind: 'progress', work: 'records', done: records })
  await repo.import(await mirror.repo(), { signingKey, onProgress }).catch(refuseCopy)
  await fetchBlobs(store, mirror, options)
  return copyMirror(store, repo, mirror, { signingKey, copied: rev }, options)
}

/** The importer speaks of what somebody sends; here it is the relay. */
const refuseCopy = (cause: unknown): never => {
  if (!(cause instanceof XrpcError) || cause.status !== 400) throw cause
  throw new XrpcError(502, 'MirrorUntrustworthy', `The relay’s copy of the repo could not be taken over (${cause.message}). Try again.`, {
    cause,
  })
}

/** What the mirror has lost stays missing, and the pod lists it so. */
const fetchBlobs = async (store: Store, mirror: Mirror, { now, onProgress }: RestoreOptions): Promise<void> => {
  const blobs = blobService(store, now)
  const { expected, imported } = await blobs.counts()
  let done = imported
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await blobs.missing({ limit: MISSING_PAGE, ...(cursor !== undefined && { cursor }) })
    await inParallel(page.blobs, async ({ cid }) => {
      const response = await mirror.blob(cid)
      if (response?.body) await blobs.upload(response.body, { mime: response.headers.get('content-type') ?? '' }).catch(skipBroken)
      onProgress?.({ kind: 'progress', work: 'blobs', done: (done += 1), total: expected })
    })
    cursor = page.cursor
  }
}

/** A transfer that broke off leaves its blob missing; a full disk ends the restore. */
const skipBroken = (cause: unknown): void => {
  if (cause instanceof XrpcError) throw cause
}

/** The did:plc names this browser's keys from now on. Said once: a repetition finds it done. */
const turnDid = async (
  directory: string,
  head: RecoveryHead,
  { vault, key }: { readonly vault: KeyVault; readonly key: CryptoKey },
  fetch: Fetch,
): Promise<void> => {
  const { signingDidKey, rotation } = vault
  if (!rotation) throw new TypeError('a did:plc needs a rotation key')
  const isTurned = ({ data }: LastOperation): boolean =>
    data.verificationMethods['atproto'] === signingDidKey && data.rotationKeys.includes(rotation.didKey)
  const last = await readLastOperation(directory, head.did, fetch)
  if (isTurned(last)) return
  const recovery = { didKey: head.recoveryKey, sign: (message: Uint8Array) => signES256(key, message) }
  const operation = await makeOperation(last, changesOf(last.data, head, { signingDidKey, rotationDidKey: rotation.didKey }), recovery)
  try {
    await submitOperation(directory, head.did, operation, fetch)
  } catch (cause) {
    // An answer that was lost on its way is no refusal.
    const now = await readLastOperation(directory, head.did, fetch).catch(() => null)
    if (!now || !isTurned(now)) throw cause
  }
}

/** Keys below the recovery key go: one of them lies in the browser that was lost, and nobody can tell which. */
const changesOf = (
  { rotationKeys, verificationMethods, services }: PlcData,
  { recoveryKey, origin }: RecoveryHead,
  { signingDidKey, rotationDidKey }: { readonly signingDidKey: string; readonly rotationDidKey: string },
): Partial<PlcData> => ({
  rotationKeys: [...rotationKeys.slice(0, rotationKeys.indexOf(recoveryKey) + 1), rotationDidKey],
  verificationMethods: { ...verificationMethods, atproto: signingDidKey },
  services: { ...services, atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: origin } },
})
