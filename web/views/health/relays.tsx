/** The relays that carry what is written here to apps: how each sees this server, and what the owner can do. */
import { useEffect, useMemo } from 'preact/hooks'
import type { PodSummary } from '../../../wire/owner.ts'
import { createAttempt } from '../../state/attempt.ts'
import { formatTime } from '../../state/date.ts'
import { link } from '../../state/pod.ts'
import { askToCrawl, crawlableAt, hostOf, relayFinding, relays, watchRelays } from '../../state/relays.ts'
import { Line } from './line.tsx'

export const Relays = ({ pod }: { readonly pod: PodSummary }) => {
  useEffect(watchRelays, [])
  const named = relays.value
  return (
    <section class="card" aria-labelledby="relays-title" data-testid="relays">
      <h2 id="relays-title">Relays</h2>
      <p class="quiet">They carry what you write to the apps of the network.</p>
      {named === null && <p class="note">{link.value?.state === 'online' ? 'Asking…' : 'Unknown while this server is not connected.'}</p>}
      {named?.length === 0 && (
        <p class="note">
          Whoever runs this address has named none to be told of it. Relays that found it by themselves follow it all the same.
        </p>
      )}
      {named !== null && named.length > 0 && (
        <>
          <dl class="findings findings-tall">
            {named.map((relay) => (
              <Line key={relay.url} term={hostOf(relay)} {...relayFinding(relay)} />
            ))}
          </dl>
          {pod.standing === 'active' ? <Asking /> : <p class="note">They are told of this server when the account is active.</p>}
        </>
      )}
    </section>
  )
}

const Asking = () => {
  const asking = useMemo(createAttempt, [])
  const again = crawlableAt.value
  return (
    <>
      {asking.problem.value && (
        <p class="alarm" role="alert">
          {asking.problem.value}
        </p>
      )}
      <p class="form-foot">
        <button
          type="button"
          class="button"
          aria-disabled={asking.busy.value || again !== null}
          onClick={() => again === null && void asking.run(askToCrawl, 'Asked. What they say shows in a moment.')}
        >
          Ask to crawl now
        </button>
      </p>
      <p class="note" aria-live="off">
        {again === null
          ? (asking.done.value ?? 'This happens by itself, too, when you come online and when you write and nobody listens.')
          : `They were asked a short while ago, and can be asked again from ${formatTime(again)}.`}
      </p>
    </>
  )
}
