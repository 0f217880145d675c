/**
 * Whether a restore from a recovery file would work now: everything it would need is looked at, nothing is changed.
 * What the file itself lacks is an error; what is wrong in the world becomes a sentence for people, and all of them are found in one go.
 */
import { XrpcError } from '../../wire/errors.ts'
import type { Activity, RecoveryCheck } from '../../wire/owner.ts'
import { originToDidWeb } from '../identity/did-document.ts'
import { DidResolver } from '../identity/did-resolver.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { readLastOperation } from '../identity/plc-directory.ts'
import { endpointOf, signingKeyOf } from '../identity/resolved-document.ts'
import { findSigner, inspectRepo } from './inspection.ts'
import { inParallel, Mirror } from './mirror.ts'
import { openRecoveryFile, type RecoveryHead } from './recovery-file.ts'
import { openRecoveryKey } from './recovery-key.ts'

export type Progress = Extract<Activity, { kind: 'progress' }>

export interface Surroundings {
  /** Of the page that asks: http(s)://host[:port]. */
  readonly origin: string
  /** The worker's own: rooms and PLC directories send CORS headers. */
  readonly fetch: Fetch
  readonly onProgress?: (progress: Progress) => void
}

/** @throws XrpcError 400 BadRecoveryFile | UnknownRecoveryFileVersion | WrongPassphrase */
export const checkRecoveryFile = async (text: string, passphrase: string, around: Surroundings): Promise<RecoveryCheck> => {
  const { head, secrets } = await openRecoveryFile(text, passphrase)
  await openRecoveryKey(secrets.recoveryKey, head.recoveryKey)
  const mirror = new Mirror(head, around.fetch)
  const problems: string[] = []
  if (head.origin !== around.origin) problems.push(`A restore works at ${head.origin} alone: open that address for it.`)
  await collect(problems, () => checkRoom(mirror, head))
  let signingKey: string | undefined
  await collect(problems, async () => {
    const found = await checkIdentity(head, around.fetch)
    signingKey = found.signingKey
    return found.problems
  })
  let held: RecoveryCheck['mirror'] = null
  await collect(problems, async () => {
    const found = await checkMirror(mirror, { did: head.did, keys: [signingKey, head.signingKey] }, around.onProgress)
    held = found
    return found.missingBlobs === 0 ? [] : [missing(found.missingBlobs)]
  })
  const { did, handle, madeAt } = head
  return { did, handle, madeAt, mirror: held, problems }
}

const missing = (count: number): string =>
  count === 1
    ? 'One picture or video is not in the relay’s copy: it would be missing after a restore.'
    : `${count} pictures or videos are not in the relay’s copy: they would be missing after a restore.`

/** What was refused or could not be reached is a problem like the others. */
const collect = async (problems: string[], look: () => Promise<readonly string[]>): Promise<void> => {
  try {
    problems.push(...(await look()))
  } catch (cause) {
    if (!(cause instanceof XrpcError)) throw cause
    if (!problems.includes(cause.message)) problems.push(cause.message)
  }
}

const checkRoom = async (mirror: Mirror, head: RecoveryHead): Promise<string[]> => {
  const room = await mirror.status()
  if (!room.bound || room.did === null) return ['The relay has forgotten this account: nothing is kept at its address.']
  if (room.did !== head.did) return [`The address belongs to another account now: ${room.did}.`]
  const problems: string[] = []
  if (room.recoveryKey === null)
    problems.push('The relay knows no recovery key of this account. Make a new file in the browser that holds the PDS.')
  else if (room.recoveryKey !== head.recoveryKey) problems.push('A newer recovery file has taken this one’s place at the relay.')
  if (head.plc !== undefined && room.plc === null) problems.push('The relay was started without a PLC directory: it admits no did:plc.')
  return problems
}

interface IdentityCheck {
  readonly problems: readonly string[]
  /** did:key of the repo's key. */
  readonly signingKey: string | undefined
}

const checkIdentity = (head: RecoveryHead, fetch: Fetch): Promise<IdentityCheck> =>
  head.plc === undefined ? checkDidWeb(head, fetch) : checkDidPlc(head.plc, head, fetch)

const checkDidWeb = async (head: RecoveryHead, fetch: Fetch): Promise<IdentityCheck> => {
  const document = await new DidResolver({ fetch, plc: () => '', now: Date.now }).resolve(head.did)
  const endpoint = endpointOf(document, 'atproto_pds')
  const problems: string[] = []
  if (endpoint !== head.origin) problems.push(livesElsewhere(head, endpoint))
  if (head.did !== originToDidWeb(head.origin))
    problems.push(`After a restore the document of ${head.did}, which another server holds, must be given the new signing key.`)
  return { problems, signingKey: signingKeyOf(document) ?? undefined }
}

const checkDidPlc = async (directory: string, head: RecoveryHead, fetch: Fetch): Promise<IdentityCheck> => {
  const { data } = await readLastOperation(directory, head.did, fetch)
  const problems: string[] = []
  const rank = data.rotationKeys.indexOf(head.recoveryKey)
  if (rank < 0)
    problems.push('The directory does not name the key of this file: a newer file has taken its place, or the account was moved away.')
  else if (rank > 0) problems.push('Another key stands above the key of this file: who has it can undo a restore for 72 hours.')
  const endpoint = data.services['atproto_pds']?.endpoint
  if (endpoint !== head.origin) problems.push(livesElsewhere(head, endpoint))
  return { problems, signingKey: data.verificationMethods['atproto'] }
}

const livesElsewhere = (head: RecoveryHead, endpoint: string | null | undefined): string =>
  `The account lives at ${endpoint ?? 'no address'}, not at ${head.origin}: it was moved away since this file was made.`

const checkMirror = async (
  mirror: Mirror,
  { did, keys }: { readonly did: string; readonly keys: ReadonlyArray<string | undefined> },
  onProgress: (progress: Progress) => void = () => {},
): Promise<NonNullable<RecoveryCheck['mirror']>> => {
  const signingKey = await findSigner(mirror, did, new Set(keys.filter((key) => key !== undefined)))
  const { rev, records } = await inspectRepo(await mirror.repo(), { did, signingKey }, (done) =>
    onProgress({ kind: 'progress', work: 'records', done }),
  )
  const cids: string[] = []
  for await (const cid of mirror.blobs()) cids.push(cid)
  let done = 0
  let blobs = 0
  await inParallel(cids, async (cid) => {
    if (await mirror.holdsBlob(cid)) blobs += 1
    onProgress({ kind: 'progress', work: 'blobs', done: (done += 1), total: cids.length })
  })
  return { rev, records, blobs, missingBlobs: cids.length - blobs }
}
