/** What a sign-in does, step by step, as the page shows it. It outlives a redirect: the first half is written on one page, the second on the next. */
import { signal } from '@preact/signals'

export interface Shown {
  readonly label: string
  /** JSON, or text that is shown as it is. */
  readonly value: unknown
}

export interface Step {
  readonly title: string
  readonly state: 'running' | 'done' | 'failed'
  /** In a sentence. */
  readonly outcome?: string
  readonly ms?: number
  readonly shown: readonly Shown[]
}

/** @returns what the step is worth to the next one. Whatever is shown before it fails stays. */
export type Work<T> = (show: (label: string, value: unknown) => void) => Promise<{ readonly outcome: string; readonly value: T }>

export const steps = signal<readonly Step[]>([])

export const clearTrace = (): void => void (steps.value = [])
export const continueTrace = (before: readonly Step[]): void => void (steps.value = before)

export const step = async <T>(title: string, work: Work<T>): Promise<T> => {
  const index = steps.value.length
  const startedAt = performance.now()
  const change = (more: Partial<Step>): void =>
    void (steps.value = steps.value.map((each, at) => (at === index ? { ...each, ...more } : each)))
  steps.value = [...steps.value, { title, state: 'running', shown: [] }]
  try {
    const { outcome, value } = await work((label, shown) =>
      change({ shown: [...(steps.value[index]?.shown ?? []), { label, value: shown }] }),
    )
    change({ state: 'done', outcome, ms: performance.now() - startedAt })
    return value
  } catch (cause) {
    change({ state: 'failed', outcome: reasonOf(cause), ms: performance.now() - startedAt })
    throw cause
  }
}

/** A sentence, whatever was thrown. FedCM's errors keep what the server said beside the message. */
export const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const { code, error } = cause as { readonly code?: unknown; readonly error?: unknown }
  const said = [error, code].find((each) => typeof each === 'string' && each !== '')
  return said === undefined || cause.message.includes(String(said)) ? cause.message : `${cause.message} (${String(said)})`
}
