/** Commands of the owner's pages (`wire/owner.ts`). They come by message from a page of this origin, never over HTTP, and need no token. */
import { notImplemented, XrpcError } from '../wire/errors.ts'
import type { OwnerAnswer, OwnerCommand, PodSummary } from '../wire/owner.ts'
import type { Resident } from './resident.ts'

/** Never rejects: what went wrong is the answer. */
export const answerOwner = async (command: OwnerCommand, resident: Resident, origin: string): Promise<OwnerAnswer> => {
  try {
    return { ok: true, value: await obey(command, resident, origin) }
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

const obey = async (command: OwnerCommand, resident: Resident, origin: string): Promise<PodSummary | null> => {
  switch (command.kind) {
    case 'describe':
      return (await resident.pod())?.summary() ?? null
    case 'create':
      return (await resident.create({ ...command, origin })).summary()
    case 'forget':
      await resident.forget(command.confirmHandle)
      return null
    default:
      throw notImplemented(command.kind)
  }
}
