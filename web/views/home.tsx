/** The owner's home: is it reachable, where, what is in it, and what is happening right now. */
import { useEffect } from 'preact/hooks'
import type { PodSummary } from '../../wire/owner.ts'
import { ClaimForm } from '../components/claim-form.tsx'
import { CopyRow } from '../components/copy.tsx'
import { StatusLight } from '../components/light.tsx'
import { waiting } from '../state/inbox.ts'
import { light } from '../state/pod.ts'
import { otherTabLeads, watchLeader } from '../state/leader.ts'
import { Contents } from './contents.tsx'
import { LiveStrip } from './live-strip.tsx'
import { MovingIn } from './moving-in.tsx'

export const Home = ({ pod }: { readonly pod: PodSummary }) => {
  useEffect(() => watchLeader(), [])
  const now = light.value
  const isHere = pod.standing !== 'vacant' && pod.standing !== 'arriving'
  return (
    <main class="page page-home" data-testid="home">
      <section class="hero" aria-labelledby="home-title">
        <h1 id="home-title" tabIndex={-1}>
          {pod.standing === 'vacant' ? 'Ready for your account' : pod.handle}
        </h1>
        <StatusLight
          light={now.word === 'Online' && otherTabLeads.value ? { ...now, remedy: 'Another tab is keeping it online.' } : now}
          live
        />
        {now.wantsClaim && <ClaimForm />}
        {isHere && <Notice pod={pod} />}
      </section>
      <div class="columns">
        <div class="column">
          {isHere ? <Whereabouts pod={pod} /> : <MovingIn pod={pod} />}
          {pod.standing !== 'vacant' && <Contents pod={pod} />}
        </div>
        <LiveStrip />
      </div>
    </main>
  )
}

/** What wants the owner's attention, one thing at a time: a code is waiting for minutes only, a recovery file for as long as it takes. */
const Notice = ({ pod }: { readonly pod: PodSummary }) => (
  <div class="notice">
    {waiting.value > 0 ? (
      <p data-kind="inbox">
        <a href="#/inbox">{waiting.value === 1 ? 'A code is waiting' : `${waiting.value} codes are waiting`}</a> in your inbox.
      </p>
    ) : (
      pod.recoveryFileAt === undefined &&
      pod.standing === 'active' && (
        <p>
          Without a recovery file, losing this browser profile means losing this account. <a href="#/backup">Make one</a>
        </p>
      )
    )}
  </div>
)

const Whereabouts = ({ pod }: { readonly pod: PodSummary }) => (
  <>
    <section class="card" aria-labelledby="address-title">
      <h2 id="address-title">Address</h2>
      <dl class="facts">
        <CopyRow term="Public address" value={pod.origin} what="public address" />
        <CopyRow term="Handle" value={pod.handle} what="handle" />
        <CopyRow term="DID" value={pod.did} what="DID" />
      </dl>
    </section>
    <section class="card" aria-labelledby="sign-in-title">
      <h2 id="sign-in-title">Sign in from an app</h2>
      <p>
        In any AT Protocol app choose <em>custom</em> or <em>other</em> as the hosting provider and enter{' '}
        <span class="mono value">{pod.origin}</span>. Then sign in as <span class="mono value">{pod.handle}</span> with your password, or
        with an <a href="#/account">app password</a>.
      </p>
      <p>
        Sites that take your own domain know you as <span class="mono value">{pod.origin}/</span>. <a href="#/account">More</a>
      </p>
      <p class="quiet">Keep this tab open: signing in and writing need it.</p>
    </section>
  </>
)
