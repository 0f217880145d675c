/**
 * com.atproto.sync.*: the repo for everyone who wants a copy.
 * @see https://atproto.com/specs/sync
 */
import * as getBlob from '../../lexicons/com/atproto/sync/getBlob.ts'
import * as getBlocks from '../../lexicons/com/atproto/sync/getBlocks.ts'
import * as getCheckout from '../../lexicons/com/atproto/sync/getCheckout.ts'
import * as getHead from '../../lexicons/com/atproto/sync/getHead.ts'
import * as getLatestCommit from '../../lexicons/com/atproto/sync/getLatestCommit.ts'
import * as getRecord from '../../lexicons/com/atproto/sync/getRecord.ts'
import * as getRepo from '../../lexicons/com/atproto/sync/getRepo.ts'
import * as getRepoStatus from '../../lexicons/com/atproto/sync/getRepoStatus.ts'
import * as listBlobs from '../../lexicons/com/atproto/sync/listBlobs.ts'
import * as listRepos from '../../lexicons/com/atproto/sync/listRepos.ts'
import { invalidRequest } from '../../wire/errors.ts'
import { type AccessCredentials, anyone, type Authenticator } from '../http/auth.ts'
import { always } from '../http/permissions.ts'
import { blobToResponse } from '../http/blob-response.ts'
import type { Self } from '../identity/self.ts'
import type { BlobService, RepoReader } from '../repo/contract.ts'
import { type Route, route } from './router.ts'
import { accountStatus } from './server.ts'

const CAR = { headers: { 'content-type': 'application/vnd.ipld.car' } }

export const syncRoutes = (services: {
  readonly identity: Self
  readonly authenticator: Authenticator
  readonly repo: RepoReader
  readonly blobs: BlobService
}): Route[] => {
  const { identity, authenticator, repo, blobs } = services
  const assertOwn = (did: string): void => {
    if (did !== repo.did || identity.standing === 'vacant') throw invalidRequest(`Could not find repo for DID: ${did}`, 'RepoNotFound')
  }
  /** An account that is not active is shown to nobody but itself. */
  const assertAvailable = (did: string, credentials: AccessCredentials | null): void => {
    assertOwn(did)
    if (identity.standing !== 'active' && credentials === null) throw invalidRequest(`Repo has been deactivated: ${did}`, 'RepoDeactivated')
  }

  return [
    route(getRepo.main, authenticator.readingOptional(always), ({ params, credentials }) => {
      assertAvailable(params.did, credentials)
      return new Response(repo.car(params.since), CAR)
    }),
    route(getCheckout.main, authenticator.readingOptional(always), ({ params, credentials }) => {
      assertAvailable(params.did, credentials)
      return new Response(repo.car(), CAR)
    }),
    route(getRecord.main, authenticator.readingOptional(always), async ({ params, credentials }) => {
      assertAvailable(params.did, credentials)
      return toCar(await repo.proof(params.collection, params.rkey))
    }),
    route(getBlocks.main, authenticator.readingOptional(always), async ({ params, credentials }) => {
      assertAvailable(params.did, credentials)
      return toCar(await repo.blocks(params.cids))
    }),
    route(getLatestCommit.main, authenticator.readingOptional(always), ({ params, credentials }) => {
      assertAvailable(params.did, credentials)
      const { commit, rev } = repo.head()
      return { cid: commit, rev }
    }),
    route(getHead.main, authenticator.readingOptional(always), ({ params, credentials }) => {
      assertAvailable(params.did, credentials)
      return { root: repo.head().commit }
    }),
    route(getRepoStatus.main, anyone, ({ params }) => {
      assertOwn(params.did)
      const status = accountStatus(identity.standing)
      return { did: repo.did, ...status, ...(status.active && { rev: repo.head().rev }) }
    }),
    route(listRepos.main, anyone, ({ params }) => {
      // One repo is one page: whatever the cursor names, nothing comes after it.
      if (params.cursor !== undefined || identity.standing === 'vacant') return { repos: [] }
      const { commit, rev } = repo.head()
      return { repos: [{ did: repo.did, head: commit, rev, ...accountStatus(identity.standing) }] }
    }),
    route(listBlobs.main, authenticator.readingOptional(always), ({ params, credentials }) => {
      const { did, ...options } = params
      assertAvailable(did, credentials)
      return blobs.list(options)
    }),
    route(getBlob.main, authenticator.readingOptional(always), async ({ params, request, credentials }) => {
      assertAvailable(params.did, credentials)
      const blob = await blobs.get(params.cid)
      // What no record mentions yet, the owner has not published.
      if (blob?.rev === undefined) throw invalidRequest('Blob not found', 'BlobNotFound')
      return blobToResponse(blob, request.headers.get('range'))
    }),
  ]
}

// TypeScript's lib asks for a view on an ArrayBuffer; a Response copies whatever it is given.
const toCar = (bytes: Uint8Array): Response => new Response(bytes as Uint8Array<ArrayBuffer>, CAR)
