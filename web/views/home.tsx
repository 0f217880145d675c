/** The owner's home: is it reachable, where, what is in it, and what is happening right now. */
import { useEffect } from 'preact/hooks'
import { ClaimForm } from '../components/claim-form.tsx'
import { CopyRow } from '../components/copy.tsx'
import { StatusLight } from '../components/light.tsx'
import { light, pod } from '../state/pod.ts'
import { otherTabLeads, watchLeader } from '../state/leader.ts'
import { Contents } from './contents.tsx'
import { DangerZone } from './danger-zone.tsx'
import { LiveStrip } from './live-strip.tsx'

export const Home = () => {
  useEffect(() => watchLeader(), [])
  const summary = pod.value
  if (!summary) return null
  const now = light.value
  return (
    <main class="page page-home" data-testid="home">
      <section class="hero" aria-labelledby="home-title">
        <h1 id="home-title">{summary.handle}</h1>
        <StatusLight
          light={now.word === 'Online' && otherTabLeads.value ? { ...now, remedy: 'Another tab is keeping it online.' } : now}
          live
        />
        {now.wantsClaim && <ClaimForm />}
      </section>
      <div class="columns">
        <div class="column">
          <section class="card" aria-labelledby="address-title">
            <h2 id="address-title">Address</h2>
            <dl class="facts">
              <CopyRow term="Public address" value={summary.origin} what="public address" />
              <CopyRow term="Handle" value={summary.handle} what="handle" />
              <CopyRow term="DID" value={summary.did} what="DID" />
            </dl>
          </section>
          <section class="card" aria-labelledby="sign-in-title">
            <h2 id="sign-in-title">Sign in from an app</h2>
            <p>
              In any AT Protocol app choose <em>custom</em> or <em>other</em> as the hosting provider and enter{' '}
              <span class="mono value">{summary.origin}</span>. Then sign in as <span class="mono value">{summary.handle}</span> with your
              password.
            </p>
            <p class="quiet">Keep this tab open: signing in and writing need it.</p>
          </section>
          <Contents pod={summary} />
        </div>
        <LiveStrip />
      </div>
      <DangerZone handle={summary.handle} />
    </main>
  )
}
