/**
 * A whole repo, checked block by block while it streams in beside the mirror that still serves.
 * @see https://atproto.com/specs/repository#car-file-serialization
 */
import { decode } from '@ipld/dag-cbor'
import type { MirrorHead } from '../../wire/frames.ts'
import { MAX_RECORD_BYTES, STORAGE_BATCH_KEYS } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import { Refused } from '../refused.ts'
import { blobsIn } from './blob-refs.ts'
import { Blocks } from './blocks.ts'
import { readCarStream, writeCar } from './car.ts'
import { type Commit, parseCommit } from './commit.ts'
import { type GenerationKeys, type Rows, generationKeys, pieceKeys } from './keys.ts'
import { layerOf, parseNode } from './node.ts'

/**
 * Writes all rows of the generation. The caller makes it the mirror, or discards it.
 * @throws Refused BadBlocks | BadProof, and what `check` throws
 */
export const stageSnapshot = async (
  storage: RoomStorage,
  generation: number,
  head: MirrorHead,
  body: AsyncIterable<Uint8Array>,
  check: (commit: Commit) => Promise<void>,
): Promise<{ commitCar: Uint8Array<ArrayBuffer> }> => {
  const keys = generationKeys(generation)
  const blocks = new Blocks(storage, generation)
  const stored = await stageBlocks(storage, keys, blocks, head, body)
  const commitBlock = await read(blocks, head.commit)
  const commit = parseCommit(commitBlock)
  await check(commit)
  if (commit.data !== head.data) throw new Refused('BadProof', 'The tree of the snapshot is not the announced one.')
  const reached = new Map<string, number>([[head.commit, 1]])
  const rows = new RowWriter(storage)
  for await (const [path, cid] of walk(blocks, head.data, reached)) {
    const record = await read(blocks, cid)
    const blobs = blobsIn(decodeRecord(cid, record))
    await rows.add({ [keys.record(path)]: cid, ...(blobs.length > 0 && { [keys.blobsOf(path)]: blobs }) })
    for (const blob of blobs) await rows.add({ [keys.mention(blob, path)]: head.rev })
  }
  for (const [cid, uses] of reached) if (uses > 1) await rows.add({ [keys.uses(cid)]: uses })
  await rows.end()
  const surplus = [...stored].filter(([cid]) => !reached.has(cid)).flatMap(([cid, pieces]) => pieceKeys(keys.block(cid), pieces))
  await storage.delete(surplus)
  return { commitCar: writeCar(head.commit, [{ cid: head.commit, bytes: commitBlock }]) }
}

/** Deletes everything of a generation. */
export const discard = async (storage: RoomStorage, generation: number): Promise<void> => {
  for (const prefix of generationKeys(generation).all) {
    for (;;) {
      const rows = await storage.list({ prefix, limit: DISCARD_BATCH_ROWS })
      await storage.delete([...rows.keys()])
      if (rows.size < DISCARD_BATCH_ROWS) break
    }
  }
}

/** Ten batches of deletes for one list: enough to be quick, little enough to leave the room responsive. */
const DISCARD_BATCH_ROWS = 10 * STORAGE_BATCH_KEYS

/** CIDs stored, with the number of pieces where a block had to be cut. */
type Stored = ReadonlyMap<string, number | undefined>

const stageBlocks = async (
  storage: RoomStorage,
  keys: GenerationKeys,
  blocks: Blocks,
  head: MirrorHead,
  body: AsyncIterable<Uint8Array>,
): Promise<Stored> => {
  const stored = new Map<string, number | undefined>()
  const rows = new RowWriter(storage)
  try {
    for await (const part of readCarStream(body, MAX_RECORD_BYTES)) {
      if ('root' in part) {
        if (part.root !== head.commit) throw new Error('its root is not the announced commit')
        continue
      }
      if (stored.has(part.cid)) continue
      const block = blocks.rows(part.cid, { rev: head.rev, bytes: part.bytes })
      const whole = block[keys.block(part.cid)]
      stored.set(part.cid, typeof whole === 'number' ? whole : undefined)
      await rows.add(block)
    }
  } catch (cause) {
    throw new Refused('BadBlocks', `The snapshot is no valid CAR: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause })
  }
  await rows.end()
  return stored
}

/** Every record in key order; checks that the tree has one form only, and counts what was reached. @throws Refused BadProof | BadBlocks */
async function* walk(blocks: Blocks, root: string, reached: Map<string, number>): AsyncGenerator<readonly [path: string, cid: string]> {
  let last = ''
  async function* descend(cid: string, layer: number | null): AsyncGenerator<readonly [string, string]> {
    const node = parseTreeNode(await read(blocks, cid))
    reached.set(cid, 1)
    // One look at storage instead of one for each: a repo beyond the cache is read back from there.
    await blocks.getMany([...node.values, ...node.subtrees.filter((subtree) => subtree !== null)])
    const first = node.keys[0]
    if (first === undefined && (layer === null ? node.subtrees[0] !== null : node.subtrees[0] === null)) throw misshapen()
    const own = layer ?? (first === undefined ? 0 : layerOf(first))
    if (own < 0) throw misshapen()
    for (const [i, subtree] of node.subtrees.entries()) {
      if (subtree !== null) yield* descend(subtree, own - 1)
      const key = node.keys[i]
      const value = node.values[i]
      if (key === undefined || value === undefined) continue
      if (key <= last || layerOf(key) !== own) throw misshapen()
      last = key
      reached.set(value, (reached.get(value) ?? 0) + 1)
      yield [key, value]
    }
  }
  yield* descend(root, null)
}

/** @throws Refused BadBlocks */
const read = async (blocks: Blocks, cid: string): Promise<Uint8Array> => {
  const block = await blocks.get(cid)
  if (!block) throw new Refused('BadBlocks', `The snapshot lacks the block ${cid}.`)
  return block.bytes
}

const misshapen = (): Refused => new Refused('BadProof', 'The tree of the snapshot is not in the one form that its records have.')

const parseTreeNode = (block: Uint8Array): ReturnType<typeof parseNode> => {
  try {
    return parseNode(block)
  } catch (cause) {
    throw new Refused('BadBlocks', 'The snapshot has a tree node that is none.', { cause })
  }
}

const decodeRecord = (cid: string, record: Uint8Array): unknown => {
  try {
    return decode(record)
  } catch (cause) {
    throw new Refused('BadBlocks', `Record ${cid} is not DAG-CBOR.`, { cause })
  }
}

/** Gathers rows into writes of the size that storage takes at once. */
class RowWriter {
  readonly #storage: RoomStorage
  #rows: Rows = {}
  #count = 0

  constructor(storage: RoomStorage) {
    this.#storage = storage
  }

  async add(rows: Rows): Promise<void> {
    Object.assign(this.#rows, rows)
    this.#count += Object.keys(rows).length
    if (this.#count >= STORAGE_BATCH_KEYS) await this.end()
  }

  async end(): Promise<void> {
    const rows = this.#rows
    this.#rows = {}
    this.#count = 0
    await this.#storage.put(rows)
  }
}
