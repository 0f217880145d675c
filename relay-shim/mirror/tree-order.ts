/**
 * A repo's tree in pre-order, followed while its blocks come: which block is next, and whether the tree has the one form that its records have.
 * @see https://atproto.com/specs/repository#mst-structure
 */
import { Refused } from '../refused.ts'
import { type TreeNode, layerOf, parseNode } from './node.ts'

/** `path`: of the record that the block is; null for a node. */
export interface NextBlock {
  readonly cid: string
  readonly path: string | null
}

interface Frame {
  readonly node: TreeNode
  readonly layer: number
  /** Subtree, entry, subtree, entry, …: how many of them are behind. */
  passed: number
}

export class TreeOrder {
  readonly #frames: Frame[] = []
  #root: string | null
  #lastKey = ''

  constructor(root: string) {
    this.#root = root
  }

  /** null: the tree is whole. A node must be entered before the next one is asked for. @throws Refused BadProof */
  next(): NextBlock | null {
    if (this.#root !== null) return { cid: this.#root, path: null }
    for (let frame = this.#frames.at(-1); frame; frame = this.#frames.at(-1)) {
      const i = frame.passed >> 1
      const isEntry = (frame.passed & 1) === 1
      frame.passed += 1
      const subtree = isEntry ? null : frame.node.subtrees[i]
      if (subtree) return { cid: subtree, path: null }
      const [path, cid] = [frame.node.keys[i], frame.node.values[i]]
      if (path === undefined || cid === undefined) this.#frames.pop()
      else if (isEntry) {
        if (path <= this.#lastKey || layerOf(path) !== frame.layer) throw misshapen()
        this.#lastKey = path
        return { cid, path }
      }
    }
    return null
  }

  /** The block of the node that was next. @throws Refused BadBlocks | BadProof */
  enter(block: Uint8Array): void {
    const node = readNode(block)
    const first = node.keys[0]
    const parent = this.#frames.at(-1)
    this.#root = null
    if (first === undefined && (node.subtrees[0] === null) !== (parent === undefined)) throw misshapen()
    const layer = parent ? parent.layer - 1 : first === undefined ? 0 : layerOf(first)
    if (layer < 0) throw misshapen()
    this.#frames.push({ node, layer, passed: 0 })
  }
}

const misshapen = (): Refused => new Refused('BadProof', 'The tree of the snapshot is not in the one form that its records have.')

const readNode = (block: Uint8Array): TreeNode => {
  try {
    return parseNode(block)
  } catch (cause) {
    throw new Refused('BadBlocks', 'The snapshot has a tree node that is none.', { cause })
  }
}
