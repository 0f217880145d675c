/** Requests of the outside world: frames in, `pod.handle`, frames out. Short bodies, nearly all of them, take no stream and no extra turn. */
import { BadFrame } from '../../wire/codec.ts'
import type { FrameOf, HeaderList, RoomFrame } from '../../wire/frames.ts'
import { CHUNK_BYTES, MAX_IN_FLIGHT } from '../../wire/limits.ts'
import { requestId } from '../http/errors.ts'
import type { Log } from '../operations/log.ts'
import type { SendFrame, UplinkPod } from './contract.ts'
import { Inflow, Outflow } from './flow.ts'

export interface RequestOptions {
  readonly send: SendFrame
  /** What must be sent before a write may be answered, or undefined for nothing (`Outbox.settled`). */
  readonly landed: () => Promise<void> | undefined
  readonly log: Pick<Log, 'failure'>
  /** Called after the answer is on its way. */
  readonly answered: (request: { readonly method: string; readonly path: string; readonly status: number; readonly ms: number }) => void
}

interface Running {
  readonly abort: AbortController
  readonly inflow: Inflow | undefined
  outflow: Outflow | undefined
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])

export class Requests {
  readonly #pod: UplinkPod
  readonly #options: RequestOptions
  readonly #running = new Map<number, Running>()
  readonly #idle: Array<() => void> = []

  constructor(pod: UplinkPod, options: RequestOptions) {
    this.#pod = pod
    this.#options = options
  }

  /** Those under way. */
  get count(): number {
    return this.#running.size
  }

  /** @throws BadFrame when the number is taken, or there are too many */
  open(frame: FrameOf<RoomFrame, 'request'>, payload: Uint8Array<ArrayBuffer>): void {
    const { id } = frame
    if (this.#running.has(id)) throw new BadFrame(`request ${id} is already open`)
    // A room counts those that wait for the head of their answer; some more are on their way to slow clients.
    if (this.#running.size >= 2 * MAX_IN_FLIGHT) throw new BadFrame('too many requests are open')
    const { send } = this.#options
    const inflow = frame.body === 'stream' ? new Inflow((bytes) => send({ t: 'credit', of: 'request', id, bytes })) : undefined
    const running: Running = { abort: new AbortController(), inflow, outflow: undefined }
    this.#running.set(id, running)
    this.#serve(frame, frame.body === 'whole' ? payload : inflow?.stream, running)
      .catch((cause: unknown) => {
        // The head is not out yet: everything after it ends in Outflow.
        if (!running.abort.signal.aborted) this.#sendError(id, cause)
      })
      .finally(() => this.#ended(id))
  }

  /** Resolves when none is under way. */
  async drained(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** A piece of a request's body. Pieces of a request already answered are late, not wrong. */
  body(id: number, piece: Uint8Array<ArrayBuffer>, end: boolean): void {
    this.#running.get(id)?.inflow?.accept(piece, end)
  }

  credit(id: number, bytes: number): void {
    this.#running.get(id)?.outflow?.credit(bytes)
  }

  /** The client is gone. */
  cancel(id: number, reason: string): void {
    const running = this.#running.get(id)
    if (!running) return
    const error = new DOMException(reason, 'AbortError')
    running.abort.abort(error)
    running.inflow?.fail(error)
    running.outflow?.stop()
  }

  /** The uplink is gone; the room sends what is unanswered again, elsewhere. */
  stop(): void {
    for (const id of this.#running.keys()) this.cancel(id, 'the uplink closed')
  }

  #ended(id: number): void {
    this.#running.delete(id)
    if (this.#running.size === 0) for (const tell of this.#idle.splice(0)) tell()
  }

  async #serve(frame: FrameOf<RoomFrame, 'request'>, body: BodyInit | undefined, running: Running): Promise<void> {
    const { id, key, retry, method, path } = frame
    const started = performance.now()
    const request = new TunnelledRequest(this.#pod.identity.origin + path, method, frame.headers, body, running.abort.signal)
    const response = await this.#pod.handle(request, { origin: 'shim', key, retry })
    const landed = READS.has(method) ? undefined : this.#options.landed()
    if (landed) await landed
    if (running.abort.signal.aborted) {
      response.body?.cancel().catch(() => {})
      return
    }
    await this.#answer(id, response, running)
    this.#options.answered({ method, path, status: response.status, ms: performance.now() - started })
  }

  async #answer(id: number, response: Response, running: Running): Promise<void> {
    const { status } = response
    const headers = [...response.headers]
    const { send } = this.#options
    if (!response.body) return send({ t: 'response', id, status, headers, body: 'none' })
    if (!isLong(response.headers)) {
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (running.abort.signal.aborted) return
      if (bytes.length <= CHUNK_BYTES) return send({ t: 'response', id, status, headers, body: 'whole' }, bytes)
      return this.#stream({ id, status, headers }, new Response(bytes).body, running)
    }
    return this.#stream({ id, status, headers }, response.body, running)
  }

  async #stream(
    head: { readonly id: number; readonly status: number; readonly headers: HeaderList },
    body: ReadableStream<Uint8Array> | null,
    running: Running,
  ): Promise<void> {
    const { send } = this.#options
    running.outflow = new Outflow(send, 'response', head.id)
    send({ t: 'response', ...head, body: 'stream' })
    if (body) await running.outflow.pipe(body)
  }

  #sendError(id: number, cause: unknown): void {
    const request = requestId()
    this.#options.log.failure('a forwarded request failed', cause, request)
    const isUnfit = cause instanceof TypeError
    const error = isUnfit
      ? { error: 'InvalidRequest', message: 'This request cannot be expressed in a service worker' }
      : { error: 'InternalServerError', message: `Internal Server Error (request ${request})` }
    this.#options.send(
      {
        t: 'response',
        id,
        status: isUnfit ? 400 : 500,
        headers: [
          ['content-type', 'application/json'],
          ['x-request-id', request],
        ],
        body: 'whole',
      },
      new TextEncoder().encode(JSON.stringify(error)),
    )
  }
}

/**
 * A Request that keeps the headers the client sent: the platform's constructor drops those it calls forbidden, `content-length`, `origin` and `cookie`
 * among them (https://fetch.spec.whatwg.org/#forbidden-request-header), and an upload is checked against its length.
 */
class TunnelledRequest extends Request {
  override readonly headers: Headers

  constructor(url: string, method: string, headerList: HeaderList, body: BodyInit | undefined, signal: AbortSignal) {
    const headers = new Headers(headerList)
    // `duplex` is required for streams (https://fetch.spec.whatwg.org/#dom-requestinit-duplex), and missing in the DOM's types.
    const init: RequestInit & { duplex?: 'half' } = { method, headers, signal }
    if (body !== undefined && method !== 'GET' && method !== 'HEAD') {
      init.body = body
      init.duplex = 'half'
    }
    super(url, init)
    this.headers = headers
  }
}

/** JSON and text come from memory, unless another service makes them; anything else is read as it comes unless it says that it is short. */
const isLong = (headers: Headers): boolean => {
  if (headers.get('transfer-encoding') === 'chunked') return true
  const length = headers.get('content-length')
  if (length !== null) return Number(length) > CHUNK_BYTES
  return !/^(application\/([\w.-]+\+)?json|text\/(plain|html))\b/.test(headers.get('content-type') ?? '')
}
