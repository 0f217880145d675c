/**
 * The part of a Merkle Search Tree that an event shows, mutable, so that its ops can be undone on it. Nodes are loaded when a path leads
 * through them; an op that needs a node the event left out throws, which is exactly what an insufficient proof is.
 * Synchronous but for the hashing: `@atproto/repo`'s MST awaits at every step, and verifying sits between each write and its answer.
 * @see https://atproto.com/specs/repository#mst-structure
 */
import { cidOfBlock } from './cid.ts'
import { layerOf, parseNode, writeNode } from './node.ts'

interface Branch {
  readonly kind: 'branch'
  readonly layer: number
  keys: string[]
  values: string[]
  /** A string is a subtree that was never looked into. */
  subtrees: (Branch | string | null)[]
  /** CID as loaded; null once something below has changed. */
  cid: string | null
}

/** A tree node's block by CID, undefined when there is none. */
export type NodeSource = (cid: string) => Uint8Array | undefined

export class PartialTree {
  readonly #source: NodeSource
  /** A string once the top was trimmed down to a node that was never shown: its CID is all one can say of it. */
  #top: Branch | string
  readonly #touched = new Set<string>()

  /** @throws when the root is missing or is no node. */
  constructor(source: NodeSource, root: string) {
    this.#source = source
    const node = this.#parse(root)
    const first = node.keys[0]
    if (first === undefined && node.subtrees[0] !== null) throw new Error('tree: root without entries above others')
    this.#top = this.#branch(root, node, first === undefined ? 0 : layerOf(first))
  }

  /** CID of the record at `key`, null when there is none. */
  get(key: string): string | null {
    let branch: Branch | null = this.#root
    while (branch) {
      const at = position(branch, key)
      if (branch.keys[at] === key) {
        // A key on a wrong layer would be found here but not by everybody, and would make a second tree for the same records.
        if (layerOf(key) !== branch.layer) throw new Error(`tree: ${key} is on the wrong layer`)
        return branch.values[at] ?? null
      }
      branch = this.#child(branch, at)
    }
    return null
  }

  /** @throws when `key` is not there. */
  update(key: string, value: string): void {
    for (let branch: Branch | null = this.#root; branch;) {
      this.#touch(branch)
      const at = position(branch, key)
      if (branch.keys[at] === key) {
        branch.values[at] = value
        return
      }
      branch = this.#child(branch, at)
    }
    throw new Error(`tree: nothing at ${key}`)
  }

  /** @throws when `key` is not there. */
  remove(key: string): void {
    this.#top = this.#removeFrom(this.#root, key)
    while (typeof this.#top === 'object' && this.#top.keys.length === 0) {
      const only: Branch | string | null = this.#top.subtrees[0] ?? null
      if (only === null) break
      this.#touch(this.#top)
      this.#top = typeof only === 'string' && this.#source(only) ? this.#load(only, this.#top.layer - 1) : only
    }
  }

  /** @throws when `key` is there already. */
  insert(key: string, value: string): void {
    const layer = layerOf(key)
    if (this.#root.keys.length === 0 && this.#root.subtrees[0] === null) {
      this.#touch(this.#root)
      this.#top = { kind: 'branch', layer, keys: [key], values: [value], subtrees: [null, null], cid: null }
      return
    }
    if (layer <= this.#root.layer) {
      this.#insertInto(this.#root, key, value, layer)
      return
    }
    let [left, right] = this.#split(this.#root, key)
    for (let above = this.#root.layer + 1; above < layer; above++) {
      left = left && holder(above, left)
      right = right && holder(above, right)
    }
    this.#top = { kind: 'branch', layer, keys: [key], values: [value], subtrees: [left, right], cid: null }
  }

  /**
   * `root`: the CID of the tree as it is now. `written`: nodes it has and the loaded tree has not. `replaced`: the other way round.
   */
  async seal(): Promise<{ root: string; written: ReadonlySet<string>; replaced: ReadonlySet<string> }> {
    const written = new Set<string>()
    const replaced = new Set(this.#touched)
    const seal = async (branch: Branch): Promise<string> => {
      if (branch.cid !== null) return branch.cid
      const { keys, values } = branch
      const subtrees = await Promise.all(
        branch.subtrees.map((subtree) => (typeof subtree === 'object' && subtree ? seal(subtree) : subtree)),
      )
      branch.cid = await cidOfBlock(writeNode({ keys, values, subtrees }))
      // A node that came apart and together again is the same node.
      if (!replaced.delete(branch.cid)) written.add(branch.cid)
      return branch.cid
    }
    return { root: typeof this.#top === 'string' ? this.#top : await seal(this.#top), written, replaced }
  }

  get #root(): Branch {
    if (typeof this.#top === 'string') throw new Error(`tree: node ${this.#top} is not among the blocks`)
    return this.#top
  }

  #removeFrom(branch: Branch, key: string): Branch {
    const at = position(branch, key)
    this.#touch(branch)
    if (branch.keys[at] === key) {
      const merged = this.#merge(branch.subtrees[at] ?? null, branch.subtrees[at + 1] ?? null, branch.layer - 1)
      branch.keys.splice(at, 1)
      branch.values.splice(at, 1)
      branch.subtrees.splice(at, 2, merged)
      return branch
    }
    const child = this.#child(branch, at)
    if (!child) throw new Error(`tree: nothing at ${key}`)
    const left = this.#removeFrom(child, key)
    branch.subtrees[at] = left.keys.length === 0 && left.subtrees[0] === null ? null : left
    return branch
  }

  #merge(left: Branch | string | null, right: Branch | string | null, layer: number): Branch | string | null {
    if (left === null || right === null) return left ?? right
    const a = this.#load(left, layer)
    const b = this.#load(right, layer)
    this.#touch(a)
    this.#touch(b)
    const middle = this.#merge(a.subtrees.at(-1) ?? null, b.subtrees[0] ?? null, layer - 1)
    return {
      kind: 'branch',
      layer,
      keys: [...a.keys, ...b.keys],
      values: [...a.values, ...b.values],
      subtrees: [...a.subtrees.slice(0, -1), middle, ...b.subtrees.slice(1)],
      cid: null,
    }
  }

  #insertInto(branch: Branch, key: string, value: string, layer: number): void {
    const at = position(branch, key)
    if (branch.keys[at] === key) throw new Error(`tree: ${key} is there already`)
    this.#touch(branch)
    const child = this.#child(branch, at)
    if (layer === branch.layer) {
      const halves = child ? this.#split(child, key) : [null, null]
      branch.keys.splice(at, 0, key)
      branch.values.splice(at, 0, value)
      branch.subtrees.splice(at, 1, ...halves)
    } else if (child) {
      this.#insertInto(child, key, value, layer)
    } else {
      let fresh: Branch = { kind: 'branch', layer, keys: [key], values: [value], subtrees: [null, null], cid: null }
      for (let above = layer + 1; above < branch.layer; above++) fresh = holder(above, fresh)
      branch.subtrees[at] = fresh
    }
  }

  /** What is left and right of `key`, which must not be in `branch`. */
  #split(branch: Branch, key: string): [Branch | null, Branch | null] {
    const at = position(branch, key)
    if (branch.keys[at] === key) throw new Error(`tree: ${key} is there already`)
    const child = this.#child(branch, at)
    this.#touch(branch)
    const [below, above] = child ? this.#split(child, key) : [null, null]
    const half = (from: number, to: number, subtrees: Branch['subtrees']): Branch | null =>
      from === to && subtrees[0] === null
        ? null
        : {
            kind: 'branch',
            layer: branch.layer,
            keys: branch.keys.slice(from, to),
            values: branch.values.slice(from, to),
            subtrees,
            cid: null,
          }
    return [half(0, at, [...branch.subtrees.slice(0, at), below]), half(at, branch.keys.length, [above, ...branch.subtrees.slice(at + 1)])]
  }

  #touch(branch: Branch): void {
    if (branch.cid !== null) this.#touched.add(branch.cid)
    branch.cid = null
  }

  #child(branch: Branch, at: number): Branch | null {
    const subtree = branch.subtrees[at] ?? null
    if (subtree === null) return null
    const child = this.#load(subtree, branch.layer - 1)
    branch.subtrees[at] = child
    return child
  }

  #load(subtree: Branch | string, layer: number): Branch {
    if (typeof subtree === 'object') return subtree
    if (layer < 0) throw new Error('tree: nodes below the lowest layer')
    const node = this.#parse(subtree)
    if (node.keys.length === 0 && node.subtrees[0] === null) throw new Error('tree: an empty node below the root')
    return this.#branch(subtree, node, layer)
  }

  #parse(cid: string): ReturnType<typeof parseNode> {
    const block = this.#source(cid)
    if (!block) throw new Error(`tree: node ${cid} is not among the blocks`)
    return parseNode(block)
  }

  #branch(cid: string, node: ReturnType<typeof parseNode>, layer: number): Branch {
    return { kind: 'branch', layer, keys: [...node.keys], values: [...node.values], subtrees: [...node.subtrees], cid }
  }
}

/** Index of `key` among the branch's keys, or of the subtree where it would be. */
const position = (branch: Branch, key: string): number => {
  const at = branch.keys.findIndex((each) => each >= key)
  return at < 0 ? branch.keys.length : at
}

/** A node with no entry of its own: layers are never left out. */
const holder = (layer: number, below: Branch): Branch => ({ kind: 'branch', layer, keys: [], values: [], subtrees: [below], cid: null })
