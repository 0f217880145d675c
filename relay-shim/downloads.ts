/**
 * Bodies on their way to clients who may be slow, or never read at all. Each holds a piece of memory for as long as its client lets it: so a client has a time for each
 * piece, their number is bounded, and when it is reached whoever has waited longest for its client makes room.
 */
import { XrpcError } from '../wire/errors.ts'
import { BODY_DEADLINE_MS, CHUNK_BYTES, MAX_DOWNLOADS, MIN_UNREAD_MS } from '../wire/limits.ts'

/** Of all rooms that live in this isolate: they share its memory. Oldest wait first, for a wait moves its download to the end. */
const waiting = new Set<Download>()
let open = 0

export class Download {
  readonly #over: Promise<never>
  #cut!: (cause: Error) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #since = 0
  #hasEnded = false

  /**
   * @param cut called when the client has had its time; not after `end`
   * @throws XrpcError 503 Overloaded
   */
  constructor(cut: (cause: Error) => void = () => {}) {
    if (open >= MAX_DOWNLOADS) makeRoom()
    open += 1
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
    if (this.#hasEnded) return
    this.moved()
    this.#hasEnded = true
    open -= 1
  }
}

/** @throws XrpcError 503 Overloaded when every client reads as fast as it can */
const makeRoom = (): void => {
  const [slowest] = waiting
  if (!slowest || slowest.waitedMs < MIN_UNREAD_MS)
    throw new XrpcError(503, 'Overloaded', 'Too many downloads run at the same time.', { headers: { 'retry-after': '1' } })
  slowest.giveUp()
}
