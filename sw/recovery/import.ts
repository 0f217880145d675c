/** The owner's own files, taken in: a repo as CAR, and the blobs that its records mention. */
import { cidForRawHash } from '@atproto/lex-data'
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_BLOB_BYTES } from '../../wire/limits.ts'
import type { Self } from '../identity/self.ts'
import type { BlobService, RepoImporter, RepoReader } from '../repo/contract.ts'
import type { Progress } from './check.ts'

const MISSING_PAGE = 500

export interface ImportParts {
  readonly identity: Pick<Self, 'standing'>
  readonly repo: RepoImporter & Pick<RepoReader, 'isEmpty'>
  readonly blobs: Pick<BlobService, 'get' | 'upload' | 'missing'>
  readonly onProgress?: (progress: Progress) => void
}

/**
 * Its signature is not looked at: an owner may have no directory to ask for the key of a file that is years old, and it is signed anew here.
 * @throws XrpcError 400 AccountNotHere (vacant) | RepoNotEmpty, and what the importer refuses
 */
export const importOwnRepo = async (car: Blob, { identity, repo, onProgress }: ImportParts): Promise<void> => {
  if (identity.standing === 'vacant') throw invalidRequest('No account has moved in yet', 'AccountNotHere')
  if (identity.standing === 'active' && !repo.isEmpty())
    throw invalidRequest(
      'There are records here that people read: deactivate the account before you put another repo in their place',
      'RepoNotEmpty',
    )
  await repo.import(car.stream(), { onProgress: ({ records }) => onProgress?.({ kind: 'progress', work: 'records', done: records }) })
}

/** What no record mentions is refused, unread files too. What is here already counts as taken. @throws XrpcError 507 StorageFull | 413 BlobQuotaExceeded */
export const importOwnBlobs = async (
  files: readonly Blob[],
  { blobs, onProgress }: ImportParts,
): Promise<{ readonly taken: number; readonly refused: number }> => {
  const missing = await missingBlobs(blobs)
  let taken = 0
  for (const [at, file] of files.entries()) {
    if (await takeBlob(file, blobs, missing)) taken += 1
    onProgress?.({ kind: 'progress', work: 'blobs', done: at + 1, total: files.length })
  }
  return { taken, refused: files.length - taken }
}

const takeBlob = async (file: Blob, blobs: ImportParts['blobs'], missing: ReadonlySet<string>): Promise<boolean> => {
  if (file.size > MAX_BLOB_BYTES) return false
  const bytes = await file.arrayBuffer().catch(() => null)
  if (!bytes) return false
  // Named before it is stored: a stranger's file must not fill the browser.
  const cid = String(cidForRawHash(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))))
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
