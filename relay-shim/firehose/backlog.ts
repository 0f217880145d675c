/**
 * How much of what was sent lies unread in this process, for each subscriber and together. A socket's `send` never waits, so the room must: whoever reads slowly gets no more until
 * it has read, and nobody can make the room hold more than its share.
 * @see docs/decisions/0014-the-firehose-waits-for-its-readers.md
 */
import {
  DRAIN_POLL_MAX_MS,
  DRAIN_POLL_MIN_MS,
  SENT_FRAME_BYTES,
  SUBSCRIBER_BUFFER_BYTES,
  SUBSCRIBER_FLOOR_BYTES,
  SUBSCRIBER_SHARE,
  SUBSCRIBERS_BUFFER_BYTES,
  UNPROVEN_BYTES,
} from '../../wire/firehose-limits.ts'
import { MAX_EVENT_BYTES } from '../../wire/limits.ts'
import type { RoomSocket } from '../port.ts'

/** What one socket holds. */
export interface Holder {
  readonly socket: RoomSocket
  unread: number
}

export class Backlog {
  readonly #holders = new Set<Holder>()
  #bytes = 0
  #pauseMs = DRAIN_POLL_MIN_MS
  #drained: Promise<void> | null = null

  /** Bytes of all sockets; of those that have read something since it may be more than there is. */
  get bytes(): number {
    return this.#bytes
  }

  add(holder: Holder): void {
    this.#holders.add(holder)
    this.#bytes += holder.unread
  }

  remove(holder: Holder): void {
    if (this.#holders.delete(holder)) this.#bytes -= holder.unread
  }

  /**
   * May so much be sent now? Shares follow from what is free, so that something always is: many slow readers get little each.
   * @see https://doi.org/10.1109/90.664262 (dynamic thresholds of shared buffers)
   */
  admits(holder: Holder, bytes: number): boolean {
    const isKnown = this.#measure(holder)
    const total = isKnown ? SUBSCRIBERS_BUFFER_BYTES : UNPROVEN_BYTES
    const share = Math.min(isKnown ? SUBSCRIBER_BUFFER_BYTES : total, (total - this.#bytes) * SUBSCRIBER_SHARE)
    if (holder.unread + bytes <= Math.max(SUBSCRIBER_FLOOR_BYTES, share)) return true
    // Whoever has read everything gets an event of any size.
    return holder.unread === 0 && this.#bytes + bytes <= total + MAX_EVENT_BYTES
  }

  /** `sharedBy`: so many sockets get the very same bytes, which a runtime that does not copy holds once. */
  sent(holder: Holder, bytes: number, sharedBy: number): void {
    const cost = SENT_FRAME_BYTES + (holder.socket.unread() === null ? bytes / sharedBy : bytes)
    holder.unread += cost
    this.#bytes += cost
  }

  /** A moment later, when sockets may have been read: soon while they are, later and later while nothing moves. */
  drained(): Promise<void> {
    this.#drained ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#drained = null
        const before = this.#bytes
        for (const holder of this.#holders) this.#measure(holder)
        this.#pauseMs = this.#bytes < before ? DRAIN_POLL_MIN_MS : Math.min(this.#pauseMs * 2, DRAIN_POLL_MAX_MS)
        resolve()
      }, this.#pauseMs)
    })
    return this.#drained
  }

  /** False where the runtime does not tell: then everything sent counts as unread. */
  #measure(holder: Holder): boolean {
    const unread = holder.socket.unread()
    if (unread === null) return false
    this.#bytes += unread - holder.unread
    holder.unread = unread
    return true
  }
}
