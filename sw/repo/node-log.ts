/** Where the tree reads its nodes: the checkpoint in the store, plus what commits have added since, which only the event log holds yet. */
import type { Cid } from '@atproto/lex-data'
import { BlockMap, ReadableBlockstore } from '@atproto/repo'
import { readNode, readNodes } from '../store/nodes.ts'
import type { Store } from '../store/open.ts'
import type { Nodes } from './tree.ts'

export class NodeLog extends ReadableBlockstore {
  /** Nodes of the landed tree that are not stored. */
  readonly added = new Map<string, Uint8Array<ArrayBuffer>>()
  /** Stored nodes that the landed tree has no use for. */
  readonly dropped = new Set<string>()
  addedBytes = 0
  readonly #store: Store

  constructor(store: Store) {
    super()
    this.#store = store
  }

  apply(added: Nodes, removed: readonly string[]): void {
    for (const cid of removed) {
      const bytes = this.added.get(cid)
      if (bytes) {
        this.added.delete(cid)
        this.addedBytes -= bytes.length
      } else this.dropped.add(cid)
    }
    for (const [cid, { bytes }] of added) {
      if (this.dropped.delete(cid) || this.added.has(cid)) continue
      // A view would take its whole backing buffer into IndexedDB with it.
      this.added.set(cid, bytes.slice())
      this.addedBytes += bytes.length
    }
  }

  /** What was added and dropped is in the store now. */
  checkpointed(): void {
    this.added.clear()
    this.dropped.clear()
    this.addedBytes = 0
  }

  /** Reads nodes as they are now, many at a time: what is added later, or checkpointed, does not disturb it. */
  reader(): (cids: readonly string[]) => Promise<ReadonlyArray<Uint8Array | undefined>> {
    const recent = new Map(this.added)
    return async (cids) => {
      const stored = cids.filter((cid) => !recent.has(cid))
      const found = stored.length > 0 ? await readNodes(this.#store, stored) : []
      const byCid = new Map(stored.map((cid, at) => [cid, found[at]]))
      return cids.map((cid) => recent.get(cid) ?? byCid.get(cid))
    }
  }

  async getBytes(cid: Cid): Promise<Uint8Array | null> {
    const key = String(cid)
    return this.added.get(key) ?? (await readNode(this.#store, key)) ?? null
  }

  async has(cid: Cid): Promise<boolean> {
    return (await this.getBytes(cid)) !== null
  }

  async getBlocks(cids: Cid[]): Promise<{ blocks: BlockMap; missing: Cid[] }> {
    const blocks = new BlockMap()
    const missing: Cid[] = []
    for (const cid of cids) {
      const bytes = await this.getBytes(cid)
      if (bytes) blocks.set(cid, bytes)
      else missing.push(cid)
    }
    return { blocks, missing }
  }
}
