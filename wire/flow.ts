/** Bodies in pieces, with credit, at either end of the uplink: whoever sends keeps at most STREAM_WINDOW_BYTES unread by the other side, so no body is ever held whole. */
import { BadFrame } from './codec.ts'
import { CHUNK_BYTES, STREAM_WINDOW_BYTES } from './limits.ts'
import { Pieces } from './pieces.ts'

/** Credits are gathered up to this, so that a fast reader does not answer every piece with a frame. */
const CREDIT_STEP_BYTES = STREAM_WINDOW_BYTES / 4
const NOTHING = new Uint8Array(0)

/** One body on its way out. */
export class Outflow {
  readonly #send: (piece: Uint8Array, end: boolean) => void
  #left = STREAM_WINDOW_BYTES
  #isStopped = false
  #wake: (() => void) | undefined

  constructor(send: (piece: Uint8Array, end: boolean) => void) {
    this.#send = send
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** @throws BadFrame when more is credited than was sent: whoever believed it would send without end to somebody who does not read */
  credit(bytes: number): void {
    if (this.#left + bytes > STREAM_WINDOW_BYTES) throw new BadFrame('credit for what was never sent')
    this.#left += bytes
    this.#wake?.()
  }

  /** The reader wants no more, or is gone. */
  stop(): void {
    this.#isStopped = true
    this.#wake?.()
  }

  /** Sends everything, and the end. Resolves false when the reader has stopped. @throws what the source throws */
  async pipe(source: AsyncIterable<Uint8Array>): Promise<boolean> {
    for await (const chunk of source) if (!(await this.write(chunk))) return false
    if (this.#isStopped) return false
    this.#send(NOTHING, true)
    return true
  }

  /** Sends `chunk`, in as many pieces as it takes. One caller at a time. Resolves false when the reader has stopped. */
  async write(chunk: Uint8Array): Promise<boolean> {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
      const piece = chunk.subarray(at, at + CHUNK_BYTES)
      while (this.#left < piece.length && !this.#isStopped)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      if (this.#isStopped) return false
      this.#left -= piece.length
      this.#send(piece, false)
    }
    return !this.#isStopped
  }
}

/** How long nothing may come while somebody waits for it, and what is wrong then. */
export interface Idleness {
  readonly ms: number
  readonly failure: Error
}

/** One body on its way in, read by one consumer; what it has read is credited when it comes for more. */
export class Inflow implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  readonly #grant: (bytes: number) => void
  readonly #idleness: Idleness | undefined
  readonly #pieces = new Pieces()
  #window = STREAM_WINDOW_BYTES
  #owed = 0
  #ended = false
  #failure: Error | null = null
  #abandoned = false
  #wake: (() => void) | null = null

  /** @param idleness left out: it may take for ever */
  constructor(grant: (bytes: number) => void, idleness?: Idleness) {
    this.#grant = grant
    this.#idleness = idleness
  }

  /** @throws BadFrame when the sender overran its window or went on after the end. */
  accept(piece: Uint8Array, end: boolean): void {
    if (this.#ended) throw new BadFrame('a body went on after its end')
    this.#window -= piece.length
    if (this.#window < 0) throw new BadFrame('a body overran its window')
    this.#ended = end
    if (this.#abandoned) return
    // Messages never are shared memory; the type cannot say so.
    this.#pieces.push(piece as Uint8Array<ArrayBuffer>)
    this.#wake?.()
  }

  /** The sender broke off. What has come whole stays whole. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#failure ??= error
    this.#wake?.()
  }

  /** Nobody reads any more: what still comes is dropped, uncredited. */
  abandon(): void {
    this.#abandoned = true
    this.#pieces.clear()
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    try {
      while (!this.#abandoned) {
        const piece = this.#pieces.shift()
        if (piece) {
          yield piece
          this.#repay(piece.length)
        } else if (this.#ended) return
        else if (this.#failure) throw this.#failure
        else await this.#more()
      }
    } finally {
      this.abandon()
    }
  }

  async #more(): Promise<void> {
    const { ms, failure } = this.#idleness ?? {}
    const idle = failure && setTimeout(() => this.fail(failure), ms)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    clearTimeout(idle)
  }

  #repay(bytes: number): void {
    this.#owed += bytes
    if (this.#ended || this.#owed < CREDIT_STEP_BYTES) return
    this.#window += this.#owed
    this.#grant(this.#owed)
    this.#owed = 0
  }
}

/** Small chunks as full pieces, where throughput counts and the first byte may wait: each frame costs a head and a credit. */
export async function* packed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let gathered = new Uint8Array(CHUNK_BYTES)
  let length = 0
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const taken = Math.min(chunk.length - at, CHUNK_BYTES - length)
      gathered.set(chunk.subarray(at, at + taken), length)
      length += taken
      at += taken
      if (length < CHUNK_BYTES) continue
      yield gathered
      gathered = new Uint8Array(CHUNK_BYTES)
      length = 0
    }
  }
  if (length > 0) yield gathered.subarray(0, length)
}
