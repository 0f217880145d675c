/** The repo on its way out: whole, in part, or as a proof. @see https://atproto.com/specs/repository#car-file-serialization */
import { type Cid, parseCid, parseCidSafe } from '@atproto/lex-data'
import { XrpcError, invalidRequest } from '../../wire/errors.ts'
import { findEventOfRev, readEventsAfter } from '../store/events.ts'
import type { Store } from '../store/open.ts'
import { findRecordsByCid, readRecord, readRecordsFrom } from '../store/records.ts'
import type { RecordRow } from '../store/schema.ts'
import { type Block, streamCar, writeCar } from './car.ts'
import { type NodeReader, walkNodes } from './node-walk.ts'
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
    if (cid) blocks.push({ cid, bytes: recordBytes(cid, await readRecord(store, collection, rkey), pins) })
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
  for (const [cid, row] of others.length > 0 ? await findRecordsByCid(store, new Set(others)) : []) found.set(cid, row.bytes)
  const missing = cids.filter((cid) => !found.has(cid))
  if (missing.length > 0) throw invalidRequest(`Could not find blocks: ${missing.join(', ')}`, 'BlockNotFound')
  return writeCar(
    parseCid(tip.head.commit),
    cids.map((cid) => ({ cid: parseCid(cid), bytes: found.get(cid) ?? new Uint8Array(0) })),
  )
}

async function* walkRepo(store: Store, tip: Landed['tip'], read: NodeReader, pins: Pins, since: string | undefined): AsyncGenerator<Block> {
  if (since !== undefined && since >= tip.head.rev) return
  yield { cid: parseCid(tip.head.commit), bytes: tip.commitBlock }
  const changed = since === undefined ? null : await nodesSince(store, since)
  const run = new RecordRun(store, pins)
  // Below a node that did not change nothing did.
  for await (const entry of walkNodes(read, parseCid(tip.head.data), (cid) => !changed || changed.has(cid))) {
    if ('bytes' in entry) yield entry
    else {
      const { rev, bytes } = await run.next(entry.key, entry.cid)
      if (since === undefined || rev === undefined || rev > since) yield { cid: entry.cid, bytes }
    }
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
  readonly #pins: Pins
  #collection = ''
  #rows: RecordRow[] = []
  #at = 0
  /** The run after this one, on its way while this one is used up. */
  #ahead: Promise<RecordRow[]> | null = null

  constructor(store: Store, pins: Pins) {
    this.#store = store
    this.#pins = pins
  }

  /** `rev` is absent when the record was replaced since the walk began. */
  async next(path: string, cid: Cid): Promise<{ rev?: string; bytes: Uint8Array }> {
    const slash = path.indexOf('/')
    const [collection, rkey] = [path.slice(0, slash), path.slice(slash + 1)]
    if (this.#collection !== collection) {
      this.#rows = []
      this.#ahead = null
      this.#collection = collection
    }
    while ((this.#rows[this.#at]?.rkey ?? rkey) < rkey) this.#at += 1
    if (this.#at >= this.#rows.length) await this.#read(collection, rkey)
    const row = this.#rows[this.#at]?.rkey === rkey ? this.#rows[this.#at] : undefined
    const bytes = recordBytes(cid, row, this.#pins)
    return row?.cid === String(cid) ? { rev: row.rev, bytes } : { bytes }
  }

  async #read(collection: string, rkey: string): Promise<void> {
    const rows = (await this.#ahead) ?? []
    // What was read ahead begins after the last run; it serves only if it reaches as far as the walk is now.
    this.#rows =
      (rows.at(-1)?.rkey ?? '') >= rkey
        ? rows.filter((row) => row.rkey >= rkey)
        : await readRecordsFrom(this.#store, collection, rkey, RECORD_STEP)
    this.#at = 0
    const last = this.#rows.at(-1)
    this.#ahead = last ? readRecordsFrom(this.#store, collection, `${last.rkey}\0`, RECORD_STEP) : null
    // A walk that is given up never looks at it.
    this.#ahead?.catch(() => {})
  }
}

/** Rows read at a time: enough that the request is cheap for each, few enough that large records stay within some megabytes. */
const RECORD_STEP = 128
const EVENT_STEP = 64

const recordBytes = (cid: Cid, row: RecordRow | undefined, pins: Pins): Uint8Array => {
  const bytes = row?.cid === String(cid) ? row.bytes : pins.replaced(String(cid))
  if (!bytes) throw new XrpcError(503, 'RepoMoved', 'The repo was rewritten faster than it was read: ask again.')
  return bytes
}
