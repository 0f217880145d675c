/** The repo on its way out: whole, in part, or as a proof. @see https://atproto.com/specs/repository#car-file-serialization */
import { parseCid, parseCidSafe } from '@atproto/lex-data'
import { base32 } from 'multiformats/bases/base32'
import { XrpcError, invalidRequest } from '../../wire/errors.ts'
import { findEventOfRev, readEventsAfter } from '../store/events.ts'
import type { Store } from '../store/open.ts'
import { type PacksOf, packsOf } from '../store/packs.ts'
import { findRecordsByCid, listRecords, readRecord } from '../store/records.ts'
import type { RecordRow } from '../store/schema.ts'
import { type Block, type RawBlock, streamCar, writeCar } from './car.ts'
import { type NodeReader, type WalkedLeaf, walkNodes } from './node-walk.ts'
import type { Pins } from './pins.ts'
import { type Landed, blocksOf } from './resume.ts'
import { pathToKey } from './tree.ts'

/**
 * CAR of the repo as it is now, whatever is written while it streams: commit, then each node followed by its subtrees and records in key order.
 * With `since`, records written after that rev and the nodes that changed after it; all nodes where the log no longer reaches back so far.
 */
export const exportRepo = (store: Store, landed: Landed, pins: Pins, since?: string): ReadableStream<Uint8Array> => {
  const { tip, nodes } = landed
  const release = pins.acquire()
  return streamCar(parseCid(tip.head.commit), walkRepo(store, tip, nodes.reader(), pins, since), release)
}

/** CAR of the commit, the nodes down to the record or to where it would be, and the record. */
export const exportProof = async (store: Store, landed: Landed, pins: Pins, collection: string, rkey: string): Promise<Uint8Array> => {
  const { tip } = landed
  const release = pins.acquire()
  try {
    const commit = parseCid(tip.head.commit)
    const blocks: Block[] = [{ cid: commit, bytes: tip.commitBlock }]
    const cid = await pathToKey(tip.tree, `${collection}/${rkey}`, blocks)
    if (cid) blocks.push({ cid, bytes: recordBytes(String(cid), await readRecord(store, packsOf(tip.head), collection, rkey), pins) })
    return writeCar(commit, blocks)
  } finally {
    release()
  }
}

/** CAR of single blocks, rooted in the commit. @throws XrpcError 400 `InvalidRequest` | `BlockNotFound` */
export const exportBlocks = async (store: Store, landed: Landed, cids: readonly string[]): Promise<Uint8Array> => {
  const { tip, nodes } = landed
  const found = new Map<string, Uint8Array>([[tip.head.commit, tip.commitBlock]])
  for (const text of cids) {
    const cid = parseCidSafe(text)
    if (!cid) throw invalidRequest(`Invalid CID: ${text}`)
    const node = found.has(text) ? null : await nodes.getBytes(cid)
    if (node) found.set(text, node)
  }
  const others = cids.filter((cid) => !found.has(cid))
  for (const [cid, row] of others.length > 0 ? await findRecordsByCid(store, packsOf(tip.head), new Set(others)) : [])
    found.set(cid, row.bytes)
  const missing = cids.filter((cid) => !found.has(cid))
  if (missing.length > 0) throw invalidRequest(`Could not find blocks: ${missing.join(', ')}`, 'BlockNotFound')
  return writeCar(
    parseCid(tip.head.commit),
    cids.map((cid) => ({ cid: parseCid(cid), bytes: found.get(cid) ?? new Uint8Array(0) })),
  )
}

async function* walkRepo(
  store: Store,
  tip: Landed['tip'],
  read: NodeReader,
  pins: Pins,
  since: string | undefined,
): AsyncGenerator<readonly RawBlock[]> {
  if (since !== undefined && since >= tip.head.rev) return
  yield [{ cid: parseCid(tip.head.commit).bytes, bytes: tip.commitBlock }]
  const changed = since === undefined ? null : await nodesSince(store, since)
  const run = new RecordRun(store, packsOf(tip.head), pins)
  // Below a node that did not change nothing did.
  for await (const walked of walkNodes(read, parseCid(tip.head.data).bytes, (cid) => !changed || changed.has(base32.encode(cid)))) {
    const blocks: RawBlock[] = []
    for (const entry of walked) {
      if ('bytes' in entry) {
        blocks.push(entry)
        continue
      }
      const { rev, bytes } = run.peek(entry) ?? (await run.next(entry))
      if (since === undefined || rev === undefined || rev > since) blocks.push({ cid: entry.cid, bytes })
    }
    yield blocks
  }
}

/** CIDs of all blocks in the commits after `since`; null when the log does not reach back to it. */
const nodesSince = async (store: Store, since: string): Promise<ReadonlySet<string> | null> => {
  const from = await findEventOfRev(store, since)
  if (!from) return null
  const cids = new Set<string>()
  let last = from.event
  for (;;) {
    const rows = await readEventsAfter(store, last, EVENT_STEP)
    for (const row of rows) if (row.kind === 'commit') for (const cid of (await blocksOf(row)).blocks.cids()) cids.add(String(cid))
    last = rows.at(-1)?.event ?? last
    if (rows.length < EVENT_STEP) return cids
  }
}

/** A walk in key order asks for records in key order too, so they are read in runs instead of one by one. */
class RecordRun {
  readonly #store: Store
  readonly #packs: PacksOf
  readonly #pins: Pins
  collection = ''
  #rows: RecordRow[] = []
  #at = 0
  #step = RECORD_STEP / 2
  /** The run after this one, on its way while this one is used up. */
  #ahead: Promise<RecordRow[]> | null = null

  constructor(store: Store, packs: PacksOf, pins: Pins) {
    this.#store = store
    this.#packs = packs
    this.#pins = pins
  }

  /** What is read already, without a turn; undefined when more must be read. */
  peek({ key, cid }: WalkedLeaf): { rev?: string; bytes: Uint8Array } | undefined {
    const { collection } = this
    const rkey = key.slice(collection.length + 1)
    if (!key.startsWith(collection) || key[collection.length] !== '/') return undefined
    while ((this.#rows[this.#at]?.rkey ?? rkey) < rkey) this.#at += 1
    const row = this.#rows[this.#at]
    return row && this.#take(row.rkey === rkey ? row : undefined, base32.encode(cid))
  }

  async next(leaf: WalkedLeaf): Promise<{ rev?: string; bytes: Uint8Array }> {
    const slash = leaf.key.indexOf('/')
    const [collection, rkey] = [leaf.key.slice(0, slash), leaf.key.slice(slash + 1)]
    if (this.collection !== collection) {
      this.#rows = []
      this.#ahead = null
      this.collection = collection
    }
    await this.#read(collection, rkey)
    return this.peek(leaf) ?? this.#take(undefined, base32.encode(leaf.cid))
  }

  /** `rev` is absent when the record was replaced since the walk began. */
  #take(row: RecordRow | undefined, cid: string): { rev?: string; bytes: Uint8Array } {
    const bytes = recordBytes(cid, row, this.#pins)
    return row?.cid === cid ? { rev: row.rev, bytes } : { bytes }
  }

  async #read(collection: string, rkey: string): Promise<void> {
    const rows = (await this.#ahead) ?? []
    // What was read ahead begins after the last run; it serves only if it reaches as far as the walk is now.
    this.#rows = (rows.at(-1)?.rkey ?? '') >= rkey ? rows.filter((row) => row.rkey >= rkey) : await this.#list(collection, rkey, true)
    this.#at = 0
    const size = this.#rows.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.#step = size < RECORD_STEP_BYTES ? Math.min(this.#step * 2, MAX_RECORD_STEP) : RECORD_STEP
    const last = this.#rows.at(-1)
    this.#ahead = last ? this.#list(collection, last.rkey, false) : null
    // A walk that is given up never looks at it.
    this.#ahead?.catch(() => {})
  }

  #list(collection: string, from: string, includesFrom: boolean): Promise<RecordRow[]> {
    return listRecords(this.#store, this.#packs, { collection, order: 'ascending', from, includesFrom, limit: this.#step })
  }
}

/** Records read at a time: more with each request, because requests cost, as long as they are so small that they stay within some megabytes. */
const RECORD_STEP = 128
const MAX_RECORD_STEP = 2048
const RECORD_STEP_BYTES = 1024 * 1024
const EVENT_STEP = 64

/** @throws XrpcError 503 `RepoMoved` */
export const recordBytes = (cid: string, row: RecordRow | undefined, pins: Pins): Uint8Array => {
  const bytes = row?.cid === cid ? row.bytes : pins.replaced(cid)
  if (!bytes) throw new XrpcError(503, 'RepoMoved', 'The repo was rewritten faster than it was read: ask again.')
  return bytes
}
