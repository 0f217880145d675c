import type { ComponentChildren } from 'preact'

export interface FieldProps {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly onInput: (value: string) => void
  readonly hint?: ComponentChildren
  /** Shown instead of the hint; says what is wrong and what to do. */
  readonly problem?: string | null | undefined
  /** Dots instead of letters. */
  readonly secret?: boolean
  readonly autocomplete?: 'off' | 'username' | 'new-password' | 'email'
  readonly mono?: boolean
  /** Buttons at the end of the input. */
  readonly children?: ComponentChildren
}

/** A label, an input and one line below it whose height is always there, so that nothing jumps when it speaks. */
export const Field = ({
  id,
  label,
  value,
  onInput,
  hint,
  problem,
  secret = false,
  autocomplete = 'off',
  mono = false,
  children,
}: FieldProps) => (
  <div class="field">
    <label for={id}>{label}</label>
    <div class="field-box">
      <input
        id={id}
        name={id}
        {...(secret ? { type: 'password' as const } : { type: 'text' as const })}
        class={mono ? 'mono' : ''}
        value={value}
        autocomplete={autocomplete}
        autocapitalize="none"
        spellcheck={false}
        {...(autocomplete === 'email' && { inputMode: 'email' as const })}
        {...(problem && { 'aria-invalid': true })}
        aria-describedby={`${id}-note`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {children}
    </div>
    <p id={`${id}-note`} class={problem ? 'note note-problem' : 'note'} {...(problem && { role: 'alert' })}>
      {problem ?? hint}
    </p>
  </div>
)
