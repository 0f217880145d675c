import { useSignal } from '@preact/signals'
import { say } from '../state/spoken.ts'

const SHOWN_MS = 1600

/** Copies `text`; says so on the button and aloud. `what` completes "Copy …". */
export const CopyButton = ({ text, what }: { readonly text: string; readonly what: string }) => {
  const copied = useSignal<boolean | null>(null)
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      copied.value = true
      say(`Copied ${what}.`)
    } catch {
      copied.value = false
      say('The browser did not allow copying. Select the text instead.')
    }
    setTimeout(() => (copied.value = null), SHOWN_MS)
  }
  return (
    <button type="button" class="button-small copy" aria-label={`Copy ${what}`} onClick={copy}>
      {copied.value === null ? 'Copy' : copied.value ? 'Copied' : 'Blocked'}
    </button>
  )
}

/** A term, its value in full, and a button that copies it. */
export const CopyRow = ({ term, value, what }: { readonly term: string; readonly value: string; readonly what: string }) => (
  <div class="copy-row">
    <dt>{term}</dt>
    <dd>
      <span class="mono value">{value}</span>
      <CopyButton text={value} what={what} />
    </dd>
  </div>
)
