/** Several plans, made in chain, as one landing. */
import type { Landing, RecordChange } from '../store/land.ts'
import { packsOf } from '../store/packs.ts'
import type { AnswerRow, EventRow, Head } from '../store/schema.ts'
import type { WriteOutcome } from './contract.ts'
import type { PlannedCommit, Tip } from './plan.ts'

/** What a call will have done when it is landed. Without event and answer there is nothing to land. */
export interface Plan {
  readonly tip: Tip
  readonly outcome: WriteOutcome
  readonly commit?: PlannedCommit
  readonly event?: EventRow
  readonly answer?: AnswerRow
}

/** @returns null when none of the plans changes anything. */
export const mergePlans = (head: Head | null, plans: readonly Plan[]): Landing | null => {
  const events = plans.flatMap(({ event }) => (event ? [event] : []))
  const answers = plans.flatMap(({ answer }) => (answer ? [answer] : []))
  if (events.length === 0 && answers.length === 0) return null
  const commits = plans.flatMap(({ commit }) => (commit ? [commit] : []))
  const next = commits.at(-1)?.tip.head
  return {
    expected: head?.commit ?? null,
    packs: packsOf(head),
    ...(next && { head: next }),
    records: mergeChanges(commits),
    events,
    answers,
  }
}

/** Only the last state of a record is written; whether it existed is the first one's to say. */
const mergeChanges = (commits: readonly PlannedCommit[]): readonly RecordChange[] => {
  const [only] = commits
  if (only && commits.length === 1) return only.changes
  const merged = new Map<string, RecordChange>()
  for (const change of commits.flatMap(({ changes }) => changes)) {
    const path = `${change.collection}/${change.rkey}`
    merged.set(path, { ...change, existed: merged.get(path)?.existed ?? change.existed })
  }
  return Array.from(merged.values())
}
