/** Where the tree reads its nodes: the checkpoint in the store, plus what commits have added since, which only the event log holds yet. */
import type { Cid } from '@atproto/lex-data'
import { BlockMap, ReadableBlockstore } from '@atproto/repo'
import { base32 } from 'multiformats/bases/base32'
import { NodePacks } from '../store/node-packs.ts'
import { readNodes } from '../store/nodes.ts'
import { CID_PREFIX } from '../store/packs.ts'
import type { Store } from '../store/open.ts'
import type { NodeReader } from './node-walk.ts'
import type { Nodes } from './tree.ts'

export class NodeLog extends ReadableBlockstore {
  /** Nodes of the landed tree that are not stored. */
  readonly added = new Map<string, Uint8Array<ArrayBuffer>>()
  /** Stored nodes that the landed tree has no use for. */
  readonly dropped = new Set<string>()
  addedBytes = 0
  readonly #store: Store
  readonly #packs: NodePacks | null

  /** @param generation of the repo; 0 was never imported */
  constructor(store: Store, generation: number) {
    super()
    this.#store = store
    this.#packs = generation > 0 ? new NodePacks(store, generation) : null
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
  reader(): NodeReader {
    const recent = new Map(this.added)
    return async (cids) => {
      if (recent.size === 0) return this.#read(cids)
      const found = cids.map((cid) => recent.get(base32.encode(cid)))
      const stored = await this.#read(cids.filter((_, at) => !found[at]))
      let next = 0
      return found.map((bytes) => bytes ?? stored[next++])
    }
  }

  async getBytes(cid: Cid): Promise<Uint8Array | null> {
    return this.added.get(String(cid)) ?? (await this.#read([cid.bytes]))[0] ?? null
  }

  /** An imported tree lies in packs, what came after it in rows. */
  async #read(cids: readonly Uint8Array[]): Promise<Array<Uint8Array | undefined>> {
    const packs = this.#packs
    const found = packs ? await Promise.all(cids.map((cid) => packs.find(cid.subarray(CID_PREFIX.length)))) : cids.map(() => undefined)
    const missing = cids.filter((_, at) => !found[at])
    const rows =
      missing.length > 0
        ? await readNodes(
            this.#store,
            missing.map((cid) => base32.encode(cid)),
          )
        : []
    let next = 0
    return found.map((bytes) => bytes ?? rows[next++])
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
