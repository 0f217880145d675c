/** The account's public content as files that other software reads, too. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { PodSummary } from '../../../wire/owner.ts'
import { createAttempt } from '../../state/attempt.ts'
import { countRecords } from '../../state/collection.ts'
import type { Attempt } from '../../state/attempt.ts'
import { saveBlobs, saveRepo } from '../../state/backup.ts'
import { formatBytes, formatCount } from '../../state/size.ts'

export const Export = ({ pod }: { readonly pod: PodSummary }) => {
  const repo = useMemo(createAttempt, [])
  const blobs = useMemo(createAttempt, [])
  const saved = useSignal<number | null>(null)
  const records = countRecords(pod)
  const save = async (): Promise<void> => {
    saved.value = await saveBlobs(pod.handle)
  }
  return (
    <section class="card" aria-labelledby="export-title">
      <h2 id="export-title">Save a copy</h2>
      <p>What is public of your account, as plain files. They hold no keys: a copy to keep, to read, or to bring elsewhere.</p>
      <ul class="rows">
        <SaveRow
          attempt={repo}
          title="Posts, likes, follows, profile"
          note={`${formatCount(records)} records in one CAR file`}
          about="the repo"
          onSave={() => void repo.run(() => saveRepo(pod.handle), 'The repo is in your downloads.')}
        />
        <SaveRow
          attempt={blobs}
          title="Pictures and videos"
          note={
            pod.blobs.count === 0 ? 'None yet' : `${formatCount(pod.blobs.count)} blobs, ${formatBytes(pod.blobs.bytes)}, in one tar file`
          }
          about="the blobs"
          {...(pod.blobs.count > 0 && { onSave: () => void blobs.run(save, 'The blobs are in your downloads.') })}
        />
      </ul>
      {saved.value !== null && saved.value < pod.blobs.count && (
        <p class="alarm" role="alert">
          {formatCount(pod.blobs.count - saved.value)} of them could not be read and are not in the file.
        </p>
      )}
    </section>
  )
}

interface SaveRowProps {
  readonly attempt: Attempt
  readonly title: string
  readonly note: string
  readonly about: string
  /** Left out: there is nothing to save. */
  readonly onSave?: () => void
}

const SaveRow = ({ attempt, title, note, about, onSave }: SaveRowProps) => (
  <li>
    <div>
      <p>{title}</p>
      <p class={attempt.problem.value ? 'row-note alarm-text' : 'row-note'} {...(attempt.problem.value && { role: 'alert' })}>
        {attempt.problem.value ?? note}
      </p>
    </div>
    {onSave && (
      <button type="button" class="button-small" aria-label={`Save ${about}`} aria-disabled={attempt.busy.value} onClick={onSave}>
        {attempt.busy.value ? 'Saving…' : 'Save'}
      </button>
    )}
  </li>
)
