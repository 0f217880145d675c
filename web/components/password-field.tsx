import { useSignal } from '@preact/signals'
import { passwordHint, suggestPassword } from '../state/password.ts'
import { CopyButton } from './copy.tsx'
import { Field } from './field.tsx'

export interface PasswordFieldProps {
  readonly id: string
  readonly label: string
  /** What it is called in sentences: "Suggest a strong …", "Hide …". */
  readonly what: 'password' | 'passphrase'
  readonly value: string
  readonly problem?: string | null | undefined
  readonly onInput: (value: string) => void
  /** A suggestion was taken: a second field can be filled with it, too. */
  readonly onSuggest?: (value: string) => void
}

/** A new password: how strong it is while it is typed, a way to see it, and one that was thought up well. */
export const PasswordField = ({ id, label, what, value, problem, onInput, onSuggest }: PasswordFieldProps) => {
  const shown = useSignal(false)
  const suggestion = useSignal<string | null>(null)
  const isSuggested = value !== '' && value === suggestion.value
  const hint = passwordHint(value)
  const suggest = (): void => {
    const password = suggestPassword()
    suggestion.value = password
    shown.value = true
    onInput(password)
    onSuggest?.(password)
  }
  return (
    <>
      <Field
        id={id}
        label={label}
        value={value}
        secret={!shown.value}
        autocomplete="new-password"
        mono={shown.value}
        problem={problem}
        hint={
          <span class="strength" data-level={hint.level}>
            <span class="strength-bar" aria-hidden="true" />
            {isSuggested ? 'Strong. Keep it in your password manager.' : hint.text}
          </span>
        }
        onInput={onInput}
      >
        <button
          type="button"
          class="button-small"
          aria-label={shown.value ? `Hide ${what}` : `Show ${what}`}
          onClick={() => (shown.value = !shown.value)}
        >
          {shown.value ? 'Hide' : 'Show'}
        </button>
      </Field>
      <p class="suggest">
        <button type="button" class="button-link" onClick={suggest}>
          Suggest a strong {what}
        </button>
        {isSuggested && <CopyButton text={value} what={what} />}
      </p>
    </>
  )
}
