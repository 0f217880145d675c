/** A new main password. The old one is not asked for: it would protect nothing from whoever sits at this browser. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { FormFoot } from '../../components/form-foot.tsx'
import { PasswordField } from '../../components/password-field.tsx'
import { setPassword } from '../../state/account.ts'
import { createAttempt } from '../../state/attempt.ts'
import { focusProblem } from '../../state/focus.ts'
import { passwordProblem } from '../../state/password.ts'

export const Password = ({ handle }: { readonly handle: string }) => {
  const typed = useSignal('')
  const attempt = useMemo(createAttempt, [])
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    attempt.problem.value = passwordProblem(typed.value)
    if (attempt.problem.value === null && (await attempt.run(() => setPassword(typed.value), 'Your password is changed.'))) typed.value = ''
    else focusProblem({ currentTarget: form })
  }
  return (
    <section class="card" aria-labelledby="password-title">
      <h2 id="password-title">Password</h2>
      <p>Apps that signed in with the old one have to sign in again. App passwords stay as they are.</p>
      <form class="stack" noValidate onSubmit={submit}>
        {/* Password managers store a new password under the name that stands before it. */}
        <input class="unseen" type="text" autocomplete="username" value={handle} readOnly tabIndex={-1} aria-hidden="true" />
        <PasswordField
          id="new-password"
          label="New password"
          what="password"
          value={typed.value}
          problem={attempt.problem.value}
          onInput={(value) => {
            typed.value = value
            attempt.problem.value = null
          }}
        />
        <FormFoot attempt={attempt} label="Change password" busy="Changing…" quiet />
      </form>
    </section>
  )
}
