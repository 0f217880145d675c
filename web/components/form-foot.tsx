import type { Attempt } from '../state/attempt.ts'

export interface FormFootProps {
  readonly attempt: Attempt
  readonly label: string
  /** On the button while it works, for example "Saving…". */
  readonly busy: string
  readonly look?: 'main' | 'danger'
  /** The field shows what went wrong itself. */
  readonly quiet?: boolean
}

/** The end of a form: what went wrong, the button, and what was done. The button is never disabled: a disabled one loses the focus. */
export const FormFoot = ({ attempt, label, busy, look, quiet = false }: FormFootProps) => (
  <>
    {attempt.problem.value && !quiet && (
      <p class="alarm" role="alert">
        {attempt.problem.value}
      </p>
    )}
    <p class="form-foot">
      <button class={look ? `button button-${look}` : 'button'} aria-disabled={attempt.busy.value}>
        {attempt.busy.value ? busy : label}
      </button>
      {attempt.done.value && <span class="quiet">{attempt.done.value}</span>}
    </p>
  </>
)
