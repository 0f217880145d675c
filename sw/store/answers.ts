/** Outcomes of writes under their idempotency keys. Written by `land`, pruned with the checkpoint. */
import type { Store } from './open.ts'
import type { AnswerRow } from './schema.ts'

/** All that are kept: those of the last ANSWER_TTL_MS or so. */
export const readAnswers = async (store: Store): Promise<AnswerRow[]> => store.getAll('answers')
