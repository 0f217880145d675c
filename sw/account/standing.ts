/**
 * How the account stands: activated where its DID document points here, deactivated when the owner says so, and what is still missing.
 * @see https://atproto.com/specs/account
 */
import { invalidRequest } from '../../wire/errors.ts'
import type { Self } from '../identity/self.ts'
import type { BlobService, RepoReader, RepoWriter } from '../repo/contract.ts'

export interface AccountStatus {
  readonly activated: boolean
  /** Whether the DID document names this pod's key and address. */
  readonly validDid: boolean
  readonly repoCommit: string
  readonly repoRev: string
  readonly repoBlocks: number
  readonly indexedRecords: number
  readonly privateStateValues: number
  readonly expectedBlobs: number
  readonly importedBlobs: number
}

export interface AccountStanding {
  status(): Promise<AccountStatus>
  /** Says so to the world, also when it is active already. @throws XrpcError 400 InvalidRequest where the DID document points elsewhere, or cannot be had */
  activate(): Promise<void>
  /**
   * @param deleteAfter ISO 8601: how long the owner wants it kept. Nothing is deleted by itself: the keys of a did:plc and of this address could not be
   *   brought back, so the owner is reminded in the app and deletes it there.
   */
  deactivate(deleteAfter?: string): Promise<void>
}

export const standingOf = (parts: {
  readonly identity: Self
  readonly repo: Pick<RepoReader, 'head' | 'blockCounts'> & Pick<RepoWriter, 'announce'>
  readonly blobs: Pick<BlobService, 'counts'>
  /** Rejects with an XrpcError where the DID document, asked for anew, does not name this pod's key and address. */
  readonly assertPointsHere: () => Promise<void>
  readonly now: () => number
}): AccountStanding => {
  const { identity, repo, blobs, assertPointsHere, now } = parts
  return {
    async status() {
      const { commit, rev } = repo.head()
      const [{ blocks, records }, { expected, imported }, validDid] = await Promise.all([
        repo.blockCounts(),
        blobs.counts(),
        assertPointsHere().then(
          () => true,
          () => false,
        ),
      ])
      return {
        activated: identity.standing === 'active',
        validDid,
        repoCommit: commit,
        repoRev: rev,
        repoBlocks: blocks,
        indexedRecords: records,
        privateStateValues: 0,
        expectedBlobs: expected,
        importedBlobs: imported,
      }
    },

    async activate() {
      if (identity.standing === 'vacant') throw invalidRequest('user not found', 'AccountNotFound')
      await assertPointsHere()
      if (identity.standing !== 'active') await identity.stand({ standing: 'active', since: now() })
      await repo.announce({ kind: 'account', active: true })
      await repo.announce({ kind: 'identity', handle: identity.handle })
      await repo.announce({ kind: 'sync' })
    },

    async deactivate(deleteAfter) {
      const { standing } = identity
      const kept = deleteAfter === undefined ? {} : { deleteAfter }
      // An account that is still arriving was never active here: there is nothing to take back.
      if (standing === 'arriving') return identity.stand({ ...identity.account, ...kept })
      await identity.stand({ standing: 'deactivated', since: standing === 'deactivated' ? identity.account.since : now(), ...kept })
      await repo.announce({ kind: 'account', active: false, status: 'deactivated' })
    },
  }
}
