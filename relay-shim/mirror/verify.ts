/**
 * Whether a commit may be mirrored and broadcast: hashes, signature, and the inductive proof that its ops lead from the tree before to the tree after.
 * @see https://atproto.com/specs/sync#commit-validation
 */
import type { CommitEvent, RepoOp } from '../../wire/event.ts'
import type { MirrorHead } from '../../wire/frames.ts'
import { Refused } from '../refused.ts'
import { blobsOf } from './blob-refs.ts'
import { readCar } from './car.ts'
import { cidAt, cidOfBlock } from './cid.ts'
import { type SignatureCheck, checkCommit, parseCommit } from './commit.ts'
import { isTreeKey, writeNode } from './node.ts'
import { PartialTree } from './tree.ts'

export interface RecordChange {
  readonly path: string
  /** null: deleted. */
  readonly cid: string | null
  readonly prev: string | null
  /** CIDs of the blobs the new record mentions. */
  readonly blobs: readonly string[]
}

/** What a verified commit does to the mirror. */
export interface VerifiedCommit {
  readonly head: MirrorHead
  readonly changes: readonly RecordChange[]
  /** Commit, new tree nodes and new records, by CID: views into the event. */
  readonly blocks: ReadonlyMap<string, Uint8Array>
  /** Tree nodes that the commit put in, and those it took out. */
  readonly nodesIn: ReadonlySet<string>
  readonly nodesOut: ReadonlySet<string>
}

export interface Ground {
  readonly did: string
  readonly head: MirrorHead | null
  readonly verify: SignatureCheck
  readonly nowMs: number
}

/** @throws Refused WrongRepo | BadBlocks | BadRev | BadSignature | OutOfSync | BadProof */
export const verifyCommit = async (event: CommitEvent, ground: Ground): Promise<VerifiedCommit> => {
  if (event.repo !== ground.did) throw new Refused('WrongRepo', `The event is of ${event.repo}; this room belongs to ${ground.did}.`)
  const commitCid = cidAt(event.commit.bytes, 0)
  const { blocks, commit } = await readCommit(event.blocks, commitCid)
  await checkCommit(commit, { ...ground, rev: event.rev })
  checkPlace(event, ground.head)
  const head = { rev: event.rev, commit: commitCid, data: commit.data }
  try {
    const tree = new PartialTree((cid) => blocks.get(cid), commit.data)
    const changes = event.ops.map((op) => readChange(op, tree, blocks))
    for (const change of changes.toReversed()) undo(change, tree)
    const { root, written, replaced } = await tree.seal()
    const before = event.prevData ? cidAt(event.prevData.bytes, 0) : await emptyTree()
    if (root !== before) throw new Error(`undoing the ops leads to ${root}, not to ${before}`)
    // Nobody removes the empty tree's node from a repo that starts empty, so nobody would put it in either.
    const nodesIn = ground.head ? replaced : new Set([...replaced, commit.data])
    return { head, changes, blocks, nodesIn, nodesOut: ground.head ? written : new Set() }
  } catch (cause) {
    throw cause instanceof Refused ? cause : new Refused('BadProof', `The ops do not prove the new tree: ${messageOf(cause)}.`, { cause })
  }
}

/** A CAR of one commit, perhaps with more. @throws Refused BadBlocks */
export const readCommit = async (
  car: Uint8Array,
  commitCid: string,
): Promise<{ blocks: Map<string, Uint8Array>; commit: ReturnType<typeof parseCommit> }> => {
  const { root, blocks } = await readCar(car).catch((cause: unknown) => {
    throw new Refused('BadBlocks', `The blocks are no valid CAR: ${messageOf(cause)}.`, { cause })
  })
  const block = blocks.get(commitCid)
  if (root !== commitCid || !block) throw new Refused('BadBlocks', 'The root of the CAR is not the commit.')
  return { blocks, commit: parseCommit(block) }
}

const checkPlace = (event: CommitEvent, head: MirrorHead | null): void => {
  const prevData = event.prevData ? cidAt(event.prevData.bytes, 0) : null
  const follows = head
    ? event.since === head.rev && prevData === head.data && event.rev > head.rev
    : event.since === null && prevData === null
  if (!follows)
    throw new Refused('OutOfSync', `The commit follows ${event.since ?? 'nothing'}; the mirror is at ${head?.rev ?? 'nothing'}.`)
}

const readChange = (op: RepoOp, tree: PartialTree, blocks: ReadonlyMap<string, Uint8Array>): RecordChange => {
  const { path } = op
  const cid = op.cid && cidAt(op.cid.bytes, 0)
  const prev = op.prev ? cidAt(op.prev.bytes, 0) : null
  if (!isTreeKey(path)) throw new Error(`${path} is not a record path`)
  if ((op.action === 'delete') !== (cid === null) || (op.action === 'create') !== (prev === null))
    throw new Error(`${op.action} of ${path} with the wrong CIDs`)
  if (tree.get(path) !== cid) throw new Error(`the tree does not say of ${path} what the op says`)
  return { path, cid, prev, blobs: cid === null ? [] : blobsOfRecord(cid, blocks) }
}

/** @throws Refused BadBlocks */
const blobsOfRecord = (cid: string, blocks: ReadonlyMap<string, Uint8Array>): readonly string[] => {
  const bytes = blocks.get(cid)
  if (!bytes) throw new Refused('BadBlocks', `The block of record ${cid} is missing.`)
  return blobsOf({ cid, bytes })
}

const undo = ({ path, cid, prev }: RecordChange, tree: PartialTree): void => {
  if (prev === null) tree.remove(path)
  else if (cid === null) tree.insert(path, prev)
  else tree.update(path, prev)
}

const EMPTY_NODE = writeNode({ keys: [], values: [], subtrees: [null] })
const emptyTree = (): Promise<string> => cidOfBlock(EMPTY_NODE)
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
