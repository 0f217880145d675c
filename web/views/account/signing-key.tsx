/** A new key for what this account signs. */
import { useMemo } from 'preact/hooks'
import { ConfirmButton } from '../../components/confirm-button.tsx'
import { rotateSigningKey } from '../../state/account.ts'
import { createAttempt } from '../../state/attempt.ts'

export const SigningKey = () => {
  const attempt = useMemo(createAttempt, [])
  const { problem, busy } = attempt
  return (
    <section class="card" aria-labelledby="signing-key-title">
      <h2 id="signing-key-title">Signing key</h2>
      <p>
        All you publish is signed by a key that cannot leave this browser. Should somebody else have had their hands on it, make a new one:
        your identity names it, everything is signed anew, and the old one is good for nothing.
      </p>
      {problem.value && (
        <p class="alarm" role="alert">
          {problem.value}
        </p>
      )}
      <p class="form-foot">
        <ConfirmButton
          label={busy.value ? 'Changing…' : 'Make a new key'}
          confirm="Really make a new key"
          onConfirm={() => void attempt.run(rotateSigningKey, 'Everything is signed by the new key.')}
        />
        {attempt.done.value && <span class="quiet">{attempt.done.value}</span>}
      </p>
    </section>
  )
}
