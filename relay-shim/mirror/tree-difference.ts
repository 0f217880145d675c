/**
 * Two trees side by side, from the top layer down: what both have is left out with all below it, and of the rest each node is read once. A node lies in the layer
 * and in the range that its keys say; so a subtree that both trees have is met in both at the same layer.
 * @see https://atproto.com/specs/repository#mst-structure
 */
import { MAX_ASKED_CIDS, MAX_REPAIR_BLOCKS } from '../../wire/limits.ts'
import { Refused } from '../refused.ts'
import { tooDifferent } from './block-pull.ts'
import { type TreeNode, layerOf, parseNode } from './node.ts'

export interface TreeDifference {
  /** Nodes that only the new tree has, and those that only the old one has. */
  readonly nodesIn: ReadonlyMap<string, Uint8Array>
  readonly nodesOut: ReadonlySet<string>
  /** Their entries: path to CID. */
  readonly recordsIn: ReadonlyMap<string, string>
  readonly recordsOut: ReadonlyMap<string, string>
}

/** Blocks by CID; all that were asked for, or it throws. */
export type ReadNodes = (cids: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>

/** Keys of a subtree lie between these, exclusive. */
interface Range {
  readonly above: string
  readonly below: string
}
/** No character of a key comes after the tilde. */
const EVERYTHING: Range = { above: '', below: '\u007f' }

/** The nodes of one layer that are still to be read. */
type Level = Map<string, Range>

/**
 * The old tree is ours and was verified when it came. The new one is checked as a whole: each node's form, layer and keys, and where it takes a subtree over from
 * the old tree, that its keys fit there.
 * @throws Refused BadBlocks | BadProof | TooDifferent, and what the readers throw
 */
export const compareTrees = async (
  roots: { readonly old: string; readonly new: string },
  read: { readonly old: ReadNodes; readonly new: ReadNodes },
): Promise<TreeDifference> => {
  const nodesIn = new Map<string, Uint8Array>()
  const nodesOut = new Set<string>()
  const recordsIn = new Map<string, string>()
  const recordsOut = new Map<string, string>()
  const difference = { nodesIn, nodesOut, recordsIn, recordsOut }
  if (roots.old === roots.new) return difference

  const fresh = await Top.read(roots.new, read.new)
  const old = await Top.read(roots.old, read.old)
  const edges: Edge[] = []
  let [coming, going]: [Level, Level] = [new Map(), new Map()]
  for (let layer = Math.max(fresh.layer, old.layer); layer >= 0; layer--) {
    if (layer === fresh.layer) coming.set(roots.new, EVERYTHING)
    if (layer === old.layer) going.set(roots.old, EVERYTHING)
    for (const [cid, range] of coming) {
      const before = going.get(cid)
      if (!before) continue
      coming.delete(cid)
      going.delete(cid)
      edges.push(...edgesOf(cid, before, range))
    }
    if (nodesOut.size + going.size > MAX_REPAIR_BLOCKS) throw tooDifferent('most of its tree')
    const below: { readonly coming: Level; readonly going: Level } = { coming: new Map(), going: new Map() }
    for (const [cid, block] of await fresh.nodes([...coming.keys()])) {
      const node = checkedNode(block, layer, coming.get(cid) ?? EVERYTHING, cid === roots.new)
      nodesIn.set(cid, block)
      enter(node, coming.get(cid) ?? EVERYTHING, recordsIn, below.coming)
    }
    for (const [cid, block] of await old.nodes([...going.keys()])) {
      nodesOut.add(cid)
      enter(parseNode(block), going.get(cid) ?? EVERYTHING, recordsOut, below.going)
    }
    ;({ coming, going } = below)
  }
  if (coming.size > 0) throw misshapen()
  await checkEdges(edges, read.old)
  return difference
}

/** Where a tree begins: its layer is known only when its root has come. */
class Top {
  readonly layer: number
  readonly #root: string
  readonly #block: Uint8Array
  readonly #read: ReadNodes

  static async read(root: string, read: ReadNodes): Promise<Top> {
    const block = (await read([root])).get(root) ?? new Uint8Array(0)
    const first = readNode(block).keys[0]
    return new Top(root, block, read, first === undefined ? 0 : layerOf(first))
  }

  private constructor(root: string, block: Uint8Array, read: ReadNodes, layer: number) {
    this.#root = root
    this.#block = block
    this.#read = read
    this.layer = layer
  }

  /** In this order; the root was read before. */
  async nodes(cids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    if (cids.length === 1 && cids[0] === this.#root) return new Map([[this.#root, this.#block]])
    return cids.length === 0 ? new Map() : this.#read(cids)
  }
}

/** @throws Refused BadBlocks | BadProof */
const checkedNode = (block: Uint8Array, layer: number, { above, below }: Range, isRoot: boolean): TreeNode => {
  const node = readNode(block)
  const { keys, subtrees } = node
  const [first, last] = [keys[0], keys.at(-1)]
  if (first === undefined ? (subtrees[0] === null) !== isRoot : first <= above || (last ?? '') >= below) throw misshapen()
  if (keys.some((key) => layerOf(key) !== layer)) throw misshapen()
  return node
}

/** Notes the node's records, and its subtrees for the layer below. @throws Refused BadProof when a subtree stands twice in a tree */
const enter = ({ keys, values, subtrees }: TreeNode, range: Range, records: Map<string, string>, level: Level): void => {
  for (const [i, subtree] of subtrees.entries()) {
    const [key, value] = [keys[i], values[i]]
    if (key !== undefined && value !== undefined) records.set(key, value)
    if (subtree === null) continue
    if (level.has(subtree)) throw misshapen()
    level.set(subtree, { above: keys[i - 1] ?? range.above, below: key ?? range.below })
  }
}

/** One end of a subtree that the new tree has taken over: its first key must be greater than `limit`, or its last one smaller. */
interface Edge {
  readonly cid: string
  readonly end: 'first' | 'last'
  readonly limit: string
}

/** Where the new tree leaves a subtree no less room than the old one did, its keys fit. */
const edgesOf = (cid: string, before: Range, now: Range): Edge[] => [
  ...(now.above > before.above ? [{ cid, end: 'first', limit: now.above } as const] : []),
  ...(now.below < before.below ? [{ cid, end: 'last', limit: now.below } as const] : []),
]

/** Down the edges of those subtrees, which are here. @throws Refused BadProof */
const checkEdges = async (edges: readonly Edge[], read: ReadNodes): Promise<void> => {
  for (let from = 0; from < edges.length; from += MAX_ASKED_CIDS) {
    for (let level: readonly Edge[] = edges.slice(from, from + MAX_ASKED_CIDS); level.length > 0;) {
      const blocks = await read([...new Set(level.map(({ cid }) => cid))])
      level = level.flatMap((edge) => {
        const { keys, subtrees } = parseNode(blocks.get(edge.cid) ?? new Uint8Array(0))
        const isFirst = edge.end === 'first'
        const below = isFirst ? subtrees[0] : subtrees.at(-1)
        if (below) return [{ ...edge, cid: below }]
        const key = (isFirst ? keys[0] : keys.at(-1)) ?? ''
        if (isFirst ? key <= edge.limit : key >= edge.limit) throw misshapen()
        return []
      })
    }
  }
}

const misshapen = (): Refused => new Refused('BadProof', 'The new tree is not in the one form that its records have.')

const readNode = (block: Uint8Array): TreeNode => {
  try {
    return parseNode(block)
  } catch (cause) {
    throw new Refused('BadBlocks', 'The new tree has a node that is none.', { cause })
  }
}
