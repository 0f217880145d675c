/**
 * The state of the repo out of the store: the checkpointed tree, and on top of it the commits of the event log, which is the write-ahead log.
 * Everything in memory can be thrown away and read again by this.
 */
import { parseCid } from '@atproto/lex-data'
import { BlockMap, DataDiff, MemoryBlockstore, MST, readCarWithRoot, SyncStorage } from '@atproto/repo'
import { XrpcError } from '../../wire/errors.ts'
import { decodeEvent } from '../../wire/event.ts'
import { readAnswers } from '../store/answers.ts'
import { lastEvent, readEvent, readEventsAfter } from '../store/events.ts'
import type { Store } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import type { EventRow, Head, PodRows } from '../store/schema.ts'
import type { WriteOutcome } from './contract.ts'
import { NodeLog } from './node-log.ts'
import type { Tip } from './plan.ts'

/** What is true: moved on by each landing, replaced as a whole when someone else has written. */
export interface Landed {
  tip: Tip & { readonly head: Head }
  readonly nodes: NodeLog
  checkpoint: PodRows['checkpoint'] | undefined
  /** Where the repo was imported. */
  readonly base: PodRows['base'] | undefined
  /** Outcomes of recent writes by idempotency key. */
  readonly answers: Map<string, { readonly at: number; readonly outcome: WriteOutcome }>
}

/** @throws XrpcError 404 `RepoNotFound` where no repo was created yet. */
export const resume = async (store: Store): Promise<Landed> => {
  const [head, checkpoint, base, answers, last] = await Promise.all([
    readPod(store, 'head'),
    readPod(store, 'checkpoint'),
    readPod(store, 'base'),
    readAnswers(store),
    lastEvent(store),
  ])
  if (!head) throw new XrpcError(404, 'RepoNotFound', 'There is no repo in this browser profile yet.')
  const nodes = new NodeLog(store, head.generation ?? 0)
  const replayed = async (): Promise<void> => {
    if (checkpoint?.data !== head.data) await replay(nodes, checkpoint, head, await readEventsAfter(store, checkpoint?.event ?? 0))
  }
  const [commitBlock] = await Promise.all([base?.commit === head.commit ? base.block : readCommitBlock(store, head), replayed()])
  return {
    tip: {
      tree: MST.load(nodes, parseCid(head.data)),
      head,
      commitBlock,
      event: Math.max(head.event, last),
    },
    nodes,
    checkpoint,
    base,
    // Only `land` writes answers, and only what the repo service gave it.
    answers: new Map(answers.map(({ key, at, outcome }) => [key, { at, outcome: outcome as WriteOutcome }])),
  }
}

/** Before the first commit: the tree is empty. */
export const emptyTip = async (store: Store): Promise<Tip> => ({
  tree: await MST.create(new NodeLog(store, 0)),
  head: null,
  commitBlock: new Uint8Array(0),
  event: 0,
})

/** Takes the nodes out of the logged commits and keeps those that the head's tree has and the checkpoint has not. */
const replay = async (
  nodes: NodeLog,
  checkpoint: PodRows['checkpoint'] | undefined,
  head: Head,
  rows: readonly EventRow[],
): Promise<void> => {
  const logged = new BlockMap()
  for (const row of rows) if (row.kind === 'commit') logged.addMap((await blocksOf(row)).blocks)
  const both = new SyncStorage(new MemoryBlockstore(logged), nodes)
  const before = checkpoint ? MST.load(both, parseCid(checkpoint.data)) : null
  const diff = await DataDiff.of(MST.load(both, parseCid(head.data)), before)
  // `removedCids` names records too; `nodes` has none, so dropping them does nothing.
  nodes.apply(new Map(diff.newMstBlocks.entries().map((block) => [String(block.cid), block])), diff.removedCids.toList().map(String))
}

const readCommitBlock = async (store: Store, { event, commit }: Head): Promise<Uint8Array> => {
  const row = await readEvent(store, event)
  const block = row && (await blocksOf(row)).blocks.get(parseCid(commit))
  if (!block) throw new XrpcError(500, 'RepoDamaged', `Event ${event} does not carry commit ${commit}`)
  return block.slice()
}

/** Blocks of a logged commit; they were hashed when they were made, so they are not hashed again. */
export const blocksOf = (row: EventRow): ReturnType<typeof readCarWithRoot> => {
  const event = decodeEvent(row.body)
  if (event.kind !== 'commit') throw new XrpcError(500, 'RepoDamaged', `Event ${row.event} is no commit`)
  return readCarWithRoot(event.blocks, { skipCidVerification: true })
}
