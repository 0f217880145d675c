/**
 * One write call becomes one signed commit, computed on a tree in memory: nothing is stored here.
 * @see https://atproto.com/specs/repository#commit-objects and https://atproto.com/specs/sync#commit
 */
import { type Cid, asMultiformatsCID, cidForCbor } from '@atproto/lex-data'
import type { MST } from '@atproto/repo'
import { encode } from '@ipld/dag-cbor'
import { invalidRequest } from '../../wire/errors.ts'
import { type RepoOp, encodeEvent } from '../../wire/event.ts'
import { MAX_COMMIT_BLOCKS_BYTES, MIN_PACKED_RECORDS } from '../../wire/limits.ts'
import type { KeyVault } from '../identity/contract.ts'
import type { RecordChange } from '../store/land.ts'
import type { EventRow, Head, TreeCounts } from '../store/schema.ts'
import { type Block, writeCar } from './car.ts'
import type { WriteOutcome, WriteResult } from './contract.ts'
import type { PreparedRecord, PreparedWrite } from './prepare.ts'
import { nextTid } from './tid.ts'
import { coverKey, inPreOrder, settleTree, type TreeChange } from './tree.ts'

/** Where the next commit starts from: landed, or planned on top of what is about to land. */
export interface Tip {
  readonly tree: MST
  /** null before the first commit. */
  readonly head: Head | null
  readonly commitBlock: Uint8Array
  /** Number of the newest event, commit or not. */
  readonly event: number
  /** Where there is no head: a rev that the first commit must exceed all the same, because this repo replaces another. */
  readonly after?: string
}

export interface Author {
  readonly did: string
  readonly vault: KeyVault
  readonly now: () => number
  readonly onTiming?: ((step: TimedStep, ms: number) => void) | undefined
}

export type TimedStep = 'tree' | 'hash' | 'sign' | 'encode' | 'transaction'

export interface PlannedCommit {
  readonly tip: Tip & { readonly head: Head }
  readonly event: EventRow
  readonly changes: readonly RecordChange[]
  readonly nodes: TreeChange
}

/** What becomes of one record, whatever number of writes of the call touch it. */
export interface NetChange {
  readonly path: string
  readonly collection: string
  readonly rkey: string
  readonly before: Cid | null
  after: PreparedRecord | null
}

/**
 * Plays the writes against the tree. @returns the changes that remain, and one result for each write.
 * @throws XrpcError 400 `InvalidSwap` | `InvalidRequest`
 */
export const playWrites = async (
  did: string,
  tip: Tip,
  writes: readonly PreparedWrite[],
  swapCommit: string | undefined,
): Promise<{ changes: NetChange[]; results: WriteResult[] }> => {
  const nets = new Map<string, NetChange & { cid: Cid | null }>()
  const results: WriteResult[] = []
  const swapFails = swapCommit !== undefined && swapCommit !== tip.head?.commit
  for (const write of writes) {
    const { path, collection, rkey, record } = write
    let net = nets.get(path)
    if (!net) {
      const before = await tip.tree.get(path)
      net = { path, collection, rkey, before, after: null, cid: before }
      nets.set(path, net)
    }
    const changesNothing = record ? write.action !== 'create' && net.cid?.equals(record.cid) : net.cid === null
    if (!changesNothing) {
      if (swapFails) throw invalidRequest(`Commit was at ${tip.head?.commit}`, 'InvalidSwap')
      checkState(write, net.cid)
    }
    results.push(resultOf(did, write, net.cid))
    if (changesNothing) continue
    net.after = record ?? null
    net.cid = record?.cid ?? null
  }
  const changes = Array.from(nets.values()).filter(({ before, cid }) =>
    before === null ? cid !== null : cid === null || !before.equals(cid),
  )
  return { changes, results }
}

/** Changes the tree, signs the new commit, and writes its event. @throws XrpcError 400 when it would not fit an event. */
export const planCommit = async (author: Author, tip: Tip, changes: readonly NetChange[]): Promise<PlannedCommit> => {
  const lap = stopwatch(author.onTiming)
  const tree = await changeTree(tip.tree, changes)
  lap('tree')
  const nodes = await settleTree(tip.head ? tip.tree : null, tree)
  const shown = new Map(nodes.added)
  for (const { path } of changes) await coverKey(tree, path, shown)
  lap('hash')
  const rev = nextTid(tip.head?.rev ?? tip.after ?? null, author.now())
  const { cid: commit, bytes: commitBlock } = await signCommit(author, rev, nodes.data)
  lap('sign')
  const records = changes.flatMap(({ after }) => (after ? [after] : []))
  const car = writeCar(commit, [{ cid: commit, bytes: commitBlock }, ...(await inPreOrder(tree, shown)), ...distinct(records)])
  if (car.length > MAX_COMMIT_BLOCKS_BYTES) throw invalidRequest(`Too many writes: the event would exceed ${MAX_COMMIT_BLOCKS_BYTES} bytes`)
  const blobs = distinctBlobs(records)
  const counts = countsAfter(tip.head, changes, nodes)
  const isPacked = tip.head?.packed ?? changes.filter(({ before }) => before === null).length >= MIN_PACKED_RECORDS
  const head: Head = {
    ...tip.head,
    commit: String(commit),
    rev,
    data: String(nodes.data),
    event: tip.event + 1,
    ...(isPacked && { packed: true }),
    ...(counts && { counts }),
  }
  const body = encodeEvent({
    kind: 'commit',
    repo: author.did,
    commit: asMultiformatsCID(commit),
    rev,
    since: tip.head?.rev ?? null,
    ...(tip.head && { prevData: asMultiformatsCID(await tip.tree.getPointer()) }),
    ops: changes.map(opOf),
    blocks: car,
    blobs: Array.from(blobs.values(), asMultiformatsCID),
  })
  const event: EventRow = {
    event: head.event,
    kind: 'commit',
    at: author.now(),
    rev,
    since: tip.head?.rev ?? null,
    body: new Uint8Array(body),
    ...(blobs.size > 0 && { blobs: Array.from(blobs.keys()) }),
  }
  lap('encode')
  return { tip: { tree, head, commitBlock, event: head.event }, event, changes: changes.map((change) => changeOf(change, rev)), nodes }
}

/** @see https://atproto.com/specs/repository#commit-objects */
export const signCommit = async (
  { did, vault }: Author,
  rev: string,
  data: Cid,
): Promise<{ readonly cid: Cid; readonly bytes: Uint8Array<ArrayBuffer> }> => {
  const unsigned = { did, version: 3, rev, prev: null, data }
  const bytes = new Uint8Array(encode({ ...unsigned, sig: await vault.sign(encode(unsigned)) }))
  return { cid: await cidForCbor(bytes), bytes }
}

/** undefined where the tree was not counted before. */
const countsAfter = (head: Head | null, changes: readonly NetChange[], { added, removed }: TreeChange): TreeCounts | undefined => {
  const before = head ? head.counts : { records: 0, nodes: 0 }
  if (!before) return undefined
  const records = changes.reduce((sum, { before: was, after }) => sum + (after ? 1 : 0) - (was ? 1 : 0), before.records)
  return { records, nodes: before.nodes + added.size - removed.length }
}

/** JSON-safe, as it is recorded under the idempotency key. */
export const outcomeOf = (head: Head | null, results: readonly WriteResult[]): WriteOutcome => ({
  commit: head && { cid: head.commit, rev: head.rev },
  results,
})

const checkState = ({ action, path, swapRecord }: PreparedWrite, now: Cid | null): void => {
  if (swapRecord !== undefined && swapRecord !== (now && String(now))) throw invalidRequest(`Record was at ${now}`, 'InvalidSwap')
  if (action === 'create' && now) throw invalidRequest(`There is a record at ${path} already`)
  if (action === 'update' && !now) throw invalidRequest(`There is no record at ${path}`)
}

const resultOf = (did: string, { action, path, record }: PreparedWrite, before: Cid | null): WriteResult => {
  if (!record) return { action: 'delete' }
  return {
    action: action === 'create' || (action === 'put' && before === null) ? 'create' : 'update',
    uri: `at://${did}/${path}`,
    cid: String(record.cid),
    ...(record.validationStatus && { validationStatus: record.validationStatus }),
  }
}

const changeTree = async (before: MST, changes: readonly NetChange[]): Promise<MST> => {
  let tree = before
  for (const { path, before: cid, after } of changes) {
    if (!after) tree = await forgetLayer(await tree.delete(path))
    else if (cid) tree = await tree.update(path, after.cid)
    else tree = await tree.add(path, after.cid)
  }
  return tree
}

/**
 * A tree that lost its last key goes on remembering that key's layer, and would hang the next one below an empty root: no canonical tree, and every
 * verifier refuses it. (A tree that is read from storage remembers nothing, so the library alone does not meet this.)
 */
const forgetLayer = async (tree: MST): Promise<MST> => {
  if ((await tree.getEntries()).length === 0) tree.layer = null
  return tree
}

const opOf = ({ path, before, after }: NetChange): RepoOp => ({
  action: after ? (before ? 'update' : 'create') : 'delete',
  path,
  cid: after && asMultiformatsCID(after.cid),
  ...(before && { prev: asMultiformatsCID(before) }),
})

const changeOf = ({ collection, rkey, before, after }: NetChange, rev: string): RecordChange => ({
  collection,
  rkey,
  existed: before !== null,
  row: after && { collection, rkey, cid: String(after.cid), bytes: after.bytes, rev },
  blobs: after ? Array.from(distinctBlobs([after]).keys()) : [],
})

const distinct = (records: readonly PreparedRecord[]): Iterable<Block> =>
  new Map(records.map(({ cid, bytes }) => [String(cid), { cid, bytes }])).values()

const distinctBlobs = (records: readonly PreparedRecord[]): Map<string, Cid> =>
  new Map(records.flatMap(({ blobs }) => blobs.map(({ ref }) => [String(ref), ref] as const)))

const stopwatch = (onTiming: Author['onTiming']): ((step: TimedStep) => void) => {
  if (!onTiming) return () => {}
  let since = performance.now()
  return (step) => {
    const now = performance.now()
    onTiming(step, now - since)
    since = now
  }
}
