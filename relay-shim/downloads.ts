/**
 * Bodies on their way to clients who may be slow, or never read at all. Each holds a piece of memory for as long as its client lets it: so a client has a time for each
 * piece, their number is bounded, and when it is reached whoever has waited longest for its client makes room.
 */
import { XrpcError } from '../wire/errors.ts'
import { BODY_DEADLINE_MS, CHUNK_BYTES, DOWNLOADS_BYTES, MAX_DOWNLOADS, MIN_UNREAD_MS } from '../wire/limits.ts'

/** Of all rooms that live in this isolate, for they share its memory; who has waited longest comes first. One that waits for its tab holds nothing and is not here. */
const waiting = new Set<Download>()

/** Bytes that each of them may hold now: one alone reads far ahead, many only what they send next. */
export const downloadShare = (): number => DOWNLOADS_BYTES / Math.max(1, waiting.size)

export class Download {
  readonly #over: Promise<never>
  #cut!: (cause: Error) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #since = 0
  #hasEnded = false

  /**
   * @param cut called when the client has had its time; not after `end`
   * @throws XrpcError 503 Overloaded when too many run, and no client of them is slow
   */
  constructor(cut: (cause: Error) => void = () => {}) {
    if (waiting.size >= MAX_DOWNLOADS && !cutSlowest(MIN_UNREAD_MS))
      throw new XrpcError(503, 'Overloaded', 'Too many downloads run at the same time.', { headers: { 'retry-after': '1' } })
    this.#over = new Promise((_, reject) => {
      this.#cut = (cause) => {
        if (this.#hasEnded) return
        this.end()
        reject(cause)
        cut(cause)
      }
    })
    this.#over.catch(() => {})
  }

  /** How long it has waited for its client, in ms. */
  get waitedMs(): number {
    return Date.now() - this.#since
  }

  /** Hands `bytes` to the client, who has taken them when `taken` resolves. @throws DOMException TimeoutError, and what `taken` throws */
  async send(bytes: number, taken: Promise<void>): Promise<void> {
    this.waits(bytes)
    await Promise.race([taken, this.#over])
    this.moved()
  }

  /** The client has `bytes` to take from now on. */
  waits(bytes: number): void {
    if (this.#hasEnded) return
    if (waiting.size >= MAX_DOWNLOADS) cutSlowest(waiting.size < 2 * MAX_DOWNLOADS ? MIN_UNREAD_MS : 0)
    this.#since = Date.now()
    waiting.add(this)
    this.#timer = setTimeout(() => this.giveUp(), BODY_DEADLINE_MS * Math.ceil(bytes / CHUNK_BYTES))
  }

  /** It has taken them. */
  moved(): void {
    clearTimeout(this.#timer)
    waiting.delete(this)
  }

  giveUp(): void {
    this.#cut(new DOMException('The client does not read.', 'TimeoutError'))
  }

  /** All was sent, or the client is gone. */
  end(): void {
    this.moved()
    this.#hasEnded = true
  }
}

/** False: none has waited that long. */
const cutSlowest = (waitedMs: number): boolean => {
  const [slowest] = waiting
  if (!slowest || slowest.waitedMs < waitedMs) return false
  slowest.giveUp()
  return true
}
