/**
 * A whole repo, checked block by block while it streams in beside the mirror that still serves. It must come in the order in which it is exported: so each
 * block is looked at once, and the room need not remember any.
 * @see https://atproto.com/specs/repository#car-file-serialization
 */
import type { MirrorHead } from '../../wire/frames.ts'
import { MAX_RECORD_BYTES, PACK_READ_BATCH, SNAPSHOT_WRITE_BYTES, SNAPSHOT_WRITE_ROWS, STORAGE_BATCH_KEYS } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import { Refused } from '../refused.ts'
import { blobsOf } from './blob-refs.ts'
import { blockRows } from './blocks.ts'
import { type Block, readCarStream } from './car.ts'
import { type Commit, parseCommit } from './commit.ts'
import { type GenerationKeys, type Rows, generationKeys } from './keys.ts'
import { lackingRows } from './lacking-blobs.ts'
import { PackWriter } from './pack-writer.ts'
import { repeatedIn } from './packs.ts'
import { TreeOrder } from './tree-order.ts'

/**
 * Writes all rows of the generation. The caller makes it the mirror, or discards it.
 * @throws Refused BadBlocks | BadProof | TooLarge, and what `check` throws
 */
export const stageSnapshot = async (
  storage: RoomStorage,
  generation: number,
  head: MirrorHead,
  body: AsyncIterable<Uint8Array>,
  check: (commit: Commit) => Promise<void>,
): Promise<{ commitBlock: Uint8Array }> => {
  const keys = generationKeys(generation)
  const rows = new RowWriter(storage)
  const packs = new PackWriter(keys, (put) => rows.add(put))
  const order = new TreeOrder(head.data)
  const mentioned: string[] = []
  let commitBlock: Uint8Array | null = null
  for await (const block of readSnapshot(body, head.commit)) {
    if (!commitBlock) {
      if (block.cid !== head.commit) throw new Refused('BadBlocks', 'The first block of the snapshot is not its commit.')
      const commit = parseCommit(block.bytes)
      await check(commit)
      if (commit.data !== head.data) throw new Refused('BadProof', 'The tree of the snapshot is not the announced one.')
      commitBlock = block.bytes
      // The next commit takes it out: in a row of its own it goes at once.
      await rows.add(blockRows(keys, block.cid, { rev: head.rev, bytes: block.bytes }))
      continue
    }
    const next = order.next()
    if (next?.cid !== block.cid) throw new Refused('BadBlocks', missing(next?.cid))
    if (next.path === null) order.enter(block.bytes)
    else {
      const blobs = blobsOf(block)
      await rows.add(recordRows(keys, next.path, block.cid, blobs, head.rev))
      mentioned.push(...blobs)
      if (mentioned.length >= STORAGE_BATCH_KEYS) await rows.add(await lackingRows(storage, keys, mentioned.splice(0)))
    }
    await packs.add(block.cid, block.bytes)
  }
  const next = order.next()
  if (!commitBlock || next) throw new Refused('BadBlocks', missing(next?.cid))
  await rows.add(await lackingRows(storage, keys, mentioned))
  const index = await packs.end(head.rev)
  await rows.end()
  for await (const [cid, uses] of repeatedIn(index, storage, keys)) await rows.add({ [keys.uses(cid)]: uses })
  await rows.end()
  return { commitBlock }
}

/** Deletes everything of a generation. */
export const discard = async (storage: RoomStorage, generation: number): Promise<void> => {
  const keys = generationKeys(generation)
  // A list brings the values along, and packs are large.
  for (const prefix of keys.all) await deleteAll(storage, prefix, prefix === keys.allPacks ? PACK_READ_BATCH : undefined)
}

/** Rows whose keys begin with `prefix`. @param limit so many at a time */
export const deleteAll = async (storage: RoomStorage, prefix: string, limit = DISCARD_BATCH_ROWS): Promise<void> => {
  for (;;) {
    const rows = await storage.list({ prefix, limit })
    await storage.delete([...rows.keys()])
    if (rows.size < limit) return
  }
}

/** Ten batches of deletes for one list: enough to be quick, little enough to leave the room responsive. */
const DISCARD_BATCH_ROWS = 10 * STORAGE_BATCH_KEYS

/** @throws Refused BadBlocks */
async function* readSnapshot(body: AsyncIterable<Uint8Array>, root: string): AsyncGenerator<Block> {
  const parts = readCarStream(body, MAX_RECORD_BYTES)
  for (;;) {
    const { value: part, done } = await parts.next().catch((cause: unknown) => {
      if (cause instanceof Refused) throw cause
      throw new Refused('BadBlocks', `The snapshot is no valid CAR: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause })
    })
    if (done || !part) return
    if (!('root' in part)) yield part
    else if (part.root !== root) throw new Refused('BadBlocks', 'The root of the snapshot is not the announced commit.')
  }
}

const missing = (cid: string | undefined): string =>
  cid === undefined ? 'The snapshot has more or fewer blocks than the repo.' : `The snapshot lacks the block ${cid} where its tree has it.`

const recordRows = (keys: GenerationKeys, path: string, cid: string, blobs: readonly string[], rev: string): Rows => {
  const rows: Rows = { [keys.record(path)]: cid }
  if (blobs.length > 0) rows[keys.blobsOf(path)] = blobs
  for (const blob of blobs) rows[keys.mention(blob, path)] = rev
  return rows
}

/** Gathers rows into few writes, as each is waited for. */
class RowWriter {
  readonly #storage: RoomStorage
  #rows: Rows = {}
  #count = 0
  #bytes = 0

  constructor(storage: RoomStorage) {
    this.#storage = storage
  }

  async add(rows: Rows): Promise<void> {
    for (const key in rows) {
      const value = rows[key] ?? null
      this.#rows[key] = value
      this.#count += 1
      if (value instanceof Uint8Array) this.#bytes += value.length
    }
    if (this.#count >= SNAPSHOT_WRITE_ROWS || this.#bytes >= SNAPSHOT_WRITE_BYTES) await this.end()
  }

  async end(): Promise<void> {
    const rows = this.#rows
    this.#rows = {}
    this.#count = 0
    this.#bytes = 0
    await this.#storage.put(rows)
  }
}
