/** Files put back: a repo in place of an empty or switched-off one, and the blobs that its records mention. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { PodSummary } from '../../../wire/owner.ts'
import { FileDrop } from '../../components/file-drop.tsx'
import { ProgressLine } from '../../components/progress-line.tsx'
import { createAttempt } from '../../state/attempt.ts'
import { countRecords } from '../../state/collection.ts'
import { importBlobs, importRepo, mayImport, sortLuggage } from '../../state/backup.ts'
import type { BlobCounts, Luggage } from '../../state/backup.ts'
import { useFocus } from '../../state/focus.ts'
import { formatCount } from '../../state/size.ts'

export const Import = ({ pod }: { readonly pod: PodSummary }) => {
  const attempt = useMemo(createAttempt, [])
  /** Chosen, and waiting for a yes: it would replace what is here. */
  const asked = useSignal<Luggage | null>(null)
  const outcome = useSignal<string | null>(null)
  const records = countRecords(pod)

  const take = (luggage: Luggage): void => {
    asked.value = null
    outcome.value = null
    const { repo, archives, blobs } = luggage
    void attempt.run(async () => {
      const lines: string[] = []
      if (repo) {
        await importRepo(repo)
        lines.push('The repo is here.')
      }
      if (archives.length + blobs.length > 0) lines.push(blobLine(await importBlobs(luggage)))
      outcome.value = lines.join(' ')
    }, 'Import finished.')
  }
  const choose = (files: readonly File[]): void => {
    attempt.problem.value = null
    outcome.value = null
    try {
      const luggage = sortLuggage(files)
      if (luggage.repo && !mayImport(pod))
        throw new Error('A repo can be put in place only of an empty one, or while the account is deactivated.')
      if (luggage.repo && records > 0) asked.value = luggage
      else take(luggage)
    } catch (cause) {
      attempt.problem.value = cause instanceof Error ? cause.message : String(cause)
    }
  }

  return (
    <section class="card" aria-labelledby="import-title">
      <h2 id="import-title">Bring a copy back</h2>
      <p>
        {mayImport(pod)
          ? 'A CAR file becomes the repo of this account, signed anew with your key. Blobs can come with it or later, as a tar file or one by one.'
          : 'Pictures and videos that your posts mention can be brought back at any time. To put another repo in place of this one, deactivate the account first.'}
      </p>
      {attempt.busy.value ? (
        <ProgressLine idle="Reading the file…" />
      ) : asked.value ? (
        <Ask luggage={asked.value} records={records} onYes={take} onNo={() => (asked.value = null)} />
      ) : (
        <FileDrop id="import" label="Files to bring back" multiple problem={attempt.problem.value} onFiles={choose}>
          <span class="drop-action">Choose files</span> or drop them here
        </FileDrop>
      )}
      <p role="status">{outcome.value}</p>
    </section>
  )
}

const blobLine = ({ taken, refused }: BlobCounts): string =>
  refused === 0
    ? `${formatCount(taken)} ${taken === 1 ? 'blob was' : 'blobs were'} taken in.`
    : `${formatCount(taken)} of ${formatCount(taken + refused)} blobs were taken in. No record mentions the others, or they are too large.`

interface AskProps {
  readonly luggage: Luggage
  readonly records: number
  readonly onYes: (luggage: Luggage) => void
  readonly onNo: () => void
}

const Ask = ({ luggage, records, onYes, onNo }: AskProps) => (
  <div class="aside" role="group" aria-label="Replace the repo?" tabIndex={-1} ref={useFocus()}>
    <p>
      Put <strong class="value">{luggage.repo?.name}</strong> in place of the {formatCount(records)} records that are here now? They will be
      gone.
    </p>
    <p class="form-foot">
      <button type="button" class="button button-danger" onClick={() => onYes(luggage)}>
        Replace them
      </button>
      <button type="button" class="button" onClick={onNo}>
        Keep them
      </button>
    </p>
  </div>
)
