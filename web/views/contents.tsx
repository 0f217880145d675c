/** What the pod holds, and whether the browser promises to keep it. */
import { useEffect } from 'preact/hooks'
import type { PodSummary } from '../../wire/owner.ts'
import { collectionName, countRecords } from '../state/collection.ts'
import { formatBytes, formatCount } from '../state/size.ts'
import { say } from '../state/spoken.ts'
import { askToKeep, readStorage, storage } from '../state/storage.ts'

export const Contents = ({ pod }: { readonly pod: PodSummary }) => {
  const records = countRecords(pod)
  return (
    <section class="card" aria-labelledby="contents-title">
      <h2 id="contents-title">Contents</h2>
      <dl class="numbers">
        <Figure term="Records" value={formatCount(records)} />
        <Figure term="Blobs" value={formatCount(pod.blobs.count)} note={pod.blobs.bytes > 0 ? formatBytes(pod.blobs.bytes) : undefined} />
        <Figure term="Waiting to send" value={formatCount(pod.outbox)} />
      </dl>
      {pod.collections.length > 0 && (
        <ul class="collections" aria-label="Records per collection">
          {pod.collections.map(({ name, count }) => (
            <li key={name}>
              <span>
                {collectionName(name) ?? name}
                {collectionName(name) && <span class="nsid mono">{name}</span>}
              </span>
              <strong>{formatCount(count)}</strong>
            </li>
          ))}
        </ul>
      )}
      <StorageLine />
    </section>
  )
}

const Figure = ({ term, value, note }: { readonly term: string; readonly value: string; readonly note?: string | undefined }) => (
  <div>
    <dt>
      {term} {note && <span class="nowrap">{note}</span>}
    </dt>
    <dd>{value}</dd>
  </div>
)

const StorageLine = () => {
  useEffect(() => void readStorage(), [])
  const state = storage.value
  const kept = state !== null && state !== 'unknown' && state.kept
  return (
    <div class="storage" data-testid="storage" data-kept={kept}>
      {state === 'unknown' && <p>Storage: this browser does not say whether it keeps it.</p>}
      {state !== null && state !== 'unknown' && (
        <p>
          {kept ? 'Storage: kept until you clear it.' : 'Storage: the browser may clear it when the disk runs full.'}{' '}
          <span class="quiet">
            {formatBytes(state.usedBytes)} of {formatBytes(state.quotaBytes)} used
          </span>
        </p>
      )}
      {state !== null && !kept && (
        <button type="button" class="button-small" onClick={() => void ask()}>
          Ask it to keep
        </button>
      )}
    </div>
  )
}

const ask = async (): Promise<void> => {
  say(
    (await askToKeep()) ? 'The browser will keep your data.' : 'The browser did not promise it. Bookmarking or installing this site helps.',
  )
}
