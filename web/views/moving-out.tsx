/** Leaving: what to do, by the kind of identity. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { PodSummary } from '../../wire/owner.ts'
import { Commands } from '../components/commands.tsx'
import { Field } from '../components/field.tsx'
import { FormFoot } from '../components/form-foot.tsx'
import { PageHead } from '../components/page-head.tsx'
import { createAttempt } from '../state/attempt.ts'
import { focusProblem } from '../state/focus.ts'
import { endpointProblem, identityHome, moveOutCommands, pointElsewhere, signingKeyProblem } from '../state/moving.ts'

export const MovingOut = ({ pod }: { readonly pod: PodSummary }) => {
  const home = identityHome(pod)
  return (
    <main class="page page-inner page-single" data-testid="moving">
      {pod.standing === 'vacant' || pod.standing === 'arriving' ? (
        <PageHead title="Moving">
          Your account is on its way here. <a href="#">See how far it is</a>
        </PageHead>
      ) : (
        <>
          <PageHead title="Moving">
            The account is yours, not this server’s. It can go to any other server of the network, with everything in it.
          </PageHead>
          {home === 'plc' && <WithTool pod={pod} />}
          {home === 'own-web' && <PointElsewhere pod={pod} />}
          {home === 'other-web' && <OwnDocument pod={pod} />}
        </>
      )}
    </main>
  )
}

const WithTool = ({ pod }: { readonly pod: PodSummary }) => (
  <section class="card" aria-labelledby="out-title">
    <h2 id="out-title">With a migration tool</h2>
    <ol class="steps">
      <li>
        Keep this tab open: the tool fetches everything from here. In <a href="https://github.com/bluesky-social/goat">goat</a> it is three
        lines; others ask for the same.
      </li>
      <li>
        The second line leaves a code in your <a href="#/inbox">inbox</a>. It goes into the third as TOKEN, and lets your identity change
        over.
      </li>
      <li>At the end the account here is deactivated. When all is well over there, delete it on the Account page.</li>
    </ol>
    <Commands text={moveOutCommands(pod)} what="commands" />
    <p class="quiet">Fill in the words in capitals. Sign in with your own password: app passwords may not move an account.</p>
  </section>
)

/** The document of a did:web is served by this address, also when the account lives elsewhere. */
const PointElsewhere = ({ pod }: { readonly pod: PodSummary }) => {
  const endpoint = useSignal('')
  const key = useSignal('')
  const problems = useSignal<{ readonly endpoint: string | null; readonly key: string | null }>({ endpoint: null, key: null })
  const attempt = useMemo(createAttempt, [])
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const wanted = { endpoint: endpoint.value.trim(), key: key.value.trim() }
    problems.value = { endpoint: endpointProblem(wanted.endpoint), key: signingKeyProblem(wanted.key) }
    if (problems.value.endpoint !== null || problems.value.key !== null) return focusProblem(event)
    await attempt.run(
      () => pointElsewhere(wanted.endpoint.replace(/\/$/, ''), wanted.key),
      'Your identity names the new server now. Activate the account there.',
    )
  }
  return (
    <>
      <section class="card" aria-labelledby="out-title">
        <h2 id="out-title">Before you go</h2>
        <p>
          Your identity is <span class="mono value">{pod.did}</span>: it is tied to this address for good. The account can live elsewhere,
          but this address has to go on naming where. The relay does that for you as long as you keep the address.
        </p>
        <ol class="steps">
          <li>Create the account on the new server with this DID. A migration tool for did:web does it, or the server’s own page.</li>
          <li>
            Bring your content there: the tool does it, or <a href="#/backup">save a copy</a> and take it along.
          </li>
          <li>
            Deactivate the account here, on the <a href="#/account">Account page</a>. Then name the new server and its key below, and
            activate the account there.
          </li>
        </ol>
      </section>
      <section class="card" aria-labelledby="point-title">
        <h2 id="point-title">Name the new server</h2>
        {pod.standing === 'active' ? (
          <p class="quiet">Nothing to do here before the account is deactivated: it cannot be active in two places.</p>
        ) : (
          <form class="stack" noValidate onSubmit={submit}>
            <Field
              id="endpoint"
              label="Address of the new server"
              value={endpoint.value}
              mono
              problem={problems.value.endpoint}
              hint="For example https://pds.example.com."
              onInput={(value) => {
                endpoint.value = value
                problems.value = { ...problems.value, endpoint: null }
              }}
            />
            <Field
              id="signing-key"
              label="Signing key of the account there"
              value={key.value}
              mono
              problem={problems.value.key}
              hint="Starts with did:key:z. The new server tells it as its recommended DID credentials."
              onInput={(value) => {
                key.value = value
                problems.value = { ...problems.value, key: null }
              }}
            />
            <FormFoot attempt={attempt} label="Point my identity there" busy="Changing the document…" />
          </form>
        )}
      </section>
    </>
  )
}

const OwnDocument = ({ pod }: { readonly pod: PodSummary }) => (
  <section class="card" aria-labelledby="out-title">
    <h2 id="out-title">You keep the document</h2>
    <p>
      Your identity is <span class="mono value">{pod.did}</span>, and its document lies on a site of yours, not here. Move your content with
      a migration tool, or <a href="#/backup">save a copy</a> and take it along. Then put the new server’s address and key into that
      document, activate the account there, and deactivate it here on the <a href="#/account">Account page</a>.
    </p>
  </section>
)
