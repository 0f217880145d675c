/** The newest events in memory, unbroken and in order: where a replay steps over to live without touching storage. */
import { FIREHOSE_TAIL_BYTES, FIREHOSE_TAIL_EVENTS } from '../../wire/firehose-limits.ts'
import type { StoredEvent } from './log.ts'

export class Tail {
  readonly #events: StoredEvent[] = []
  #bytes = 0
  #after: number

  /** @param after number of the event before the first that will be pushed */
  constructor(after: number) {
    this.#after = after
  }

  /** Every event after this one is here. */
  get after(): number {
    return this.#after
  }

  push(event: StoredEvent): void {
    this.#events.push(event)
    this.#bytes += event.frame.length
    while (this.#events.length > FIREHOSE_TAIL_EVENTS || this.#bytes > FIREHOSE_TAIL_BYTES) {
      const oldest = this.#events.shift()
      if (!oldest) break
      this.#after = oldest.seq
      this.#bytes -= oldest.frame.length
    }
  }

  /** The events after `seq`, which must not be before `after`. */
  since(seq: number): readonly StoredEvent[] {
    let low = 0
    for (let high = this.#events.length; low < high;) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle]?.seq ?? Infinity) > seq) high = middle
      else low = middle + 1
    }
    return this.#events.slice(low)
  }
}
