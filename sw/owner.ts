/** Commands of the owner's pages (`wire/owner.ts`). They come by message from a page of this origin, never over HTTP, and need no token. */
import { invalidRequest, notImplemented, XrpcError } from '../wire/errors.ts'
import type { Activity, OwnerAnswer, OwnerCommand } from '../wire/owner.ts'
import { createPod, createVacantPod, type Pod } from './app.ts'
import { obeyAccount } from './owner/account.ts'
import { importBlobs, importRepo } from './owner/moving.ts'
import type { Resident } from './resident.ts'

export interface OwnerSurroundings {
  readonly resident: Resident
  /** Of the pages: http(s)://host[:port]. */
  readonly origin: string
  readonly onProgress: (progress: Extract<Activity, { kind: 'progress' }>) => void
}

/** Never rejects: what went wrong is the answer. */
export const answerOwner = async (command: OwnerCommand, around: OwnerSurroundings): Promise<OwnerAnswer> => {
  try {
    return { ok: true, value: await obey(command, around) }
  } catch (cause) {
    if (cause instanceof XrpcError) return { ok: false, status: cause.status, error: cause.error, message: cause.message }
    console.error('tabpod: an owner command failed', cause)
    return {
      ok: false,
      status: 500,
      error: 'InternalServerError',
      message: 'Something went wrong in the service worker; its console says what',
    }
  }
}

const obey = async (command: OwnerCommand, { resident, origin, onProgress }: OwnerSurroundings): Promise<unknown> => {
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
    case 'import-repo':
      return importRepo(await podOf(resident), command.car, onProgress)
    case 'import-blobs':
      return importBlobs(await podOf(resident), command.files, onProgress)
    case 'point-elsewhere': {
      const pod = await podOf(resident)
      await pod.changes.pointElsewhere(command.endpoint, command.signingKey)
      return pod.summary()
    }
    case 'make-recovery-file':
    case 'check-recovery-file':
    case 'restore':
      throw notImplemented(command.kind)
    default:
      return obeyAccount(command, await podOf(resident))
  }
}

const podOf = async (resident: Resident): Promise<Pod> => {
  const pod = await resident.pod()
  if (!pod) throw invalidRequest('No pod lives in this browser profile', 'NoPod')
  return pod
}
