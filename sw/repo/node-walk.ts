/** A walk through a whole tree straight from the bytes of its nodes: an export needs no objects, and reads many nodes at a time. */
import type { Cid } from '@atproto/lex-data'
import { decode } from '@ipld/dag-cbor'
import { XrpcError } from '../../wire/errors.ts'
import type { Block } from './car.ts'

export type NodeReader = (cids: readonly string[]) => Promise<ReadonlyArray<Uint8Array | undefined>>

/** A record's place in the tree: its path and its CID. */
export interface LeafEntry {
  readonly key: string
  readonly cid: Cid
}

/** @see https://atproto.com/specs/repository#mst-structure */
interface NodeData {
  readonly l: Cid | null
  readonly e: ReadonlyArray<{ readonly p: number; readonly k: Uint8Array; readonly v: Cid; readonly t: Cid | null }>
}

interface LoadedNode {
  readonly bytes: Uint8Array
  readonly data: NodeData
}

/** Nodes and leaves in pre-order, left to right. Subtrees that `enters` refuses are left out, their root included. @throws XrpcError 503 `RepoMoved` */
export async function* walkNodes(read: NodeReader, root: Cid, enters: (cid: string) => boolean): AsyncGenerator<Block | LeafEntry> {
  const loaded = new Map<string, LoadedNode>()
  const ahead: Array<Cid | LeafEntry> = [root]
  for (let next = ahead.pop(); next; next = ahead.pop()) {
    if ('key' in next) {
      yield next
      continue
    }
    const cid = String(next)
    if (!enters(cid)) continue
    if (!loaded.has(cid)) await loadFrom(read, cid, enters, loaded)
    const node = loaded.get(cid)
    if (!node) throw new XrpcError(503, 'RepoMoved', 'The repo was rewritten faster than it was read: ask again.')
    loaded.delete(cid)
    yield { cid: next, bytes: node.bytes }
    for (const entry of entriesOf(node.data).toReversed()) ahead.push(entry)
  }
}

/** Nodes read ahead at a time: some hundred kilobytes. */
const READ_AHEAD = 256

/** Loads the subtree below `cid` level by level, as far as READ_AHEAD reaches. */
const loadFrom = async (
  read: NodeReader,
  cid: string,
  enters: (cid: string) => boolean,
  loaded: Map<string, LoadedNode>,
): Promise<void> => {
  let level = [cid]
  for (let count = 0; level.length > 0 && count < READ_AHEAD;) {
    const wanted = level.slice(0, READ_AHEAD)
    const below: string[] = []
    for (const [at, bytes] of (await read(wanted)).entries()) {
      if (!bytes) continue
      // Every block here was hashed when it was stored, and only trees are.
      const data = decode<NodeData>(bytes)
      loaded.set(wanted[at] ?? cid, { bytes, data })
      for (const subtree of [data.l, ...data.e.map(({ t }) => t)]) if (subtree && enters(String(subtree))) below.push(String(subtree))
    }
    count += wanted.length
    level = below
  }
}

const ascii = new TextDecoder()

const entriesOf = ({ l, e }: NodeData): Array<Cid | LeafEntry> => {
  const entries: Array<Cid | LeafEntry> = l ? [l] : []
  let key = ''
  for (const { p, k, v, t } of e) {
    key = key.slice(0, p) + ascii.decode(k)
    entries.push({ key, cid: v })
    if (t) entries.push(t)
  }
  return entries
}
