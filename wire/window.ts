/** The sender's half of flow control: at most STREAM_WINDOW_BYTES are under way that the reader has not credited. */
import { BadFrame } from './codec.ts'
import { STREAM_WINDOW_BYTES } from './limits.ts'

export class SendWindow {
  #left = STREAM_WINDOW_BYTES
  #isStopped = false
  #wake: (() => void) | undefined

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

  /** Resolves true when `bytes` may be sent, false when the reader has stopped. One caller at a time. */
  async take(bytes: number): Promise<boolean> {
    while (this.#left < bytes && !this.#isStopped)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    if (this.#isStopped) return false
    this.#left -= bytes
    return true
  }
}
