/** Who the owner is to sites, and whether this browser says so when they ask. */
import { useMemo } from 'preact/hooks'
import { createAttempt } from '../../state/attempt.ts'
import { canRegister, isRegistered, offer, registerForAny } from '../../state/sites.ts'

export const Sites = ({ origin }: { readonly origin: string }) => (
  <section class="card" aria-labelledby="sites-title" data-testid="sites" data-offer={offer.value}>
    <h2 id="sites-title">Sign in to sites</h2>
    <p>
      Sites that take your own domain know you as <span class="mono value">{origin}/</span>. <Offered />
    </p>
    <p>
      <a href="/account">See which sites know you</a>
    </p>
    {canRegister && <Register />}
  </section>
)

const Offered = () => {
  switch (offer.value) {
    case 'unsupported':
      return <>This browser does not ask for you by itself, so they send you to a page of your own.</>
    case 'waiting':
      return <>Once you are online, this browser offers it when a site asks.</>
    case 'offered':
      return <>When one asks, this browser offers it in a dialog of its own.</>
    case 'signed-out':
      return (
        <>
          You have signed out in this browser: <a href="/fedcm/login">sign in</a> and it offers it again.
        </>
      )
  }
}

const Register = () => {
  const attempt = useMemo(createAttempt, [])
  return (
    <>
      <p class="note">Some sites name no server and ask for any that you have registered with your browser.</p>
      <button
        type="button"
        class="button-small"
        disabled={attempt.busy}
        onClick={() => void attempt.run(registerForAny, 'Registered with this browser.')}
      >
        {isRegistered.value ? 'Registered' : 'Register this pod'}
      </button>
      {attempt.problem.value !== null && (
        <p class="alarm" role="alert">
          {attempt.problem.value}
        </p>
      )}
    </>
  )
}
