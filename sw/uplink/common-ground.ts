/** Where pod and mirror agree, and so what has to be sent. A fork is shown to the owner, never broadcast. */
import { XrpcError } from '../../wire/errors.ts'
import type { MirrorHead } from '../../wire/frames.ts'
import { CHECKPOINT_EVENTS } from '../../wire/limits.ts'
import type { UplinkPod } from './contract.ts'

export type CommonGround =
  /** The mirror has everything up to the commit announced by event `after`. */
  | { readonly kind: 'events'; readonly after: number }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'apart'; readonly error: XrpcError }

/** Revs are TIDs: their order as strings is their order in time (https://atproto.com/specs/tid). */
export const findCommonGround = async (repo: UplinkPod['repo'], mirror: MirrorHead | null): Promise<CommonGround> => {
  const head = repo.head()
  const oldest = await repo.oldestEvent()
  const first = (await repo.eventsAfter(oldest - 1, MAX_LEADING_EVENTS)).find((row) => row.kind === 'commit')
  // The log tells the whole story where it begins with the first commit of all.
  if (!mirror)
    return first && !first.since && head.event - first.event < CHECKPOINT_EVENTS ? { kind: 'events', after: 0 } : { kind: 'snapshot' }
  if (mirror.rev > head.rev) return { kind: 'apart', error: behind(mirror.rev, head.rev) }
  if (mirror.rev === head.rev) {
    return mirror.commit === head.commit ? { kind: 'events', after: head.event } : { kind: 'apart', error: fork(mirror.rev) }
  }
  const imported = repo.importedRev()
  if (imported !== undefined && mirror.rev <= imported) return groundOfImport(repo, imported, mirror)
  const shared = await repo.eventOfRev(mirror.rev)
  if (shared) return { kind: 'events', after: shared.event }
  // Not in the log: older than all that is kept, or never ours.
  const begin = imported !== undefined && first?.since === imported ? imported : first?.rev
  return begin !== undefined && mirror.rev > begin ? { kind: 'apart', error: fork(mirror.rev) } : { kind: 'snapshot' }
}

/** Nothing leads to an imported repo from what was before it, whoever wrote that. After it, the first commit of the log says what came next. */
const groundOfImport = async (repo: UplinkPod['repo'], imported: string, mirror: MirrorHead): Promise<CommonGround> => {
  if (mirror.rev < imported) return { kind: 'snapshot' }
  const next = (await repo.eventsAfter((await repo.oldestEvent()) - 1, MAX_LEADING_EVENTS)).find((row) => row.kind === 'commit')
  return next?.since === imported ? { kind: 'events', after: next.event - 1 } : { kind: 'snapshot' }
}

/** Identity and account events that may stand before the oldest commit of the log. */
const MAX_LEADING_EVENTS = 16

const behind = (mirror: string, own: string): XrpcError =>
  new XrpcError(
    503,
    'RepoBehindMirror',
    `The mirror holds newer commits (${mirror}) than this browser (${own}). Nothing is written here until they are brought back.`,
  )

const fork = (rev: string): XrpcError =>
  new XrpcError(503, 'RepoFork', `The mirror holds commit ${rev}, which this browser does not know: two copies of this pod have written.`)
