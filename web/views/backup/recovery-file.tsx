/** Making a recovery file: a passphrase, typed twice, and a download. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { PodSummary } from '../../../wire/owner.ts'
import { Field } from '../../components/field.tsx'
import { FormFoot } from '../../components/form-foot.tsx'
import { PasswordField } from '../../components/password-field.tsx'
import { createAttempt } from '../../state/attempt.ts'
import { download } from '../../state/download.ts'
import { focusProblem } from '../../state/focus.ts'
import { passwordProblem } from '../../state/password.ts'
import { makeRecoveryFile, repeatProblem } from '../../state/recovery.ts'
import { formatMoment } from '../../state/date.ts'

export const RecoveryFileForm = ({ pod }: { readonly pod: PodSummary }) => {
  const first = useSignal('')
  const second = useSignal('')
  const problems = useSignal<{ readonly first: string | null; readonly second: string | null }>({ first: null, second: null })
  const attempt = useMemo(createAttempt, [])
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const found = { first: passwordProblem(first.value), second: repeatProblem(first.value, second.value) }
    problems.value = found
    if (found.first !== null || found.second !== null) return focusProblem(event)
    const make = async (): Promise<void> => {
      const { name, text } = await makeRecoveryFile(first.value)
      download(new Blob([text], { type: 'application/json' }), name)
      first.value = second.value = ''
    }
    await attempt.run(make, 'It is in your downloads.')
  }
  return (
    <section class="card" aria-labelledby="recovery-file-title">
      <h2 id="recovery-file-title">Recovery file</h2>
      <ul class="needs">
        <li>
          <strong>In it:</strong> a key that takes your address over in a new browser, your sign-in and your private settings, all of it
          encrypted with the passphrase.
        </li>
        <li>
          <strong>Not in it:</strong> your posts and pictures. Those come back from the relay’s copy. And not the passphrase: without it the
          file is worth nothing, also to you.
        </li>
      </ul>
      <p class="quiet">
        {pod.recoveryFileAt === undefined
          ? 'None was made yet.'
          : `The last one was made on ${formatMoment(pod.recoveryFileAt)}. A new one takes its place: the older file stops working.`}
      </p>
      <form class="stack" noValidate onSubmit={submit}>
        <PasswordField
          id="passphrase"
          label="Passphrase"
          what="passphrase"
          value={first.value}
          problem={problems.value.first}
          onInput={(value) => {
            first.value = value
            problems.value = { ...problems.value, first: null }
          }}
          onSuggest={(value) => {
            second.value = value
            problems.value = { first: null, second: null }
          }}
        />
        <Field
          id="passphrase-again"
          label="Passphrase once more"
          value={second.value}
          secret
          autocomplete="new-password"
          problem={problems.value.second}
          hint="Keep it apart from the file."
          onInput={(value) => {
            second.value = value
            problems.value = { ...problems.value, second: null }
          }}
        />
        <FormFoot attempt={attempt} label="Make a recovery file" busy="Making it…" look="main" />
      </form>
    </section>
  )
}
