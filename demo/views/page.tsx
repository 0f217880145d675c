import { Logo } from '../../web/components/logo.tsx'
import { isBusy, isRoad, pod, podOrigin, road, type Road, ROADS, signIn } from '../state/sign-in.ts'
import { FedcmChoices } from './fedcm-choices.tsx'
import { IdentityCard } from './identity-card.tsx'
import { Trace } from './trace.tsx'

export const Page = () => (
  <>
    <header class="bar">
      <span class="brand">
        <Logo />
        tabpod
      </span>
      <span class="bar-note">demo site</span>
    </header>
    <main>
      <div class="opening">
        <h1>Who is there?</h1>
        <p>
          Four ways for a site to learn it from a server that is a browser tab. Choose one, and watch every step: what is asked, what comes
          back, and why it may be believed.
        </p>
      </div>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault()
          void signIn()
        }}
      >
        <PodField />
        <Roads />
        <div class="split">
          <div class="side">
            <Chosen />
            <IdentityCard />
          </div>
          <Trace />
        </div>
      </form>
    </main>
  </>
)

const PodField = () => {
  const isGood = podOrigin() !== null
  return (
    <div class="field pod-field">
      <label for="pod">Address of the pod</label>
      <div class="field-box">
        <input
          id="pod"
          class="mono"
          type="text"
          inputMode="url"
          autoComplete="url"
          autoCapitalize="none"
          spellcheck={false}
          value={pod}
          aria-invalid={isGood ? undefined : 'true'}
          aria-describedby="pod-note"
          onInput={({ currentTarget }) => (pod.value = currentTarget.value)}
        />
      </div>
      <p id="pod-note" class={isGood ? 'note' : 'note note-problem'}>
        {isGood ? 'Where your own pod lives. Its tab must be open somewhere.' : 'That is no address.'}
      </p>
    </div>
  )
}

const Roads = () => (
  <fieldset class="roads">
    <legend class="unseen">Way to sign in</legend>
    {Object.keys(ROADS)
      .filter(isRoad)
      .map((each, index) => (
        <RoadChoice key={each} road={each} number={index + 1} />
      ))}
  </fieldset>
)

const RoadChoice = ({ road: each, number }: { readonly road: Road; readonly number: number }) => (
  <label class="road">
    <input type="radio" name="road" value={each} checked={road.value === each} disabled={isBusy} onChange={() => (road.value = each)} />
    <span class="road-number" aria-hidden="true">
      {number}
    </span>
    <span class="road-title">{ROADS[each].title}</span>
    <span class="road-line">{ROADS[each].line}</span>
  </label>
)

const Chosen = () => {
  const { title, about, button } = ROADS[road.value]
  return (
    <section class="card" aria-labelledby="chosen-title">
      <h2 id="chosen-title">{title}</h2>
      <p class="about">{about}</p>
      <FedcmChoices />
      <button type="submit" class="button button-main" disabled={isBusy.value || podOrigin() === null}>
        {isBusy.value ? 'Waiting …' : button}
      </button>
    </section>
  )
}
