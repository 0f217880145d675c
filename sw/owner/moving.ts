/** Moving in by files: the repo as CAR, and blobs. */
import { cidForRawHash } from '@atproto/lex-data'
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_BLOB_BYTES } from '../../wire/limits.ts'
import type { Activity, PodSummary } from '../../wire/owner.ts'
import type { Pod } from '../app.ts'
import type { BlobService } from '../repo/contract.ts'

type OnProgress = (progress: Extract<Activity, { kind: 'progress' }>) => void

const MISSING_PAGE = 500

/**
 * Its signature is not looked at: a file may be years old, and no directory remembers its key; it is signed anew here.
 * @throws XrpcError 400 AccountNotHere (vacant) | RepoNotEmpty, and what `RepoImporter.import` throws
 */
export const importRepo = async (pod: Pod, car: Blob, onProgress: OnProgress): Promise<PodSummary> => {
  const { standing } = pod.identity
  if (standing === 'vacant') throw invalidRequest('No account has moved in yet', 'AccountNotHere')
  if (standing === 'active' && !pod.repo.isEmpty())
    throw invalidRequest(
      'People read the records that are here: deactivate the account before another repo takes their place',
      'RepoNotEmpty',
    )
  await pod.repo.import(car.stream(), { onProgress: ({ records }) => onProgress({ kind: 'progress', work: 'records', done: records }) })
  return pod.summary()
}

/** What no record mentions is refused; what is here already counts as taken. @throws XrpcError 413 | 507 StorageFull: those before it are kept */
export const importBlobs = async (
  { blobs }: Pod,
  files: readonly Blob[],
  onProgress: OnProgress,
): Promise<{ readonly taken: number; readonly refused: number }> => {
  const missing = await missingBlobs(blobs)
  let taken = 0
  for (const [done, file] of files.entries()) {
    if (await takeBlob(file, blobs, missing)) taken += 1
    onProgress({ kind: 'progress', work: 'blobs', done: done + 1, total: files.length })
  }
  return { taken, refused: files.length - taken }
}

const takeBlob = async (file: Blob, blobs: BlobService, missing: ReadonlySet<string>): Promise<boolean> => {
  if (file.size > MAX_BLOB_BYTES) return false
  // Named before it is stored: the wrong files must not fill the browser.
  const cid = String(cidForRawHash(new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))))
  if (!missing.has(cid)) return (await blobs.get(cid)) !== null
  await blobs.upload(file.stream(), { mime: file.type })
  return true
}

const missingBlobs = async (blobs: Pick<BlobService, 'missing'>): Promise<ReadonlySet<string>> => {
  const cids = new Set<string>()
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await blobs.missing({ limit: MISSING_PAGE, ...(cursor !== undefined && { cursor }) })
    for (const { cid } of page.blobs) cids.add(cid)
    cursor = page.cursor
  }
  return cids
}
