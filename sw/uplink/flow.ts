/** Bodies in pieces (`wire/flow.ts`) as the worker has them: streams of the platform, which end with a word to the room when they break off. */
import type { StreamOf } from '../../wire/frames.ts'
import { Inflow, Outflow } from '../../wire/flow.ts'
import type { SendFrame } from './contract.ts'

/** One body on its way to the room. */
export class BodyOut extends Outflow {
  readonly #giveUp: (cause: unknown) => void

  constructor(send: SendFrame, of: StreamOf, id: number) {
    super((piece, end) => send({ t: 'body', of, id, end }, piece))
    this.#giveUp = (cause) => send({ t: 'cancel', of, id, reason: reasonOf(cause) })
  }

  /** Resolves false, too, when the source broke off; the room knows it then. Never rejects. */
  override async pipe(source: AsyncIterable<Uint8Array>): Promise<boolean> {
    try {
      return await super.pipe(source)
    } catch (cause) {
      if (!this.isStopped) this.#giveUp(cause)
      this.stop()
      return false
    }
  }
}

/** One body on its way in, as the stream that its consumer reads. */
export class BodyIn extends Inflow {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>

  /** `abandoned`: the consumer has stopped reading. */
  constructor(grant: (bytes: number) => void, abandoned: () => void = () => {}) {
    super(grant)
    const pieces = this[Symbol.asyncIterator]()
    this.stream = new ReadableStream(
      {
        pull: async (controller) => {
          const { done, value } = await pieces.next()
          if (done) controller.close()
          else controller.enqueue(value)
        },
        cancel: () => {
          this.abandon()
          abandoned()
        },
      },
      { highWaterMark: 0 },
    )
  }
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).slice(0, 512)
