/**
 * Takes back commits that this pod signed and has lost (a power cut under relaxed durability, a profile put back from a copy): the mirror still has them.
 * They become one row of the log, as if they had landed at once; nothing of it is sent, since the room is where it comes from.
 */
import { asMultiformatsCID, enumBlobRefs, type LexMap, parseCid } from '@atproto/lex-data'
import { BlockMap, DataDiff, MemoryBlockstore, MST, readCarWithRoot, SyncStorage } from '@atproto/repo'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as v from 'valibot'
import { XrpcError } from '../../wire/errors.ts'
import { encodeEvent } from '../../wire/event.ts'
import { MAX_COMMIT_BLOCKS_BYTES } from '../../wire/limits.ts'
import type { RecordChange } from '../store/land.ts'
import type { Head, TreeCounts } from '../store/schema.ts'
import { readCar } from './car-reader.ts'
import type { Plan } from './landing.ts'
import { type Author, outcomeOf } from './plan.ts'
import { isPlainRecord } from './record-scan.ts'
import type { Landed } from './resume.ts'

const commitObject = v.looseObject({
  did: v.string(),
  rev: v.string(),
  data: v.instance(CID),
  sig: v.instance(Uint8Array),
  version: v.literal(3),
})

export interface Lost {
  /** CAR of everything newer than our head, as `getRepo?since` gives it. */
  readonly car: Uint8Array
  /** The last event the room has; ours go on above it. */
  readonly event: number
}

/** @throws XrpcError 503 `RepoBehindMirror` when the CAR is not a newer commit of ours, or not whole. */
export const planAdoption = async (author: Author, { tip, nodes }: Landed, { car, event: roomEvent }: Lost): Promise<Plan> => {
  // A row of the log is read back as an event, and no event is larger.
  if (car.length > MAX_COMMIT_BLOCKS_BYTES) throw unfit(`they are ${car.length} bytes, more than one row of the log may hold`)
  // Whatever is wrong with what came, nothing changes here.
  const { root, blocks } = await readCarWithRoot(car).catch(refuse)
  const stored = blocks.get(root)
  const commitBlock = stored && new Uint8Array(stored)
  if (!commitBlock) throw unfit('it lacks its commit')
  const { sig, ...unsigned } = v.parse(commitObject, decode(commitBlock))
  if (unsigned.did !== author.did || unsigned.rev <= tip.head.rev) throw unfit('it is not newer than what is here')
  if (!(await author.vault.verify(encode(unsigned), sig))) throw unfit('it is not signed by the key of this pod')

  const both = new SyncStorage(new MemoryBlockstore(blocks), nodes)
  const diff = await DataDiff.of(MST.load(both, parseCid(String(unsigned.data))), tip.tree).catch(refuse)
  const event = Math.max(tip.event + 1, roomEvent)
  const counts = tip.head.counts && countsAfter(tip.head.counts, diff)
  const head: Head = { ...tip.head, commit: String(root), rev: unsigned.rev, data: String(unsigned.data), event, ...(counts && { counts }) }
  const body = encodeEvent({
    kind: 'commit',
    repo: author.did,
    commit: asMultiformatsCID(root),
    rev: head.rev,
    since: tip.head.rev,
    prevData: CID.parse(tip.head.data),
    // The log is read for its blocks; what the ops were the world knows already.
    ops: [],
    blocks: new Uint8Array(car),
    blobs: [],
  })
  const row = { event, kind: 'commit' as const, at: author.now(), rev: head.rev, since: tip.head.rev, body: new Uint8Array(body) }
  const added = new Map(diff.newMstBlocks.entries().map((block) => [String(block.cid), block]))
  return {
    tip: { tree: MST.load(nodes, parseCid(head.data)), head, commitBlock, event },
    outcome: outcomeOf(head, []),
    commit: {
      tip: { tree: tip.tree, head, commitBlock, event },
      event: row,
      changes: changesOf(diff, blocks, head.rev),
      // `removedCids` names records too; `nodes` has none, so dropping them does nothing.
      nodes: { data: parseCid(head.data), added, removed: diff.removedCids.toList().map(String) },
    },
    event: row,
  }
}

const countsAfter = ({ records, nodes }: TreeCounts, diff: DataDiff): TreeCounts => {
  // `removedCids` names records too.
  const gone = new Set([...diff.deleteList().map(({ cid }) => String(cid)), ...diff.updateList().map(({ prev }) => String(prev))])
  const removed = diff.removedCids.toList().filter((cid) => !gone.has(String(cid)))
  return {
    records: records + diff.addList().length - diff.deleteList().length,
    nodes: nodes + diff.newMstBlocks.size - removed.length,
  }
}

/** CIDs of the blobs that the records of `car` mention, as it comes: they must be here before the records are. */
export async function* blobsMentioned(car: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const seen = new Set<string>()
  for await (const { blocks } of readCar(car)) {
    for (const { bytes } of blocks) {
      if (isPlainRecord(bytes)) continue
      const fresh = blobsOf(bytes).filter((cid) => !seen.has(cid))
      for (const cid of fresh) seen.add(cid)
      yield* fresh
    }
  }
}

const changesOf = (diff: DataDiff, blocks: BlockMap, rev: string): RecordChange[] => [
  ...[...diff.addList(), ...diff.updateList()].map((change) => {
    const bytes = blocks.get(change.cid)?.slice()
    if (!bytes) throw unfit(`it lacks the record ${change.key}`)
    const { collection, rkey } = placeOf(change.key)
    const row = { collection, rkey, cid: String(change.cid), bytes: new Uint8Array(bytes), rev }
    return { collection, rkey, existed: 'prev' in change, row, blobs: blobsOf(bytes) }
  }),
  ...diff.deleteList().map(({ key }) => {
    const { collection, rkey } = placeOf(key)
    return { collection, rkey, existed: true, row: null, blobs: [] }
  }),
]

const placeOf = (key: string): { collection: string; rkey: string } => {
  const [collection = '', rkey = ''] = key.split('/')
  return { collection, rkey }
}

/** Tree nodes and commits mention none. */
const blobsOf = (block: Uint8Array): string[] =>
  Array.from(enumBlobRefs(decode<LexMap>(block), { strict: false, allowLegacy: true }), (blob) =>
    String('ref' in blob ? blob.ref : blob.cid),
  )

export const unfit = (why: string): XrpcError =>
  new XrpcError(503, 'RepoBehindMirror', `The mirror holds newer commits than this browser, and they could not be brought back: ${why}.`)

const refuse = (cause: unknown): never => {
  throw cause instanceof XrpcError ? cause : unfit(cause instanceof Error ? cause.message : String(cause))
}
