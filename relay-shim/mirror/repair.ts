/**
 * Brings the mirror from one tree to another by what differs, as a fetch in git does: the tab names its newest commit, and the room asks for what it lacks, from
 * the commit down. Nothing is stored before all of it was checked; what comes out has the form of a commit, and lands like one.
 */
import type { MirrorHead } from '../../wire/frames.ts'
import { MAX_ASKED_CIDS, MAX_REPAIR_BLOCKS } from '../../wire/limits.ts'
import { Refused } from '../refused.ts'
import { blobsOf } from './blob-refs.ts'
import { type BlockPull, tooDifferent } from './block-pull.ts'
import type { Blocks } from './blocks.ts'
import { type Commit, parseCommit } from './commit.ts'
import { type TreeDifference, compareTrees } from './tree-difference.ts'
import type { RecordChange, VerifiedCommit } from './verify.ts'

/**
 * What leads from the tree `before` to the one of `head`.
 * @param check of the new commit: whose it is, and by which key it is signed
 * @throws Refused BadBlocks | BadProof | TooDifferent, and what `check` throws
 */
export const pullDifference = async (
  head: MirrorHead,
  before: MirrorHead,
  blocks: Blocks,
  tab: BlockPull,
  check: (commit: Commit) => Promise<void>,
): Promise<VerifiedCommit> => {
  const pulled = new Map(await tab.pull([head.commit]))
  const commit = parseCommit(pulled.get(head.commit) ?? new Uint8Array(0))
  await check(commit)
  if (commit.data !== head.data) throw new Refused('BadProof', 'The tree of the commit is not the announced one.')

  const difference = await compareTrees(
    { old: before.data, new: head.data },
    { old: (cids) => readOwn(blocks, cids), new: (cids) => tab.pull(cids) },
  )
  for (const [cid, block] of difference.nodesIn) pulled.set(cid, block)
  const changed = changesOf(difference)
  if (changed.length > MAX_REPAIR_BLOCKS) throw tooDifferent(`more than ${MAX_REPAIR_BLOCKS} records`)
  const mentions = await pullRecords(changed, blocks, tab, pulled)
  return {
    head,
    changes: changed.map(({ path, cid, prev }) => ({ path, cid, prev, blobs: mentions.get(cid ?? '') ?? [] })),
    blocks: pulled,
    nodesIn: new Set(difference.nodesIn.keys()),
    nodesOut: difference.nodesOut,
  }
}

type Changed = Omit<RecordChange, 'blobs'>

/** A path that one side has in a node of its own the other side has in such a node too, or not at all: what both share is in neither. */
const changesOf = ({ recordsIn, recordsOut }: TreeDifference): readonly Changed[] => {
  const changed: Changed[] = []
  for (const [path, cid] of recordsIn) {
    const prev = recordsOut.get(path) ?? null
    if (cid !== prev) changed.push({ path, cid, prev })
  }
  for (const [path, prev] of recordsOut) if (!recordsIn.has(path)) changed.push({ path, cid: null, prev })
  return changed
}

/** Adds to `pulled` the records that are not here under any path. @returns the blobs that each new record mentions */
const pullRecords = async (
  changed: readonly Changed[],
  blocks: Blocks,
  tab: BlockPull,
  pulled: Map<string, Uint8Array>,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const mentions = new Map<string, readonly string[]>()
  const cids = [...new Set(changed.flatMap(({ cid }) => cid ?? []))]
  for (let at = 0; at < cids.length; at += MAX_ASKED_CIDS) {
    const batch = cids.slice(at, at + MAX_ASKED_CIDS)
    const own = await blocks.getMany(batch)
    for (const [cid, { bytes }] of own) mentions.set(cid, blobsOf({ cid, bytes }))
    for (const [cid, bytes] of await tab.pull(batch.filter((cid) => !own.has(cid)))) {
      mentions.set(cid, blobsOf({ cid, bytes }))
      pulled.set(cid, bytes)
    }
  }
  return mentions
}

/** @throws Refused TooDifferent when the mirror itself is not whole: a snapshot takes the place of all of it. */
const readOwn = async (blocks: Blocks, cids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> => {
  const own = new Map<string, Uint8Array>()
  for (const [cid, { bytes }] of await blocks.getMany(cids)) own.set(cid, bytes)
  const missing = cids.find((cid) => !own.has(cid))
  if (missing === undefined) return own
  throw new Refused('TooDifferent', `The mirror has lost block ${missing}: only a snapshot mends it.`)
}
