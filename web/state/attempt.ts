/** One thing the owner tries from a form: under way, failed with a sentence, or done with one. */
import { signal } from '@preact/signals'
import type { ReadonlySignal, Signal } from '@preact/signals'
import { sentenceOf } from './failure.ts'
import { say } from './spoken.ts'

export interface Attempt {
  readonly busy: ReadonlySignal<boolean>
  /** What went wrong last time; a form clears it when the person types on. */
  readonly problem: Signal<string | null>
  /** What was done, until the next attempt. */
  readonly done: ReadonlySignal<string | null>
  /**
   * Runs `work`, unless one is running still. Resolves true when it went well: then `done` is shown and said aloud. Never rejects.
   */
  run(work: () => Promise<unknown>, done?: string): Promise<boolean>
}

/** For `useMemo(createAttempt, [])`: an attempt belongs to one form on the page. */
export const createAttempt = (): Attempt => {
  const busy = signal(false)
  const problem = signal<string | null>(null)
  const finished = signal<string | null>(null)
  return {
    busy,
    problem,
    done: finished,
    async run(work, done) {
      if (busy.value) return false
      busy.value = true
      problem.value = null
      finished.value = null
      try {
        await work()
      } catch (cause) {
        problem.value = sentenceOf(cause)
        return false
      } finally {
        busy.value = false
      }
      finished.value = done ?? null
      if (done !== undefined) say(done)
      return true
    },
  }
}
