/** One polite live region for the whole app: what was done, for those who do not see it. */
import { signal } from '@preact/signals'

export const spoken = signal('')

/** The same sentence twice is said twice. */
export const say = (sentence: string): void => {
  spoken.value = ''
  setTimeout(() => (spoken.value = sentence), 50)
}
