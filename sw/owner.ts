/** Commands of the owner's pages (`wire/owner.ts`). They come by message from a page of this origin, never over HTTP, and need no token. */
import { invalidRequest, XrpcError } from '../wire/errors.ts'
import type { RelayView } from '../wire/frames.ts'
import type { Activity, OwnerAnswer, OwnerCommand } from '../wire/owner.ts'
import { createPod, createVacantPod, type Pod, restoredPod } from './app.ts'
import { obeyAccount } from './owner/account.ts'
import { exportBlobs, exportRepo } from './owner/export.ts'
import { importBlobs, importRepo } from './owner/moving.ts'
import type { Log } from './operations/log.ts'
import { checkRecoveryFile } from './recovery/check.ts'
import type { Resident } from './resident.ts'

export interface OwnerSurroundings {
  readonly resident: Resident
  readonly log: Log
  /** Of the pages: http(s)://host[:port]. */
  readonly origin: string
  /** Has the page connect to the room anew. */
  readonly rejoin: () => void
  /** What `Uplink.askRelays` says; null where there is no uplink. */
  readonly askRelays: (crawl: boolean) => readonly RelayView[] | null
  readonly onProgress: (progress: Extract<Activity, { kind: 'progress' }>) => void
}

/** Never rejects: what went wrong is the answer. */
export const answerOwner = async (command: OwnerCommand, around: OwnerSurroundings): Promise<OwnerAnswer> => {
  try {
    const value = await obey(command, around)
    if (!READING.has(command.kind)) around.log.note('owner', `${command.kind}: done`)
    return { ok: true, value }
  } catch (cause) {
    if (cause instanceof XrpcError) {
      around.log.note('owner', `${command.kind}: ${cause.error}`, 'warning')
      return { ok: false, status: cause.status, error: cause.error, message: cause.message }
    }
    around.log.failure(`the command ${command.kind} failed`, cause)
    return {
      ok: false,
      status: 500,
      error: 'InternalServerError',
      message: 'Something went wrong in the service worker; its log and its console say what',
    }
  }
}

/** What changes nothing, and would fill the log. */
const READING: ReadonlySet<OwnerCommand['kind']> = new Set([
  'describe',
  'inbox',
  'app-passwords',
  'log',
  'settings',
  'health',
  'relays',
  'check-identity',
])

const obey = async (
  command: OwnerCommand,
  { resident, log, origin, rejoin, askRelays, onProgress }: OwnerSurroundings,
): Promise<unknown> => {
  switch (command.kind) {
    case 'describe':
      return (await resident.pod())?.summary() ?? null
    case 'create':
      return (await resident.settle((store, options) => createPod(store, { ...command, origin }, options))).summary()
    case 'await-account':
      return (await resident.settle((store, options) => createVacantPod(store, origin, options))).summary()
    case 'forget':
      await resident.forget(command.confirmHandle)
      return null
    case 'import-repo': {
      const summary = await importRepo(await podOf(resident), command.car, onProgress)
      // No event tells of a repo that was put in another's place: the next join does, by a snapshot.
      rejoin()
      return summary
    }
    case 'export-repo':
      return exportRepo(await podOf(resident))
    case 'export-blobs':
      return exportBlobs(await podOf(resident), command.cursor)
    case 'import-blobs':
      return importBlobs(await podOf(resident), command.files, onProgress)
    case 'point-elsewhere': {
      const pod = await podOf(resident)
      await pod.changes.pointElsewhere(command.endpoint, command.signingKey)
      return pod.summary()
    }
    case 'rotate-signing-key':
      await (await podOf(resident)).rotateSigningKey()
      // Not the pod that was asked: it is composed anew.
      return (await podOf(resident)).summary()
    case 'log':
      return log.read(command)
    case 'settings':
      return (await podOf(resident)).configuration.settings
    case 'configure':
      return (await podOf(resident)).configuration.change(command.settings)
    case 'health':
      return (await podOf(resident)).health()
    case 'relays':
      return askRelays(command.crawl)
    case 'check-identity':
      return (await podOf(resident)).checkIdentity()
    case 'announce-identity': {
      const pod = await podOf(resident)
      await pod.changes.announceAgain()
      return pod.summary()
    }
    case 'make-recovery-file':
      return (await podOf(resident)).makeRecoveryFile(command.passphrase, rejoin)
    case 'check-recovery-file':
      return checkRecoveryFile(command.file, command.passphrase, { origin, onProgress, fetch: (url, init) => fetch(url, init) })
    case 'restore': {
      const file = { text: command.file, passphrase: command.passphrase }
      return (await resident.settle((store, options) => restoredPod(store, file, { origin, onProgress }, options))).summary()
    }
    default:
      return obeyAccount(command, await podOf(resident))
  }
}

const podOf = async (resident: Resident): Promise<Pod> => {
  const pod = await resident.pod()
  if (!pod) throw invalidRequest('No pod lives in this browser profile', 'NoPod')
  return pod
}
