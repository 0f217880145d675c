/**
 * What a commit needs of the MST beyond `@atproto/repo`: the blocks a change made and unmade, found without walking the whole tree,
 * and the nodes that prove an operation. @see https://atproto.com/specs/repository#mst-structure
 */
import type { Cid } from '@atproto/lex-data'
import type { MST } from '@atproto/repo'
import type { Block } from './car.ts'

export type Nodes = Map<string, Block>

export interface TreeChange {
  readonly data: Cid
  /** Nodes that `after` has and `before` has not. */
  readonly added: Nodes
  /** CIDs of nodes that `before` has and `after` has not. */
  readonly removed: readonly string[]
}

/** Hashes what changed between two trees, of which `after` was made from `before`. They share unchanged nodes as objects, so only the changed paths are visited. */
export const settleTree = async (before: MST | null, after: MST): Promise<TreeChange> => {
  const added: Nodes = new Map()
  await hashNodes(after, added)
  if (before === null) added.set(String(after.pointer), await blockOf(after))
  const shared = new Set<string>()
  await findShared(after, added, shared)
  const removed: string[] = []
  if (before) await findRemoved(before, added, shared, removed)
  return { data: after.pointer, added, removed }
}

/**
 * The nodes that prove `key`'s presence or absence together with its neighbours to the left and right: what an inversion needs.
 * @see https://github.com/bluesky-social/proposals/tree/main/0006-sync-iteration
 */
export const coverKey = async (node: MST, key: string, proof: Nodes): Promise<void> => {
  const entries = await show(node, proof)
  const at = entries.findIndex((entry) => entry.isLeaf() && entry.key >= key)
  const index = at < 0 ? entries.length : at
  const [left, found, right] = [entries[index - 1], entries[index], entries[index + 1]]
  if (found?.isLeaf() && found.key === key) {
    if (left?.isTree()) await descend(left, -1, proof)
    if (right?.isTree()) await descend(right, 0, proof)
  } else if (left?.isTree()) await coverKey(left, key, proof)
}

/** The nodes from the root to `key`, or to where it would be. @returns the key's value, null when it is absent. */
export const pathToKey = async (node: MST, key: string, path: Block[]): Promise<Cid | null> => {
  path.push(await blockOf(node))
  const entries = await node.getEntries()
  const at = entries.findIndex((entry) => entry.isLeaf() && entry.key >= key)
  const index = at < 0 ? entries.length : at
  const found = entries[index]
  if (found?.isLeaf() && found.key === key) return found.value
  const left = entries[index - 1]
  return left?.isTree() ? pathToKey(left, key, path) : null
}

/** Those of `nodes` that are in the tree, parents before children, left before right. */
export const inPreOrder = async (node: MST, nodes: Nodes, ordered: Block[] = []): Promise<Block[]> => {
  const block = nodes.get(String(node.pointer))
  if (!block) return ordered
  ordered.push(block)
  for (const entry of await node.getEntries()) if (entry.isTree()) await inPreOrder(entry, nodes, ordered)
  return ordered
}

const blocks = new WeakMap<MST, Block>()

/** `MST.serialize` encodes and hashes anew at each call; nodes never change once they are hashed, so ours remember. */
export const blockOf = async (node: MST): Promise<Block> => {
  const known = blocks.get(node)
  if (known) return known
  const block = await node.serialize()
  blocks.set(node, block)
  return block
}

const hashNodes = async (node: MST, added: Nodes): Promise<void> => {
  if (!node.outdatedPointer) return
  for (const entry of await node.getEntries()) if (entry.isTree()) await hashNodes(entry, added)
  const block = await blockOf(node)
  node.pointer = block.cid
  node.outdatedPointer = false
  added.set(String(block.cid), block)
}

const findShared = async (node: MST, added: Nodes, shared: Set<string>): Promise<void> => {
  const cid = String(node.pointer)
  if (!added.has(cid)) {
    shared.add(cid)
    return
  }
  for (const entry of await node.getEntries()) if (entry.isTree()) await findShared(entry, added, shared)
}

/** Descends only where the change went: below a node that both trees have nothing was removed. */
const findRemoved = async (node: MST, added: Nodes, shared: ReadonlySet<string>, removed: string[]): Promise<void> => {
  const cid = String(node.pointer)
  if (shared.has(cid)) return
  // A split rebuilds nodes that come out as they were, down to the leaves: those are neither added nor removed.
  if (!added.delete(cid)) removed.push(cid)
  for (const entry of await node.getEntries()) if (entry.isTree()) await findRemoved(entry, added, shared, removed)
}

const show = async (node: MST, proof: Nodes) => {
  const block = await blockOf(node)
  proof.set(String(block.cid), block)
  return node.getEntries()
}

const descend = async (node: MST, side: 0 | -1, proof: Nodes): Promise<void> => {
  const next = (await show(node, proof)).at(side)
  if (next?.isTree()) await descend(next, side, proof)
}
