/**
 * The repo as CAR v1: the commit, then the tree in pre-order, each record where its entry stands.
 * @see https://atproto.com/specs/repository#car-file-serialization
 */
import { CAR_CHUNK_BYTES } from '../../wire/limits.ts'
import type { Blocks, StoredBlock } from './blocks.ts'
import { CAR_ENTRY_HEAD_BYTES, carHeader, writeCarEntry } from './car.ts'
import { type TreeNode, layerOf, parseNode } from './node.ts'

/** Subtrees up to this layer (some 250 records) are read from storage level by level, in a handful of batches. */
const PREFETCH_LAYER = 3

/** With `since`, only blocks that came after that rev; a subtree whose root is older holds nothing newer. Commits may land meanwhile. */
export const exportRepo = (
  blocks: Blocks,
  head: { readonly commit: string; readonly data: string },
  since?: string,
): ReadableStream<Uint8Array> => {
  const pieces = chunked(repoBlocks(blocks, head, since), head.commit)
  const release = blocks.hold()
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      try {
        const { value, done } = await pieces.next()
        if (!done) return controller.enqueue(value)
        release()
        controller.close()
      } catch (cause) {
        release()
        throw cause
      }
    },
    async cancel() {
      release()
      await pieces.return()
    },
  })
}

type Entry = readonly [cid: string, bytes: Uint8Array]

async function* chunked(entries: AsyncIterable<readonly Entry[]>, root: string): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  let chunk = new Uint8Array(CAR_CHUNK_BYTES)
  let filled = 0
  const header = carHeader(root)
  chunk.set(header)
  filled = header.length
  for await (const batch of entries) {
    for (const [cid, bytes] of batch) {
      const size = CAR_ENTRY_HEAD_BYTES + bytes.length
      if (filled + size > chunk.length) {
        yield chunk.subarray(0, filled)
        chunk = new Uint8Array(Math.max(CAR_CHUNK_BYTES, size))
        filled = 0
      }
      filled = writeCarEntry(chunk, filled, cid, bytes)
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled)
}

async function* repoBlocks(
  blocks: Blocks,
  head: { readonly commit: string; readonly data: string },
  since = '',
): AsyncGenerator<readonly Entry[]> {
  const isNew = (block: StoredBlock): boolean => block.rev > since
  const [commit, root] = await Promise.all([mustGet(blocks, head.commit), mustGet(blocks, head.data)])
  if (!isNew(commit)) return
  yield [[head.commit, commit.bytes]]

  async function* descend(cid: string, block: StoredBlock, layer: number): AsyncGenerator<readonly Entry[]> {
    if (!isNew(block)) return
    if (layer <= PREFETCH_LAYER) {
      const entries: Entry[] = []
      emit(cid, await fetchSubtree(blocks, cid, block, isNew), isNew, entries)
      yield entries
      return
    }
    const node = parseNode(block.bytes)
    yield [[cid, block.bytes]]
    const children = await blocks.getMany([...node.values, ...node.subtrees.filter((each) => each !== null)])
    for (const [i, subtree] of node.subtrees.entries()) {
      if (subtree !== null) yield* descend(subtree, present(children, subtree), layer - 1)
      const value = node.values[i]
      if (value === undefined) continue
      const record = present(children, value)
      if (isNew(record)) yield [[value, record.bytes]]
    }
  }
  const first = parseNode(root.bytes).keys[0]
  yield* descend(head.data, root, first === undefined ? 0 : layerOf(first))
}

/** A subtree in memory: its nodes parsed, its records and older parts as they are stored. */
interface Subtree {
  readonly nodes: ReadonlyMap<string, TreeNode>
  readonly blocks: ReadonlyMap<string, StoredBlock>
}

/** All blocks below `top` that are new, one level of the tree after the other. */
const fetchSubtree = async (blocks: Blocks, cid: string, top: StoredBlock, isNew: (block: StoredBlock) => boolean): Promise<Subtree> => {
  const nodes = new Map<string, TreeNode>()
  const all = new Map<string, StoredBlock>([[cid, top]])
  for (let level = [cid]; level.length > 0;) {
    const wanted: string[] = []
    const below: string[] = []
    for (const each of level) {
      const node = parseNode(present(all, each).bytes)
      nodes.set(each, node)
      for (const subtree of node.subtrees) if (subtree !== null) below.push(subtree)
      wanted.push(...node.values)
    }
    for (const [each, block] of await blocks.getMany([...below, ...wanted])) all.set(each, block)
    level = below.filter((each) => isNew(present(all, each)))
  }
  return { nodes, blocks: all }
}

const emit = (cid: string, subtree: Subtree, isNew: (block: StoredBlock) => boolean, entries: Entry[]): void => {
  const node = subtree.nodes.get(cid)
  // Not fetched: older than what was asked for, and so is everything below.
  if (!node) return
  entries.push([cid, present(subtree.blocks, cid).bytes])
  for (const [i, below] of node.subtrees.entries()) {
    if (below !== null) emit(below, subtree, isNew, entries)
    const value = node.values[i]
    if (value === undefined) continue
    const record = present(subtree.blocks, value)
    if (isNew(record)) entries.push([value, record.bytes])
  }
}

const mustGet = async (blocks: Blocks, cid: string): Promise<StoredBlock> => present(new Map([[cid, await blocks.get(cid)]]), cid)

/** A block that the mirror should have: without it the export ends in an error, never in a CAR that only looks whole. */
const present = (blocks: ReadonlyMap<string, StoredBlock | undefined>, cid: string): StoredBlock => {
  const block = blocks.get(cid)
  if (!block) throw new Error(`mirror: block ${cid} is gone`)
  return block
}
