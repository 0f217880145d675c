/** Fetching through the room, because CORS forbids it to the worker: DID documents, AppViews, metadata documents, relays. */
import { XrpcError } from '../../wire/errors.ts'
import type { FrameOf, RoomFrame, RoomServices, TabFrame } from '../../wire/frames.ts'
import { CHUNK_BYTES, MAX_EGRESS_URL_CHARS, REQUEST_DEADLINE_MS } from '../../wire/limits.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import type { SendFrame } from './contract.ts'
import { Inflow, Outflow } from './flow.ts'

interface Fetching {
  resolve(response: Response): void
  reject(cause: unknown): void
  outflow?: Outflow
  inflow?: Inflow
  /** The other server has answered without reading all of the body. */
  isUnread?: boolean
  /** A room that slept in between has forgotten the fetch and says nothing. */
  backstop?: ReturnType<typeof setTimeout>
}

const NO_SERVICES: RoomServices = { appview: null, plc: null, mail: false }

/** Lives as long as the worker; attached to whichever connection is up. */
export class Egress {
  #send: SendFrame | undefined
  #services = NO_SERVICES
  #lastId = 0
  readonly #open = new Map<number, Fetching>()

  /** What the room advertises, as of the last join. */
  get services(): RoomServices {
    return this.#services
  }

  /**
   * Like the platform's `fetch`, without redirects (a 3xx is an answer), with every header that is asked for, and only for what the room allows.
   * Bodies stream both ways; the time limit, up to the head, is the room's. @throws XrpcError 414 UriTooLong | 503 UplinkClosed | 502 with the room's code (`docs/protocol.md`)
   */
  readonly fetch: Fetch = async (url, init = {}) => {
    const { method = 'GET', signal } = init
    if (url.length > MAX_EGRESS_URL_CHARS)
      throw new XrpcError(414, 'UriTooLong', `The address is longer than ${MAX_EGRESS_URL_CHARS} characters`)
    const body = await readBody(init.body)
    signal?.throwIfAborted()
    const send = this.#send
    if (!send) throw closed()
    const id = ++this.#lastId
    return new Promise<Response>((resolve, reject) => {
      const fetching: Fetching = { resolve, reject }
      this.#open.set(id, fetching)
      signal?.addEventListener('abort', () => this.#giveUp(id, signal.reason), { once: true })
      send({ t: 'egress', id, method, url, headers: [...new Headers(init.headers)], body: body.kind }, body.bytes)
      if (body.stream) void this.#upload(id, fetching, body.stream, send)
      else this.#armBackstop(id, fetching)
    })
  }

  attach(send: SendFrame, services: RoomServices): void {
    this.detach()
    this.#send = send
    this.#services = services
  }

  detach(): void {
    this.#send = undefined
    for (const id of this.#open.keys()) this.#settle(id, closed())
  }

  answered(frame: FrameOf<RoomFrame, 'fetched' | 'unfetched'>, payload: Uint8Array<ArrayBuffer>): void {
    const { id } = frame
    const fetching = this.#open.get(id)
    if (!fetching || fetching.inflow) return
    if (frame.t === 'unfetched') return this.#settle(id, new XrpcError(502, frame.error, frame.message))
    clearTimeout(fetching.backstop)
    const { status, headers } = frame
    const response = (body: BodyInit | null) => new Response(body, { status, headers: new Headers(headers) })
    if (frame.body !== 'stream') {
      this.#settle(id)
      const whole = response(frame.body === 'none' ? null : payload)
      if (frame.body === 'whole') whole.headers.set('content-length', String(payload.length))
      return fetching.resolve(whole)
    }
    const send = this.#send
    fetching.inflow = new Inflow(
      (bytes) => send?.({ t: 'credit', of: 'egress-response', id, bytes }),
      () => this.#giveUp(id, new DOMException('nobody reads this answer', 'AbortError')),
    )
    fetching.resolve(response(fetching.inflow.stream))
  }

  /** @throws BadFrame */
  body(id: number, piece: Uint8Array<ArrayBuffer>, end: boolean): void {
    this.#open.get(id)?.inflow?.accept(piece, end)
    if (end) this.#settle(id)
  }

  credit(id: number, bytes: number): void {
    this.#open.get(id)?.outflow?.credit(bytes)
  }

  cancelled({ of, id, reason }: FrameOf<RoomFrame, 'cancel'>): void {
    const fetching = this.#open.get(id)
    if (!fetching) return
    if (of === 'egress-response') return this.#settle(id, new XrpcError(502, 'UpstreamFailure', reason))
    fetching.isUnread = true
    fetching.outflow?.stop()
  }

  async #upload(id: number, fetching: Fetching, stream: ReadableStream<Uint8Array>, send: SendFrame): Promise<void> {
    fetching.outflow = new Outflow(send, 'egress-request', id)
    const isSent = await fetching.outflow.pipe(stream)
    if (!isSent && !fetching.isUnread) return this.#settle(id, new XrpcError(400, 'InvalidRequest', 'The body of the request broke off'))
    if (this.#open.has(id) && !fetching.inflow) this.#armBackstop(id, fetching)
  }

  #armBackstop(id: number, fetching: Fetching): void {
    fetching.backstop = setTimeout(
      () => this.#giveUp(id, new XrpcError(502, 'FetchTimeout', 'The room did not answer in time')),
      REQUEST_DEADLINE_MS,
    )
  }

  #giveUp(id: number, reason: unknown): void {
    if (!this.#open.has(id)) return
    this.#settle(id, reason)
    this.#send?.({ t: 'cancel', of: 'egress-response', id, reason: 'the pod wants no answer any more' })
  }

  /** Ends it; with a `failure` for whoever still waits for its head, or reads its body. */
  #settle(id: number, failure?: unknown): void {
    const fetching = this.#open.get(id)
    if (!fetching) return
    this.#open.delete(id)
    clearTimeout(fetching.backstop)
    fetching.outflow?.stop()
    if (failure === undefined) return
    fetching.reject(failure)
    fetching.inflow?.fail(failure instanceof Error ? failure : new Error(String(failure)))
  }
}

interface Body {
  readonly kind: FrameOf<TabFrame, 'egress'>['body']
  readonly bytes?: Uint8Array
  readonly stream?: ReadableStream<Uint8Array>
}

const readBody = async (body: RequestInit['body']): Promise<Body> => {
  if (body === null || body === undefined) return { kind: 'none' }
  if (body instanceof ReadableStream) return { kind: 'stream', stream: body }
  const blob = await new Response(body).blob()
  if (blob.size > CHUNK_BYTES) return { kind: 'stream', stream: blob.stream() }
  return { kind: 'whole', bytes: new Uint8Array(await blob.arrayBuffer()) }
}

const closed = (): XrpcError => new XrpcError(503, 'UplinkClosed', 'This pod has no connection to its room now')
