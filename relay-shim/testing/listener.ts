/** A consumer of the firehose that comes back with its cursor whenever its connection breaks. */
import { decodeOptions } from '@ipld/dag-cbor'
import { decode, decodeFirst } from 'cborg'
import { SUBSCRIBE_PATH } from '../room.ts'
import type { FragileRuntime } from './fragile-runtime.ts'

export interface Heard {
  readonly t: string
  readonly seq: number
  /** The message without its number and time. */
  readonly body: object
}

export class Listener {
  readonly heard: Heard[] = []
  readonly #runtime: FragileRuntime
  #isSentAway = false
  /** Where it goes on; null: with what comes from now on. */
  #cursor: number | null

  /** @param fallback where a live one goes on whose connection breaks before anything came */
  static async open(runtime: FragileRuntime, cursor: number | null, fallback = cursor): Promise<Listener> {
    const listener = new Listener(runtime, cursor)
    await listener.#connect()
    listener.#cursor = fallback
    return listener
  }

  private constructor(runtime: FragileRuntime, cursor: number | null) {
    this.#runtime = runtime
    this.#cursor = cursor
  }

  async #connect(): Promise<void> {
    const from = this.heard.at(-1)?.seq ?? this.#cursor
    await this.#runtime.connect(SUBSCRIBE_PATH + (from === null ? '' : `?cursor=${from}`), {
      onMessage: (bytes) => this.#take(bytes),
      onClose: () => {
        if (!this.#isSentAway) void this.#connect()
      },
    })
  }

  #take(bytes: Uint8Array): void {
    const [{ t = 'error' }, rest] = decodeFirst(bytes, decodeOptions) as [{ t?: string }, Uint8Array]
    this.#isSentAway = t === 'error'
    const { seq, time: _time, ...body } = decode(rest, decodeOptions) as { seq: number; time: string }
    this.heard.push({ t, seq, body })
  }
}
