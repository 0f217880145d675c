/** Storage, mirror, identity, recovery file, worker: a line for each. */
import { useEffect, useMemo } from 'preact/hooks'
import type { PodSummary } from '../../../wire/owner.ts'
import { createAttempt } from '../../state/attempt.ts'
import { formatDay, formatMoment } from '../../state/date.ts'
import {
  announceIdentity,
  checkIdentity,
  type Finding,
  identityCheck,
  mirrored,
  mirrorFinding,
  readMirror,
  readWorker,
  worker,
} from '../../state/health.ts'
import { formatBytes, formatCount } from '../../state/size.ts'
import { readStorage, storage } from '../../state/storage.ts'
import { Line } from './line.tsx'

export const Findings = ({ pod }: { readonly pod: PodSummary }) => {
  const isHere = pod.standing === 'active' || pod.standing === 'deactivated'
  useEffect(() => void Promise.all([readStorage(), readWorker()]), [])
  useEffect(() => void readMirror(), [pod.rev, pod.outbox])
  return (
    <section class="card" aria-labelledby="findings-title">
      <h2 id="findings-title">State</h2>
      <dl class="findings">
        <Line term="Storage" {...storageFinding()} />
        <Line term="Mirror" {...mirrorFinding(pod, mirrored.value)} />
        <Line term="Waiting to send" isGood={null} text={pod.outbox === 0 ? 'Nothing.' : `${formatCount(pod.outbox)} events.`} />
        <Line term="Recovery file" {...recoveryFinding(pod)}>
          {pod.recoveryFileAt === undefined && <a href="#/backup">Make one</a>}
        </Line>
        <Line
          term="Worker"
          isGood={null}
          text={worker.value ? `${worker.value.version}, started on ${formatMoment(worker.value.startedAt)}.` : 'Asking…'}
        />
        {isHere && <IdentityLines />}
      </dl>
      {isHere && <Actions />}
    </section>
  )
}

const IdentityLines = () => {
  const check = identityCheck.value
  const finding = (problem: string | null | undefined, good: string): Finding =>
    problem === undefined ? { isGood: null, text: 'Not checked yet.' } : { isGood: problem === null, text: problem ?? good }
  return (
    <>
      <Line term="Identity" {...finding(check?.document, 'Your document names this server and the key in this browser.')} />
      <Line term="Handle" {...finding(check?.handle, 'It leads to your account, and your account names it.')} />
    </>
  )
}

const Actions = () => {
  const checking = useMemo(createAttempt, [])
  const telling = useMemo(createAttempt, [])
  const problem = checking.problem.value ?? telling.problem.value
  return (
    <>
      {problem && (
        <p class="alarm" role="alert">
          {problem}
        </p>
      )}
      <p class="form-foot">
        <button
          type="button"
          class="button"
          aria-disabled={checking.busy.value}
          onClick={() => void checking.run(checkIdentity, 'Checked.')}
        >
          {checking.busy.value ? 'Checking…' : 'Check identity now'}
        </button>
        <button
          type="button"
          class="button"
          aria-disabled={telling.busy.value}
          onClick={() => void telling.run(announceIdentity, 'Relays and apps will look your identity up again.')}
        >
          Tell the network again
        </button>
      </p>
      <p class="note" aria-live="off">
        {telling.done.value ?? 'If apps show an old name or cannot find you, telling the network again has them look.'}
      </p>
    </>
  )
}

const storageFinding = (): Finding => {
  const state = storage.value
  if (state === null) return { isGood: null, text: 'Asking…' }
  if (state === 'unknown') return { isGood: null, text: 'This browser does not say whether it keeps it.' }
  const used = `${formatBytes(state.usedBytes)} of ${formatBytes(state.quotaBytes)} used`
  return {
    isGood: state.kept,
    text: state.kept ? `${used}, kept until you clear it.` : `${used}. The browser may clear it when the disk runs full.`,
  }
}

const recoveryFinding = ({ recoveryFileAt, standing }: PodSummary): Finding =>
  recoveryFileAt === undefined
    ? { isGood: standing === 'active' ? false : null, text: 'None.' }
    : { isGood: true, text: `Made on ${formatDay(recoveryFileAt)}.` }
