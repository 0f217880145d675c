/** The e-mail address: apps show it and ask to confirm it. Nothing here needs one. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { PodSummary } from '../../../wire/owner.ts'
import { Field } from '../../components/field.tsx'
import { FormFoot } from '../../components/form-foot.tsx'
import { emailProblem, setEmail } from '../../state/account.ts'
import { createAttempt } from '../../state/attempt.ts'
import { focusProblem } from '../../state/focus.ts'

export const Email = ({ pod }: { readonly pod: PodSummary }) => {
  const typed = useSignal(pod.email ?? '')
  const attempt = useMemo(createAttempt, [])
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    const email = typed.value.trim()
    const isRemoved = email === '' && pod.email !== undefined
    attempt.problem.value = isRemoved ? null : emailProblem(email)
    if (attempt.problem.value === null) await attempt.run(() => setEmail(isRemoved ? null : email), isRemoved ? 'Removed.' : 'Saved.')
    if (attempt.problem.value !== null) focusProblem({ currentTarget: form })
  }
  return (
    <section class="card" aria-labelledby="email-title">
      <h2 id="email-title">E-mail</h2>
      <form class="stack" noValidate onSubmit={submit}>
        <Field
          id="email"
          label="Address"
          value={typed.value}
          autocomplete="email"
          problem={attempt.problem.value}
          hint={<EmailState pod={pod} />}
          onInput={(value) => {
            typed.value = value
            attempt.problem.value = null
          }}
        />
        <FormFoot attempt={attempt} label="Save address" busy="Saving…" quiet />
      </form>
    </section>
  )
}

const EmailState = ({ pod }: { readonly pod: PodSummary }) => {
  if (pod.email === undefined) return <>None. Codes come to your inbox here in any case.</>
  return pod.emailConfirmed ? <>Confirmed.</> : <>Not confirmed. When an app asks for it, the code comes to your inbox.</>
}
