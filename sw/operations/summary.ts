/** What the owner's page shows of the pod. */
import type { PodSummary } from '../../wire/owner.ts'
import type { AccountServices } from '../account-services.ts'
import type { Self } from '../identity/self.ts'
import type { BlobService } from '../repo/contract.ts'
import type { Repo } from '../repo/repo.ts'
import type { Store } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import { countOutbox } from './inspection.ts'

export const summaryOf = async (parts: {
  readonly store: Store
  readonly identity: Self
  readonly repo: Repo
  readonly blobs: BlobService
  readonly email: AccountServices['email']
}): Promise<PodSummary> => {
  const { store, identity, repo, blobs } = parts
  const { did, handle, origin, createdAt, standing, account: row } = identity
  const [collections, totals, mentions, outbox, email, recovery] = await Promise.all([
    repo.collections(),
    blobs.totals(),
    standing === 'arriving' ? blobs.counts() : null,
    countOutbox(repo),
    parts.email.current(),
    readPod(store, 'recovery'),
  ])
  return {
    did,
    handle,
    origin,
    createdAt,
    standing,
    ...(row.inviteCode !== undefined && { inviteCode: row.inviteCode }),
    ...(row.deleteAfter !== undefined && { deleteAfter: row.deleteAfter }),
    ...email,
    ...(recovery && { recoveryFileAt: new Date(recovery.at).toISOString() }),
    rev: repo.head().rev,
    collections,
    blobs: { ...totals, ...(mentions && { missing: mentions.expected - mentions.imported }) },
    outbox,
  }
}
