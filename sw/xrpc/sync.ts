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
import { anyone } from '../http/auth.ts'
import { blobToResponse } from '../http/blob-response.ts'
import type { BlobService, RepoReader } from '../repo/contract.ts'
import { type Route, route } from './router.ts'

const CAR = { headers: { 'content-type': 'application/vnd.ipld.car' } }

export const syncRoutes = ({ repo, blobs }: { readonly repo: RepoReader; readonly blobs: BlobService }): Route[] => {
  const assertOwn = (did: string): void => {
    if (did !== repo.did) throw invalidRequest(`Could not find repo for DID: ${did}`, 'RepoNotFound')
  }

  return [
    route(getRepo.main, anyone, ({ params }) => {
      assertOwn(params.did)
      return new Response(repo.car(params.since), CAR)
    }),
    route(getCheckout.main, anyone, ({ params }) => {
      assertOwn(params.did)
      return new Response(repo.car(), CAR)
    }),
    route(getRecord.main, anyone, async ({ params }) => {
      assertOwn(params.did)
      return toCar(await repo.proof(params.collection, params.rkey))
    }),
    route(getBlocks.main, anyone, async ({ params }) => {
      assertOwn(params.did)
      return toCar(await repo.blocks(params.cids))
    }),
    route(getLatestCommit.main, anyone, ({ params }) => {
      assertOwn(params.did)
      const { commit, rev } = repo.head()
      return { cid: commit, rev }
    }),
    route(getHead.main, anyone, ({ params }) => {
      assertOwn(params.did)
      return { root: repo.head().commit }
    }),
    route(getRepoStatus.main, anyone, ({ params }) => {
      assertOwn(params.did)
      return { did: repo.did, active: true, rev: repo.head().rev }
    }),
    route(listRepos.main, anyone, ({ params }) => {
      // One repo is one page: whatever the cursor names, nothing comes after it.
      if (params.cursor !== undefined) return { repos: [] }
      const { commit, rev } = repo.head()
      return { repos: [{ did: repo.did, head: commit, rev, active: true }] }
    }),
    route(listBlobs.main, anyone, ({ params }) => {
      const { did, ...options } = params
      assertOwn(did)
      return blobs.list(options)
    }),
    route(getBlob.main, anyone, async ({ params, request }) => {
      assertOwn(params.did)
      const blob = await blobs.get(params.cid)
      if (!blob) throw invalidRequest('Blob not found', 'BlobNotFound')
      return blobToResponse(blob, request.headers.get('range'))
    }),
  ]
}

// TypeScript's lib asks for a view on an ArrayBuffer; a Response copies whatever it is given.
const toCar = (bytes: Uint8Array): Response => new Response(bytes as Uint8Array<ArrayBuffer>, CAR)
