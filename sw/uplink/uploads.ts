/** What is on its way to the room in pieces: the sending end of each stream, by its kind and number. */
import type { StreamOf } from '../../wire/frames.ts'
import type { SendFrame } from './contract.ts'
import { Outflow } from './flow.ts'

export class Uploads {
  readonly #send: SendFrame
  readonly #flows = new Map<string, Outflow>()
  #lastId = 0

  constructor(send: SendFrame) {
    this.#send = send
  }

  /** Numbers are used once, whatever the kind. */
  nextId(): number {
    return (this.#lastId += 1)
  }

  open(of: StreamOf): { readonly id: number; readonly flow: Outflow } {
    const id = this.nextId()
    const flow = new Outflow(this.#send, of, id)
    this.#flows.set(`${of} ${id}`, flow)
    return { id, flow }
  }

  close(of: StreamOf, id: number): void {
    this.#flows.delete(`${of} ${id}`)
  }

  credit(of: StreamOf, id: number, bytes: number): void {
    this.#flows.get(`${of} ${id}`)?.credit(bytes)
  }

  /** The room wants no more of it. */
  cancel(of: StreamOf, id: number): void {
    this.#flows.get(`${of} ${id}`)?.stop()
  }

  stop(): void {
    for (const flow of this.#flows.values()) flow.stop()
  }
}
