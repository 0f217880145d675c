/** A walk through a whole tree straight from the bytes of its nodes: an export needs no objects, and reads many nodes at a time. */
import { XrpcError } from '../../wire/errors.ts'
import { CID_PREFIX } from '../store/packs.ts'
import { type MstNode, parseNode } from './mst-node.ts'

/** By CID in binary (36 bytes); undefined for those that are gone. */
export type NodeReader = (cids: readonly Uint8Array[]) => Promise<ReadonlyArray<Uint8Array | undefined>>

/** CIDs are 36 bytes. */
export interface WalkedNode {
  readonly cid: Uint8Array
  readonly bytes: Uint8Array
}

/** A record's place in the tree: its path and its CID. */
export interface WalkedLeaf {
  readonly cid: Uint8Array
  readonly key: string
}

interface LoadedNode {
  readonly bytes: Uint8Array
  readonly node: MstNode
}

/**
 * Nodes and leaves in pre-order, left to right, as many at a time as were read together. Subtrees that `enters` refuses are left out, their root included.
 * @throws XrpcError 503 `RepoMoved`
 */
export async function* walkNodes(
  read: NodeReader,
  root: Uint8Array,
  enters: (cid: Uint8Array) => boolean,
): AsyncGenerator<ReadonlyArray<WalkedNode | WalkedLeaf>> {
  const loaded = new Map<string, LoadedNode>()
  const ahead: Array<Uint8Array | WalkedLeaf> = [root]
  let walked: Array<WalkedNode | WalkedLeaf> = []
  for (let next = ahead.pop(); next; next = ahead.pop()) {
    if ('key' in next) {
      walked.push(next)
      continue
    }
    if (!enters(next)) continue
    const id = idOf(next)
    if (!loaded.has(id)) {
      if (walked.length > 0) yield walked
      walked = []
      await loadFrom(read, next, enters, loaded)
    }
    const found = loaded.get(id)
    if (!found) throw new XrpcError(503, 'RepoMoved', 'The repo was rewritten faster than it was read: ask again.')
    loaded.delete(id)
    walked.push({ cid: next, bytes: found.bytes })
    const { left, entries } = found.node
    for (const { key, value, right } of entries.toReversed()) {
      if (right) ahead.push(right)
      ahead.push({ key, cid: value })
    }
    if (left) ahead.push(left)
  }
  if (walked.length > 0) yield walked
}

/** Nodes read ahead at a time: some hundred kilobytes. */
const READ_AHEAD = 256

/** Loads the subtree below `cid` level by level, as far as READ_AHEAD reaches. */
const loadFrom = async (
  read: NodeReader,
  cid: Uint8Array,
  enters: (cid: Uint8Array) => boolean,
  loaded: Map<string, LoadedNode>,
): Promise<void> => {
  let level = [cid]
  for (let count = 0; level.length > 0 && count < READ_AHEAD;) {
    const wanted = level.slice(0, READ_AHEAD)
    const below: Uint8Array[] = []
    for (const [at, bytes] of (await read(wanted)).entries()) {
      if (!bytes) continue
      // Only trees are stored, and only checked ones.
      const node = parseNode(bytes)
      loaded.set(idOf(wanted[at] ?? cid), { bytes, node })
      for (const subtree of [node.left, ...node.entries.map(({ right }) => right)]) if (subtree && enters(subtree)) below.push(subtree)
    }
    count += wanted.length
    level = below
  }
}

/** The digest as a string of 32 bytes: cheaper than base32, and as good a key. */
const idOf = (cid: Uint8Array): string => String.fromCharCode.apply(null, cid.subarray(CID_PREFIX.length) as unknown as number[])
