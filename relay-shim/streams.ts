/** Bodies in pieces, with credit: whoever sends keeps at most STREAM_WINDOW_BYTES unread by the other side, so no body is ever held whole. */
import { BadFrame } from '../wire/codec.ts'
import { CHUNK_BYTES, STREAM_WINDOW_BYTES } from '../wire/limits.ts'
import { Pieces } from '../wire/pieces.ts'
import { SendWindow } from '../wire/window.ts'
import { Refused } from './refused.ts'

/** A request's body on its way to the tab. */
export class Outflow extends SendWindow {
  readonly #send: (piece: Uint8Array, end: boolean) => void

  constructor(send: (piece: Uint8Array, end: boolean) => void) {
    super()
    this.#send = send
  }

  /** Resolves when all is sent, or it was stopped. @throws what the source throws: the client broke off. */
  async pipe(source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
        const piece = chunk.subarray(at, at + CHUNK_BYTES)
        if (!(await this.take(piece.length))) return
        this.#send(piece, false)
      }
      if (this.isStopped) return
    }
    if (!this.isStopped) this.#send(NOTHING, true)
  }
}

/** A body on its way from the tab, read by one consumer; each piece is credited when the consumer comes for the next one. */
export class Inflow implements AsyncIterable<Uint8Array> {
  readonly #grant: (bytes: number) => void
  readonly #idleMs: number | undefined
  readonly #pieces = new Pieces()
  #window = STREAM_WINDOW_BYTES
  #ended = false
  #failure: Error | null = null
  #abandoned = false
  #wake: (() => void) | null = null

  /** @param idleMs so long nothing may come while somebody waits for it; left out: for ever */
  constructor(grant: (bytes: number) => void, idleMs?: number) {
    this.#grant = grant
    this.#idleMs = idleMs
  }

  /** @throws BadFrame when the tab overran its window or went on after the end. */
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

  /** The tab broke off. What has come whole stays whole. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#failure ??= error
    this.#wake?.()
  }

  /** Nobody reads any more: what still comes is dropped, uncredited. */
  abandon(): void {
    this.#abandoned = true
    this.#pieces.clear()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const piece = this.#pieces.shift()
        if (piece) {
          yield piece
          this.#window += piece.length
          if (!this.#ended) this.#grant(piece.length)
        } else if (this.#ended) return
        else if (this.#failure) throw this.#failure
        else await this.#more()
      }
    } finally {
      this.abandon()
    }
  }

  async #more(): Promise<void> {
    const idle =
      this.#idleMs === undefined ? undefined : setTimeout(() => this.fail(new Refused('Interrupted', 'Nothing more came.')), this.#idleMs)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    clearTimeout(idle)
  }
}

const NOTHING = new Uint8Array(0)

interface IdentityStreams {
  readonly IdentityTransformStream?: new () => TransformStream<Uint8Array, Uint8Array>
  readonly FixedLengthStream?: new (length: number) => TransformStream<Uint8Array, Uint8Array>
}

/**
 * A body for a Response. Workerd's own streams, because its `TransformStream` buffers without end for a slow reader (379 MB measured); a fixed length gives
 * the client a `content-length`. Elsewhere (tests on Node) the standard one has backpressure.
 */
export const openPipe = (length: number | null): TransformStream<Uint8Array, Uint8Array> => {
  const { IdentityTransformStream, FixedLengthStream } = globalThis as IdentityStreams
  if (length !== null && FixedLengthStream) return new FixedLengthStream(length)
  return IdentityTransformStream ? new IdentityTransformStream() : new TransformStream()
}
