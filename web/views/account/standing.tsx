/** Switching the account off and on again, and what that means. */
import { useMemo } from 'preact/hooks'
import type { PodSummary } from '../../../wire/owner.ts'
import { ConfirmButton } from '../../components/confirm-button.tsx'
import { activate, deactivate } from '../../state/account.ts'
import { createAttempt } from '../../state/attempt.ts'
import { formatDay } from '../../state/date.ts'

export const Standing = ({ pod }: { readonly pod: PodSummary }) => {
  const attempt = useMemo(createAttempt, [])
  const { problem, busy } = attempt
  return (
    <section class="card" aria-labelledby="standing-title">
      {pod.standing === 'active' ? (
        <>
          <h2 id="standing-title">Take a break</h2>
          <p>
            Deactivated, the account is hidden: apps no longer show your profile and posts, and nobody can fetch them here. Nothing is
            deleted, name and identity stay yours, and you can switch it on again at any time. Keep this browser profile meanwhile: what is
            deactivated cannot be restored in another one.
          </p>
        </>
      ) : (
        <>
          <h2 id="standing-title">{pod.standing === 'arriving' ? 'Finish moving in' : 'This account is deactivated'}</h2>
          <p>
            {pod.standing === 'arriving'
              ? 'Once your identity names this server, activate the account: from then on it lives here.'
              : 'Nobody sees your profile and posts. Everything is still here, and comes back when you activate it.'}
          </p>
          {pod.deleteAfter !== undefined && (
            <p>You wanted it kept until {formatDay(pod.deleteAfter)}. It is never deleted by itself: that is for you to do, below.</p>
          )}
        </>
      )}
      {problem.value && (
        <p class="alarm" role="alert">
          {problem.value}
        </p>
      )}
      <p class="form-foot">
        {pod.standing === 'active' ? (
          <ConfirmButton
            label={busy.value ? 'Deactivating…' : 'Deactivate'}
            confirm="Really deactivate"
            onConfirm={() => void attempt.run(deactivate, 'The account is deactivated.')}
          />
        ) : (
          <button
            type="button"
            class="button button-main"
            aria-disabled={busy.value}
            onClick={() => void attempt.run(activate, 'The account is active.')}
          >
            {busy.value ? 'Activating…' : 'Activate'}
          </button>
        )}
        {attempt.done.value && <span class="quiet">{attempt.done.value}</span>}
      </p>
    </section>
  )
}
