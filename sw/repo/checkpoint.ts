/** Writes the landed tree down and lets go of what the log need not carry any longer. */
import { ANSWER_TTL_MS, KEPT_EVENTS } from '../../wire/limits.ts'
import { moveCheckpoint } from '../store/nodes.ts'
import type { Store } from '../store/open.ts'
import type { Landed } from './resume.ts'

/** @throws HeadMoved when another worker has written meanwhile; nothing is changed then. */
export const writeCheckpoint = async (store: Store, landed: Landed, acknowledged: number, now: number): Promise<void> => {
  const { tip, nodes, checkpoint: from, answers } = landed
  const to = { data: tip.head.data, event: tip.event }
  const pruneAnswersBefore = now - ANSWER_TTL_MS
  // The head's own event stays whatever follows it: the commit block is read from it.
  const pruneEvents = Math.max(0, Math.min(acknowledged, tip.head.event - 1, tip.event - KEPT_EVENTS))
  await moveCheckpoint(store, { from, head: tip.head, to, added: nodes.added, dropped: nodes.dropped, pruneEvents, pruneAnswersBefore })
  nodes.checkpointed()
  landed.checkpoint = to
  for (const [key, { at }] of answers) if (at <= pruneAnswersBefore) answers.delete(key)
}
