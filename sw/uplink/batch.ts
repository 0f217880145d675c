/**
 * Frames on their way into the pipe. Alone they go at once; while several requests are under way, those of one turn of the worker share a message:
 * a landing of ten commits is ten events and ten answers, and each message costs page, network process and room as much as a small commit.
 */
import { encodeFrame, joinFrames } from '../../wire/codec.ts'
import { MAX_MESSAGE_BYTES } from '../../wire/limits.ts'
import type { PipeEnd, SendFrame } from './contract.ts'

export class Batch {
  readonly #pipe: PipeEnd
  readonly #isCrowded: () => boolean
  /** A task of its own, after those that are queued already: timers are clamped to milliseconds. */
  readonly #turn = new MessageChannel()
  #frames: Uint8Array<ArrayBuffer>[] = []
  #bytes = 0

  constructor(pipe: PipeEnd, isCrowded: () => boolean) {
    this.#pipe = pipe
    this.#isCrowded = isCrowded
    this.#turn.port2.onmessage = () => this.flush()
  }

  readonly send: SendFrame = (head, payload) => {
    const frame = encodeFrame(head, payload)
    if (this.#bytes + frame.length > MAX_MESSAGE_BYTES) this.flush()
    this.#frames.push(frame)
    this.#bytes += frame.length
    if (!this.#isCrowded()) this.flush()
    else if (this.#frames.length === 1) this.#turn.port1.postMessage(null)
  }

  flush(): void {
    if (this.#frames.length === 0) return
    // A buffer of its own, so that it moves through the port without a copy.
    const { buffer } = joinFrames(this.#frames)
    this.#frames = []
    this.#bytes = 0
    this.#pipe.postMessage(buffer, [buffer])
  }

  close(): void {
    this.flush()
    this.#turn.port1.close()
  }
}
