/** A new key for the repo, for those who have a reason to distrust the one they have. */
import { useMemo } from 'preact/hooks'
import { ConfirmButton } from '../../components/confirm-button.tsx'
import { rotateSigningKey } from '../../state/account.ts'
import { createAttempt } from '../../state/attempt.ts'

export const SigningKey = () => {
  const attempt = useMemo(createAttempt, [])
  return (
    <section class="card" aria-labelledby="key-title">
      <h2 id="key-title">Signing key</h2>
      <p>
        What you write is signed by a key that never leaves this browser. A new one takes its place when you think that somebody else could
        use it, for example on a device that was out of your hands.
      </p>
      {attempt.problem.value && (
        <p class="alarm" role="alert">
          {attempt.problem.value}
        </p>
      )}
      <p class="form-foot">
        <ConfirmButton
          label={attempt.busy.value ? 'Changing…' : 'Change the key'}
          confirm="Really change it"
          onConfirm={() => void attempt.run(rotateSigningKey, 'Everything is signed by the new key now.')}
        />
        {attempt.done.value && <span class="quiet">{attempt.done.value}</span>}
      </p>
    </section>
  )
}
