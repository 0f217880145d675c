/** *Move an account here*: takes the address without making an account, so that an existing one can come. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { RoomStatus } from '../../wire/frames.ts'
import { ClaimField } from '../components/claim-field.tsx'
import { FormFoot } from '../components/form-foot.tsx'
import { PageHead } from '../components/page-head.tsx'
import { createAttempt } from '../state/attempt.ts'
import { claimProblem, keptClaim } from '../state/claim.ts'
import { focusProblem } from '../state/focus.ts'
import { awaitAccount } from '../state/moving.ts'

export const AwaitAccount = ({ room }: { readonly room: RoomStatus }) => {
  const attempt = useMemo(createAttempt, [])
  const claim = useSignal('')
  const trouble = useSignal<string | null>(null)
  const asksForClaim = room.policy === 'token' && keptClaim(sessionStorage) === null
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    trouble.value = asksForClaim ? claimProblem(claim.value) : null
    if (trouble.value === null) await attempt.run(() => awaitAccount(claim.value.trim()))
    else focusProblem(event)
  }
  return (
    <main class="page page-inner page-single" data-testid="await-account">
      <PageHead title="Move an account here">
        Posts, pictures, followers and your name come along. Your old server helps with the move and lets go at the end.
      </PageHead>
      <section class="card" aria-labelledby="await-title">
        <h2 id="await-title">How it goes</h2>
        <ol class="steps">
          <li>You take this address. The next page shows an invite code and what to type.</li>
          <li>A migration tool, on any computer, copies your account over. This tab has to stay open.</li>
          <li>Your old server sends you a code by e-mail, with which your identity changes over to this address.</li>
        </ol>
        <form class="stack" noValidate onSubmit={submit}>
          {asksForClaim && <ClaimField claim={claim} problem={trouble} />}
          <FormFoot attempt={attempt} label="Take this address and wait" busy="Taking the address…" look="main" />
        </form>
      </section>
      <div class="afterword">
        <p class="quiet">Until the last step your account stays where it is, and you can stop at any time.</p>
        <p>
          <a href="#">Back</a>
        </p>
      </div>
    </main>
  )
}
