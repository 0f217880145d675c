/** Blocks that the room asks a tab for, one batch after the other. What comes is what was asked for, in that order, or nothing of it is believed. */
import { MAX_ASKED_CIDS, MAX_RECORD_BYTES, MAX_REPAIR_BLOCKS, MAX_REPAIR_BYTES } from '../../wire/limits.ts'
import { Refused } from '../refused.ts'
import { type Block, readBlock, readSections } from './car.ts'

export class BlockPull {
  readonly #sections: AsyncGenerator<Uint8Array, void, void>
  readonly #want: (cids: readonly string[]) => void
  #blocks = 0
  #bytes = 0

  /** @param upload the tab's answers, as CAR sections without a header */
  constructor(upload: AsyncIterable<Uint8Array>, want: (cids: readonly string[]) => void) {
    this.#sections = readSections(upload, MAX_RECORD_BYTES)
    this.#want = want
  }

  /** @throws Refused TooDifferent | BadBlocks, and what the upload fails with */
  async pull(cids: readonly string[]): Promise<Map<string, Uint8Array>> {
    this.#blocks += cids.length
    if (this.#blocks > MAX_REPAIR_BLOCKS) throw tooDifferent(`more than ${MAX_REPAIR_BLOCKS} blocks`)
    const found = new Map<string, Uint8Array>()
    for (let at = 0; at < cids.length; at += MAX_ASKED_CIDS) {
      const asked = cids.slice(at, at + MAX_ASKED_CIDS)
      this.#want(asked)
      for (const cid of asked) found.set(cid, await this.#next(cid))
    }
    return found
  }

  async #next(cid: string): Promise<Uint8Array> {
    const block = await this.#read()
    if (block?.cid !== cid) throw new Refused('BadBlocks', `The tab sent ${block?.cid ?? 'nothing'} where ${cid} was asked for.`)
    this.#bytes += block.bytes.length
    if (this.#bytes > MAX_REPAIR_BYTES) throw tooDifferent(`more than ${MAX_REPAIR_BYTES} bytes`)
    return block.bytes
  }

  async #read(): Promise<Block | null> {
    try {
      const { value } = await this.#sections.next()
      return value ? await readBlock(value) : null
    } catch (cause) {
      if (cause instanceof Refused) throw cause
      throw new Refused('BadBlocks', `What the tab sent is no block: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause })
    }
  }
}

/** The tab sends a snapshot then. */
export const tooDifferent = (what: string): Refused => new Refused('TooDifferent', `The mirror differs in ${what}: a snapshot is cheaper.`)
