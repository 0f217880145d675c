/** What one tab has its room fetch: frames in, `egress.ts`, frames out. Ends with the uplink it came by. */
import { BadFrame } from '../wire/codec.ts'
import type { FrameOf, TabFrame } from '../wire/frames.ts'
import type { Egress } from './egress.ts'
import { Refused, refusalOf, saidOf } from './refused.ts'
import type { RequestBody } from './request-body.ts'
import { Inflow, Outflow } from './streams.ts'
import type { SendFrame } from './tunnel.ts'

interface Fetching {
  readonly abort: AbortController
  readonly inflow: Inflow | null
  outflow: Outflow | null
}

export class Fetches {
  readonly #egress: Egress
  readonly #send: SendFrame
  readonly #open = new Map<number, Fetching>()

  constructor(egress: Egress, send: SendFrame) {
    this.#egress = egress
    this.#send = send
  }

  /** @throws BadFrame when the number is taken */
  open(frame: FrameOf<TabFrame, 'egress'>, payload: Uint8Array): void {
    const { id } = frame
    if (this.#open.has(id)) throw new BadFrame(`fetch ${id} is already open`)
    const inflow = frame.body === 'stream' ? new Inflow((bytes) => this.#send({ t: 'credit', of: 'egress-request', id, bytes })) : null
    const fetching: Fetching = { abort: new AbortController(), inflow, outflow: null }
    this.#open.set(id, fetching)
    const body: RequestBody = inflow
      ? { kind: 'stream', pieces: this.#wanted(inflow, id) }
      : frame.body === 'whole'
        ? { kind: 'whole', bytes: payload }
        : { kind: 'none' }
    void this.#fetch(frame, body, fetching).finally(() => {
      inflow?.abandon()
      this.#open.delete(id)
    })
  }

  /** False: nobody reads this one (any more). @throws BadFrame */
  body(id: number, piece: Uint8Array, end: boolean): boolean {
    const inflow = this.#open.get(id)?.inflow
    inflow?.accept(piece, end)
    return inflow !== undefined && inflow !== null
  }

  credit(id: number, bytes: number): void {
    this.#open.get(id)?.outflow?.credit(bytes)
  }

  /** The tab wants no answer any more, or cannot finish its question. */
  cancel(id: number): void {
    const fetching = this.#open.get(id)
    if (!fetching) return
    const given = new Refused('Cancelled', 'The tab gave this fetch up.')
    fetching.abort.abort(given)
    fetching.inflow?.fail(given)
    fetching.outflow?.stop()
  }

  end(): void {
    for (const id of this.#open.keys()) this.cancel(id)
  }

  async #fetch(frame: FrameOf<TabFrame, 'egress'>, asked: RequestBody, fetching: Fetching): Promise<void> {
    const { id } = frame
    try {
      const { status, headers, body } = await this.#egress.fetch(frame, asked, fetching.abort.signal)
      this.#send({ t: 'fetched', id, status, headers, body: body.kind }, body.kind === 'whole' ? body.bytes : undefined)
      if (body.kind !== 'stream') return
      fetching.outflow = new Outflow((piece, end) => this.#send({ t: 'body', of: 'egress-response', id, end }, piece))
      await fetching.outflow.pipe(body.pieces)
    } catch (cause) {
      if (fetching.abort.signal.aborted) return
      if (fetching.outflow) this.#send({ t: 'cancel', of: 'egress-response', id, reason: refusalOf(cause).message })
      else this.#send({ t: 'unfetched', id, ...saidOf(cause) })
    }
  }

  /** The other server may answer before it has read everything: the tab can stop sending then. */
  async *#wanted(inflow: Inflow, id: number): AsyncGenerator<Uint8Array, void, undefined> {
    let isWhole = false
    try {
      yield* inflow
      isWhole = true
    } finally {
      if (!isWhole) this.#send({ t: 'cancel', of: 'egress-request', id, reason: 'the rest of this body is not read' })
    }
  }
}
