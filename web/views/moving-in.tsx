/** The home of a pod whose account is still on its way: what to type elsewhere, and how far it has come. */
import { useMemo } from 'preact/hooks'
import type { PodSummary } from '../../wire/owner.ts'
import { Commands } from '../components/commands.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { CopyRow } from '../components/copy.tsx'
import { createAttempt } from '../state/attempt.ts'
import { countRecords } from '../state/collection.ts'
import { moveInCommands } from '../state/moving.ts'
import { deletePod } from '../state/pod.ts'
import { formatCount } from '../state/size.ts'
import { Standing } from './account/standing.tsx'

export const MovingIn = ({ pod }: { readonly pod: PodSummary }) => (
  <>
    <section class="card" aria-labelledby="way-title">
      <h2 id="way-title">How far it is</h2>
      <Stages pod={pod} />
    </section>
    {pod.standing === 'vacant' ? <TheWayIn pod={pod} /> : <Standing pod={pod} />}
  </>
)

const Stages = ({ pod }: { readonly pod: PodSummary }) => {
  const isHere = pod.standing !== 'vacant'
  const records = countRecords(pod)
  const stages = [
    { text: 'The address is yours', done: true },
    { text: isHere ? `The account of ${pod.handle} is here` : 'The account comes, with the invite code', done: isHere },
    {
      text: isHere && records > 0 ? `${formatCount(records)} records are here` : 'Posts, likes and follows come',
      done: isHere && records > 0,
    },
    picturesStage(pod, records),
    { text: 'Your identity names this address, and the account is activated', done: false },
  ]
  const now = stages.findIndex(({ done }) => !done)
  return (
    <ol class="stages" data-testid="stages">
      {stages.map(({ text, done }, index) => (
        <li key={index} data-state={done ? 'done' : index === now ? 'now' : 'next'}>
          {text}
          {done && <span class="unseen">, done</span>}
        </li>
      ))}
    </ol>
  )
}

/** No picture is missing before the records are there that mention them. */
const picturesStage = ({ blobs: { count, missing } }: PodSummary, records: number): { readonly text: string; readonly done: boolean } => {
  if (records === 0 || missing === undefined) return { text: 'Pictures and videos come', done: false }
  if (missing > 0) return { text: `${formatCount(count)} of ${formatCount(count + missing)} pictures and videos are here`, done: false }
  return { text: count === 0 ? 'No pictures or videos to bring' : `${formatCount(count)} pictures and videos are here`, done: true }
}

const TheWayIn = ({ pod }: { readonly pod: PodSummary }) => {
  const attempt = useMemo(createAttempt, [])
  return (
    <>
      <section class="card" aria-labelledby="in-title">
        <h2 id="in-title">What a migration tool asks for</h2>
        <dl class="facts">
          <CopyRow term="New server" value={pod.origin} what="address of the new server" />
          {pod.inviteCode !== undefined && <CopyRow term="Invite code" value={pod.inviteCode} what="invite code" />}
        </dl>
        <p>
          With <a href="https://github.com/bluesky-social/goat">goat</a>, on the command line, it is three lines. The second has your old
          server mail you the TOKEN for the third.
        </p>
        <Commands text={moveInCommands(pod)} what="commands" />
        <p class="quiet">Fill in the words in capitals. As HANDLE give the one you have now: it can be changed here afterwards.</p>
      </section>
      <section class="card" aria-labelledby="stop-title">
        <h2 id="stop-title">Changed your mind?</h2>
        <p>Nothing has left your old server. The address becomes free again.</p>
        {attempt.problem.value && (
          <p class="alarm" role="alert">
            {attempt.problem.value}
          </p>
        )}
        <p class="form-foot">
          <ConfirmButton
            label="Stop waiting"
            confirm="Really give the address up"
            onConfirm={() => void attempt.run(() => deletePod(pod.handle))}
          />
        </p>
      </section>
    </>
  )
}
