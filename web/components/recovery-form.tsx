import { useSignal } from '@preact/signals'
import type { Attempt } from '../state/attempt.ts'
import { focusProblem } from '../state/focus.ts'
import { formatBytes } from '../state/size.ts'
import { Field } from './field.tsx'
import { FileDrop } from './file-drop.tsx'
import { FormFoot } from './form-foot.tsx'

export interface RecoveryFormProps {
  readonly attempt: Attempt
  readonly label: string
  readonly busy: string
  readonly look?: 'main'
  /** Called with both; runs the attempt. */
  readonly onSubmit: (file: File, passphrase: string) => void
  /** What was found about another file does not stand beside this one. */
  readonly onChange?: () => void
}

/** A recovery file and its passphrase, as they are asked for to check one and to restore from one. */
export const RecoveryForm = ({ attempt, label, busy, look, onSubmit, onChange }: RecoveryFormProps) => {
  const file = useSignal<File | null>(null)
  const passphrase = useSignal('')
  const problems = useSignal<{ readonly file: string | null; readonly passphrase: string | null }>({ file: null, passphrase: null })
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    problems.value = {
      file: file.value === null ? 'Choose the recovery file.' : null,
      passphrase: passphrase.value === '' ? 'Type the passphrase of the file.' : null,
    }
    if (file.value === null || passphrase.value === '') focusProblem(event)
    else onSubmit(file.value, passphrase.value)
  }
  return (
    <form class="stack" noValidate onSubmit={submit}>
      <FileDrop
        id="recovery-file"
        label="Your recovery file"
        accept=".json,application/json"
        problem={problems.value.file}
        onFiles={([chosen]) => {
          file.value = chosen ?? null
          problems.value = { ...problems.value, file: null }
          attempt.problem.value = null
          onChange?.()
        }}
      >
        {file.value ? (
          <>
            <span class="strong value">{file.value.name}</span> <span class="quiet">{formatBytes(file.value.size)}</span>
          </>
        ) : (
          <>
            <span class="drop-action">Choose the file</span> or drop it here
          </>
        )}
      </FileDrop>
      <Field
        id="file-passphrase"
        label="Its passphrase"
        value={passphrase.value}
        secret
        problem={problems.value.passphrase}
        onInput={(value) => {
          passphrase.value = value
          problems.value = { ...problems.value, passphrase: null }
          attempt.problem.value = null
          onChange?.()
        }}
      />
      <FormFoot attempt={attempt} label={label} busy={busy} {...(look && { look })} />
    </form>
  )
}
