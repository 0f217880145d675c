/** Where pod and mirror agree, and so what has to be sent. A fork is shown to the owner, never broadcast. */
import { XrpcError } from '../../wire/errors.ts'
import type { MirrorHead } from '../../wire/frames.ts'
import { CHECKPOINT_EVENTS } from '../../wire/limits.ts'
import type { Imported } from '../repo/contract.ts'
import type { EventRow, Head } from '../store/schema.ts'
import type { UplinkPod } from './contract.ts'

export type CommonGround =
  /** The mirror has everything up to the commit announced by event `after`. */
  | { readonly kind: 'events'; readonly after: number }
  /** No events lead from the mirror's tree to ours. `replaces`: its commit, where that is known to be one of ours. */
  | { readonly kind: 'replace'; readonly replaces?: string }
  | { readonly kind: 'apart'; readonly error: XrpcError }

/** Revs are TIDs: their order as strings is their order in time (https://atproto.com/specs/tid). */
export const findCommonGround = async (repo: UplinkPod['repo'], mirror: MirrorHead | null): Promise<CommonGround> => {
  const head = repo.head()
  const first = await firstCommit(repo)
  if (!mirror) return isUntold(head, first, await repo.acknowledged()) ? { kind: 'events', after: 0 } : { kind: 'replace' }
  if (mirror.rev > head.rev) return { kind: 'apart', error: behind(mirror.rev, head.rev) }
  if (mirror.rev === head.rev) {
    return mirror.commit === head.commit ? { kind: 'events', after: head.event } : { kind: 'apart', error: fork(mirror.rev) }
  }
  const imported = repo.imported()
  if (imported && mirror.rev <= imported.rev) return groundOfImport(imported, first, mirror)
  const shared = await repo.eventOfRev(mirror.rev)
  if (shared) return { kind: 'events', after: shared.event }
  // Not in the log: older than all that is kept, or never ours.
  const begin = imported && first?.since === imported.rev ? imported.rev : first?.rev
  return begin !== undefined && mirror.rev > begin
    ? { kind: 'apart', error: fork(mirror.rev) }
    : { kind: 'replace', replaces: mirror.commit }
}

const firstCommit = async (repo: UplinkPod['repo']): Promise<EventRow | undefined> =>
  (await repo.eventsAfter((await repo.oldestEvent()) - 1, MAX_LEADING_EVENTS)).find((row) => row.kind === 'commit')

/**
 * The log tells the whole story where it begins with the first commit of all. But a room that had it and has lost it told the world of it once: to tell it again would
 * take the firehose back.
 */
const isUntold = (head: Head, first: EventRow | undefined, acknowledged: number): boolean =>
  first !== undefined && !first.since && first.event > acknowledged && head.event - first.event < CHECKPOINT_EVENTS

/** Nothing leads to an imported repo from what was before it. After it, the first commit of the log says what came next. */
const groundOfImport = (imported: Imported, first: EventRow | undefined, mirror: MirrorHead): CommonGround => {
  if (mirror.rev === imported.rev && first?.since === imported.rev) return { kind: 'events', after: first.event - 1 }
  return { kind: 'replace', ...(isKnown(imported, mirror.rev) && { replaces: mirror.commit }) }
}

/** What is older than all that is remembered counts as known: it was pruned. */
const isKnown = ({ rev, knows }: Imported, mirror: string): boolean =>
  mirror === rev || knows === undefined || mirror < (knows[0] ?? '~') || knows.includes(mirror)

/** Identity and account events that may stand before the oldest commit of the log. */
const MAX_LEADING_EVENTS = 16

const behind = (mirror: string, own: string): XrpcError =>
  new XrpcError(
    503,
    'RepoBehindMirror',
    `The mirror holds newer commits (${mirror}) than this browser (${own}). Nothing is written here until they are brought back.`,
  )

export const fork = (rev: string): XrpcError =>
  new XrpcError(503, 'RepoFork', `The mirror holds commit ${rev}, which this browser does not know: two copies of this pod have written.`)
