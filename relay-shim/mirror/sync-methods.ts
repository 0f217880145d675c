/** `com.atproto.sync.*` but for the event stream. @see https://atproto.com/specs/sync */
import { invalidRequest } from '../../wire/errors.ts'
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
import { serveBlob } from './blob-answer.ts'
import { type Block, writeCar } from './car.ts'
import { exportRepo } from './export.ts'
import { unlessKnown } from './etag.ts'
import { isMentioned, mentionedBlobs } from './mentions.ts'
import { type Method, type MirrorView, isOwn, json, method, requireRepo } from './method.ts'
import { parseNode } from './node.ts'

export const syncMethods: readonly Method[] = [
  method(getRepo, (view, { did, since }, request) => {
    requireRepo(view, did)
    return unlessKnown(request, view.head.commit, () => car(exportRepo(view.blocks, view.head, since)))
  }),

  method(getCheckout, (view, { did }) => {
    requireRepo(view, did)
    return car(exportRepo(view.blocks, view.head))
  }),

  method(getRecord, (view, { did, collection, rkey }, request) => {
    requireRepo(view, did)
    return unlessKnown(request, view.head.commit, async () => car(writeCar(view.head.commit, await proof(view, `${collection}/${rkey}`))))
  }),

  method(getBlocks, async (view, { did, cids }) => {
    requireRepo(view, did)
    const found = await view.blocks.getMany(cids)
    const missing = cids.filter((cid) => !found.has(cid))
    if (missing.length > 0) throw invalidRequest(`Could not find cids: ${missing.join(',')}`, 'BlockNotFound')
    return car(
      writeCar(
        null,
        [...found].map(([cid, { bytes }]) => ({ cid, bytes })),
      ),
    )
  }),

  method(getLatestCommit, (view, { did }, request) => {
    requireRepo(view, did)
    const { commit: cid, rev } = view.head
    return unlessKnown(request, cid, () => json({ cid, rev }))
  }),

  method(getHead, (view, { did }) => {
    requireRepo(view, did)
    return { root: view.head.commit }
  }),

  method(getRepoStatus, (view, { did }) => {
    if (!isOwn(view, did)) throw invalidRequest(`Could not find repo for DID: ${did}`, 'RepoNotFound')
    return { did, ...accountStatus(view), ...(view.account.active && { rev: view.head.rev }) }
  }),

  method(listRepos, (view, { cursor }) => {
    const repo = { did: view.identity.did, head: view.head.commit, rev: view.head.rev, ...accountStatus(view) }
    // The cursor names the repo before; after the only one there is none.
    return cursor === undefined ? { cursor: view.identity.did, repos: [repo] } : { repos: [] }
  }),

  method(listBlobs, async (view, { did, since, limit = 500, cursor }) => {
    requireRepo(view, did)
    const cids: string[] = []
    for await (const cid of mentionedBlobs(view.port.storage, view.keys, { after: cursor, since })) if (cids.push(cid) === limit) break
    const last = cids.at(-1)
    return { cids, ...(last !== undefined && { cursor: last }) }
  }),

  method(getBlob, async (view, { did, cid }, request) => {
    requireRepo(view, did)
    const row = await view.blobs.use(cid)
    if (row && !row.evicted) {
      const response = await unlessKnown(request, cid, () =>
        serveBlob({ storage: view.port.storage, recent: view.blobs.recent }, cid, row, request),
      )
      if (response) return response
    }
    // The tab may have it, now or when it comes back, if any record mentions it.
    if (view.online || (await isMentioned(view.port.storage, view.keys, cid))) return null
    throw invalidRequest('Blob not found', 'BlobNotFound')
  }),
]

const car = (body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>): Response =>
  new Response(body, { headers: { 'content-type': 'application/vnd.ipld.car' } })

/** `status` says why an account is not active. */
const accountStatus = ({ account }: MirrorView): { active: boolean; status?: string } => ({
  active: account.active,
  ...(!account.active && account.status !== null && { status: account.status }),
})

/** The commit and the nodes on the way to `path`, and the record where there is one: it is, or it is not, in the repo. */
const proof = async (view: MirrorView, path: string): Promise<Block[]> => {
  const blocks: Block[] = []
  const take = async (cid: string): Promise<Uint8Array> => {
    const block = await view.blocks.get(cid)
    if (!block) throw new Error(`mirror: block ${cid} is gone`)
    blocks.push({ cid, bytes: block.bytes })
    return block.bytes
  }
  await take(view.head.commit)
  for (let cid: string | null = view.head.data; cid !== null;) {
    const node = parseNode(await take(cid))
    const after = node.keys.findIndex((key) => key >= path)
    const at = after < 0 ? node.keys.length : after
    const value = node.values[at]
    if (node.keys[at] === path && value !== undefined) {
      await take(value)
      break
    }
    cid = node.subtrees[at] ?? null
  }
  return blocks
}
