/** Bodies in pieces: a sender keeps at most STREAM_WINDOW_BYTES in flight, a reader credits what it has consumed. See `wire/frames.ts`. */
import { BadFrame } from '../../wire/codec.ts'
import type { StreamOf } from '../../wire/frames.ts'
import { CHUNK_BYTES, STREAM_WINDOW_BYTES } from '../../wire/limits.ts'
import { Pieces } from '../../wire/pieces.ts'
import { SendWindow } from '../../wire/window.ts'
import type { SendFrame } from './contract.ts'

/** Credits are gathered up to this, so that a fast reader does not answer every piece with a frame. */
const CREDIT_STEP_BYTES = STREAM_WINDOW_BYTES / 4

/** One body on its way out. */
export class Outflow extends SendWindow {
  readonly #send: SendFrame
  readonly #of: StreamOf
  readonly #id: number

  constructor(send: SendFrame, of: StreamOf, id: number) {
    super()
    this.#send = send
    this.#of = of
    this.#id = id
  }

  /** Sends everything, and the end. Resolves true when all of it was sent, false when the reader stopped it or the source broke off. */
  async pipe(source: ReadableStream<Uint8Array>): Promise<boolean> {
    const reader = source.getReader()
    try {
      for (let read = await reader.read(); !read.done && (await this.write(read.value));) read = await reader.read()
    } catch (cause) {
      if (!this.isStopped) this.#send({ t: 'cancel', of: this.#of, id: this.#id, reason: reasonOf(cause) })
      this.stop()
    }
    if (this.isStopped) {
      reader.cancel().catch(() => {})
      return false
    }
    this.#send({ t: 'body', of: this.#of, id: this.#id, end: true })
    return true
  }

  /** Sends `chunk`. Resolves false when the reader has stopped. */
  async write(chunk: Uint8Array): Promise<boolean> {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
      const piece = chunk.subarray(at, at + CHUNK_BYTES)
      if (!(await this.take(piece.length))) return false
      this.#send({ t: 'body', of: this.#of, id: this.#id, end: false }, piece)
    }
    return !this.isStopped
  }
}

/** One body on its way in, as the stream its consumer reads. Credit goes back as fast as the consumer reads and no faster. */
export class Inflow {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly #grant: (bytes: number) => void
  readonly #pieces = new Pieces()
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>
  #window = STREAM_WINDOW_BYTES
  #owed = 0
  #wanted = false
  #ended = false
  #abandoned = false

  /** `abandoned`: the consumer has stopped reading. */
  constructor(grant: (bytes: number) => void, abandoned: () => void = () => {}) {
    this.#grant = grant
    this.stream = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => {
          this.#wanted = true
          this.#deliver()
        },
        cancel: () => {
          this.#abandoned = true
          this.#pieces.clear()
          abandoned()
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** @throws BadFrame when the sender overran its window or went on after the end. */
  accept(piece: Uint8Array<ArrayBuffer>, end: boolean): void {
    if (this.#ended) throw new BadFrame('a body went on after its end')
    this.#window -= piece.length
    if (this.#window < 0) throw new BadFrame('a body overran its window')
    this.#ended = end
    if (this.#abandoned) return
    this.#pieces.push(piece)
    this.#deliver()
  }

  fail(error: Error): void {
    if (this.#abandoned || (this.#ended && this.#pieces.isEmpty)) return
    this.#abandoned = true
    this.#controller.error(error)
  }

  #deliver(): void {
    const piece = this.#wanted ? this.#pieces.shift() : undefined
    if (piece) {
      this.#wanted = false
      this.#repay(piece.length)
      this.#controller.enqueue(piece)
    }
    if (this.#ended && this.#pieces.isEmpty && !this.#abandoned) {
      this.#abandoned = true
      this.#controller.close()
    }
  }

  #repay(bytes: number): void {
    this.#owed += bytes
    if (this.#ended || this.#owed < CREDIT_STEP_BYTES) return
    this.#window += this.#owed
    this.#grant(this.#owed)
    this.#owed = 0
  }
}

/** Packs small chunks into full pieces. For bodies where throughput counts and the first byte may wait. */
export const packed = (source: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> => {
  let gathered = new Uint8Array(CHUNK_BYTES)
  let length = 0
  return source.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (let at = 0; at < chunk.length;) {
          const taken = Math.min(chunk.length - at, CHUNK_BYTES - length)
          gathered.set(chunk.subarray(at, at + taken), length)
          length += taken
          at += taken
          if (length < CHUNK_BYTES) continue
          controller.enqueue(gathered)
          gathered = new Uint8Array(CHUNK_BYTES)
          length = 0
        }
      },
      flush(controller) {
        if (length > 0) controller.enqueue(gathered.subarray(0, length))
      },
    }),
  )
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).slice(0, 512)
