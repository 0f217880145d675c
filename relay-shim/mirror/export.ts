/**
 * The repo as CAR v1: the commit, then the tree in pre-order, each record where its entry stands.
 * @see https://atproto.com/specs/repository#car-file-serialization
 */
import { CAR_CHUNK_BYTES } from '../../wire/limits.ts'
import { Download } from '../downloads.ts'
import type { Blocks, HeldBlocks, StoredBlock } from './blocks.ts'
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
  let fail = (_cause: Error): void => {}
  // Nothing that left the repo is erased while an export holds it: so nobody may hold one for ever.
  const download = new Download((cause) => {
    fail(cause)
    void ended()
  })
  const held = blocks.hold()
  const pieces = chunked(repoParts(held, head, since), head.commit)
  const ended = async (): Promise<void> => {
    download.end()
    held.letGo()
    await pieces.return()
  }
  download.waits(CAR_CHUNK_BYTES)
  return new ReadableStream({
    type: 'bytes',
    start(controller) {
      fail = (cause) => controller.error(cause)
    },
    async pull(controller) {
      download.moved()
      try {
        const { value, done } = await pieces.next()
        if (!done) {
          download.waits(value.length)
          return controller.enqueue(value)
        }
        await ended()
        controller.close()
      } catch (cause) {
        await ended()
        throw cause
      }
    },
    cancel: ended,
  })
}

type Entry = readonly [cid: string, bytes: Uint8Array]
/** Blocks, or a run of CAR entries as it lies in a pack. */
type Part = readonly Entry[] | Uint8Array

async function* chunked(parts: AsyncIterable<Part>, root: string): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  let chunk = new Uint8Array(CAR_CHUNK_BYTES)
  let filled = 0
  const header = carHeader(root)
  chunk.set(header)
  filled = header.length
  for await (const part of parts) {
    if (part instanceof Uint8Array) {
      for (let at = 0; at < part.length;) {
        if (filled === chunk.length) {
          yield chunk
          chunk = new Uint8Array(CAR_CHUNK_BYTES)
          filled = 0
        }
        const run = part.subarray(at, at + chunk.length - filled)
        chunk.set(run, filled)
        filled += run.length
        at += run.length
      }
      continue
    }
    for (const [cid, bytes] of part) {
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

async function* repoParts(blocks: HeldBlocks, head: { readonly commit: string; readonly data: string }, since = ''): AsyncGenerator<Part> {
  const isNew = ({ rev }: { readonly rev: string }): boolean => rev > since
  const tops = await blocks.getMany([head.commit, head.data])
  const [commit, root] = [present(tops, head.commit), present(tops, head.data)]
  if (!isNew(commit)) return
  yield [[head.commit, commit.bytes]]

  async function* descend(cid: string, block: StoredBlock, layer: number): AsyncGenerator<Part> {
    if (!isNew(block)) return
    const run = await blocks.rangeOf(cid)
    if (run) {
      if (isNew(run)) yield* blocks.read(run.range)
      return
    }
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
const fetchSubtree = async (
  blocks: HeldBlocks,
  cid: string,
  top: StoredBlock,
  isNew: (block: StoredBlock) => boolean,
): Promise<Subtree> => {
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

/** A block that the mirror should have: without it the export ends in an error, never in a CAR that only looks whole. */
const present = (blocks: ReadonlyMap<string, StoredBlock | undefined>, cid: string): StoredBlock => {
  const block = blocks.get(cid)
  if (!block) throw new Error(`mirror: block ${cid} is gone`)
  return block
}
