/** Moving in by files: the repo as CAR, and blobs. */
import type { Activity, PodSummary } from '../../wire/owner.ts'
import type { Pod } from '../app.ts'

type OnProgress = (progress: Extract<Activity, { kind: 'progress' }>) => void

/** @throws what `RepoImporter.import` throws */
export const importRepo = async (pod: Pod, car: Blob, onProgress: OnProgress): Promise<PodSummary> => {
  await pod.repo.import(car.stream(), { onProgress: ({ records }) => onProgress({ kind: 'progress', work: 'records', done: records }) })
  return pod.summary()
}

/** Keeps what records mention. @throws XrpcError 413 | 507 StorageFull: those before it are kept */
export const importBlobs = async (
  { blobs }: Pod,
  files: readonly Blob[],
  onProgress: OnProgress,
): Promise<{ readonly taken: number; readonly refused: number }> => {
  const { imported: before } = await blobs.counts()
  for (const [done, file] of files.entries()) {
    await blobs.upload(file.stream(), { mime: file.type || 'application/octet-stream', length: file.size })
    onProgress({ kind: 'progress', work: 'blobs', done: done + 1, total: files.length })
  }
  const { imported } = await blobs.counts()
  return { taken: imported - before, refused: files.length - (imported - before) }
}
