/**
 * Readers that walk the whole tree take a while, and commits go on meanwhile. While anyone reads, checkpoints are put off (they delete nodes)
 * and records that are replaced are kept here, so that a reader finishes the repo it began with.
 */
import { MAX_PINNED_BYTES } from '../../wire/limits.ts'
import type { RecordRow } from '../store/schema.ts'

export class Pins {
  readonly #replaced = new Map<string, Uint8Array>()
  #readers = 0
  #bytes = 0

  get readers(): number {
    return this.#readers
  }

  /** @returns the release function; calling it twice does no harm. */
  acquire(): () => void {
    this.#readers += 1
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#readers -= 1
      if (this.#readers > 0) return
      this.#replaced.clear()
      this.#bytes = 0
    }
  }

  keep = (row: RecordRow): void => {
    if (this.#bytes + row.bytes.length > MAX_PINNED_BYTES) return
    this.#replaced.set(row.cid, row.bytes)
    this.#bytes += row.bytes.length
  }

  replaced(cid: string): Uint8Array | undefined {
    return this.#replaced.get(cid)
  }
}
