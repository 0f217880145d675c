/** Another handle: what has to point here first, and the change. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { PodSummary } from '../../../wire/owner.ts'
import { CopyRow } from '../../components/copy.tsx'
import { Field } from '../../components/field.tsx'
import { FormFoot } from '../../components/form-foot.tsx'
import { changeHandle } from '../../state/account.ts'
import { createAttempt } from '../../state/attempt.ts'
import { focusProblem } from '../../state/focus.ts'
import { handleProblem, hostName, isLoopback, normalizeHandle } from '../../state/handle.ts'

export const Handle = ({ pod }: { readonly pod: PodSummary }) => {
  const typed = useSignal(pod.handle)
  const attempt = useMemo(createAttempt, [])
  const host = new URL(pod.origin).host
  const wanted = normalizeHandle(typed.value)
  const needsProof = wanted !== pod.handle && wanted !== hostName(host) && !isLoopback(host) && handleProblem(wanted, host) === null
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    const found = wanted === pod.handle ? 'That is your handle already.' : handleProblem(wanted, host)
    attempt.problem.value = found
    if (found === null && (await attempt.run(() => changeHandle(wanted), `You are ${wanted} now.`))) typed.value = wanted
    else focusProblem({ currentTarget: form })
  }
  return (
    <section class="card" aria-labelledby="handle-title">
      <h2 id="handle-title">Handle</h2>
      <form class="stack" noValidate onSubmit={submit}>
        <Field
          id="handle"
          label="Your name in the network"
          value={typed.value}
          autocomplete="username"
          mono
          problem={attempt.problem.value}
          hint={
            isLoopback(host)
              ? 'On localhost, anything ending in .test works.'
              : 'The name of this host, or any domain of yours. Links to the old name stop working.'
          }
          onInput={(value) => {
            typed.value = value
            attempt.problem.value = null
          }}
        />
        {needsProof && (
          <div class="aside">
            <p>Your domain has to say that it is yours. One of these is enough, before you press the button:</p>
            <dl>
              <CopyRow term={`A DNS record of type TXT for _atproto.${wanted}`} value={`did=${pod.did}`} what="record" />
              <CopyRow term={`A file at https://${wanted}/.well-known/atproto-did`} value={pod.did} what="content of the file" />
            </dl>
          </div>
        )}
        <FormFoot attempt={attempt} label="Change handle" busy="Changing…" quiet />
      </form>
    </section>
  )
}
