/** What must be remembered while the visitor is at the other server's page. */
import type { Step } from './trace.ts'

export interface Pending {
  readonly road: 'indieauth' | 'atproto'
  readonly pod: string
  readonly steps: readonly Step[]
  /** IndieAuth's own. */
  readonly state?: string
  readonly verifier?: string
  readonly me?: string
  readonly metadata?: string
}

const KEY = 'pending'

export const remember = (pending: Pending): void => sessionStorage.setItem(KEY, JSON.stringify(pending))

/** Once: a reloaded page begins anew. */
export const takePending = (): Pending | null => {
  const text = sessionStorage.getItem(KEY)
  sessionStorage.removeItem(KEY)
  return text === null ? null : (JSON.parse(text) as Pending)
}
