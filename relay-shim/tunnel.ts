/** Requests of the outside world, through the uplink to the tab and back. Frames: `wire/frames.ts`; flow control and retries: `docs/protocol.md`. */
import { XrpcError } from '../wire/errors.ts'
import type { FrameOf, HeaderList, RoomFrame, TabFrame } from '../wire/frames.ts'
import {
  ASLEEP_RETRY_AFTER_S,
  IMPORT_DEADLINE_MS,
  MAX_HELD_BODIES_BYTES,
  MAX_IN_FLIGHT,
  MAX_PATH_CHARS,
  REJOIN_GRACE_MS,
  REQUEST_DEADLINE_MS,
} from '../wire/limits.ts'
import { errorToResponse } from './answer.ts'
import { Download } from './downloads.ts'
import { announcedLength, headersFromTab, headersToTab } from './headers.ts'
import { readBody, type RequestBody, withinReadAway } from './request-body.ts'
import { Inflow, Outflow, openPipe } from './streams.ts'

export type SendFrame = (head: RoomFrame, payload?: Uint8Array) => void

interface Call {
  readonly id: number
  /** The same when it is sent again, so that a write lands once. */
  readonly key: string
  readonly method: string
  readonly path: string
  readonly headers: HeaderList
  readonly body: RequestBody
  readonly settle: (response: Response) => void
  /** waiting for an uplink → sent → answered (the head has come; a streamed body may still follow). */
  stage: 'waiting' | 'sent' | 'answered'
  tries: number
  /** When the client's body last moved on, on either side of the room; the deadline counts from here. */
  movedAt: number
  readonly patienceMs: number
  deadline: ReturnType<typeof setTimeout> | undefined
  outflow: Outflow | null
  /** Ends when no more of a streamed body is read from the client. */
  upload: Promise<void> | null
  inflow: Inflow | null
}

/** A whole repo comes, and its last byte is not the last of the work. */
const IMPORT_PATH = '/xrpc/com.atproto.repo.importRepo'
/** Statuses whose Response may have no body. @see https://fetch.spec.whatwg.org/#null-body-status */
const BODILESS = new Set([204, 205, 304])

export class Tunnel {
  readonly #now: () => number
  readonly #unanswered: () => void
  readonly #calls = new Map<number, Call>()
  #send: SendFrame | null = null
  /** An uplink that broke or is joining may be ready by then; null: nobody is expected. */
  #expectedUntil: number | null = null
  #grace: ReturnType<typeof setTimeout> | undefined
  #nextId: number
  #open = 0
  #heldBytes = 0

  /** `unanswered` is called when the tab let a request pass its deadline. */
  constructor(now: () => number, unanswered: () => void = () => {}) {
    this.#now = now
    this.#unanswered = unanswered
    // A room that slept forgets its counter: start above every number it may have used, so that no late answer meets a new request.
    this.#nextId = now() * 1000
  }

  get online(): boolean {
    return this.#send !== null
  }

  /** Online, or soon again. */
  get reachable(): boolean {
    return this.#send !== null || this.#expectedUntil !== null
  }

  /** Resolves to the tab's answer, or the room's error in its place. @throws XrpcError for what cannot be sent at all */
  async forward(request: Request, path: string): Promise<Response> {
    this.#assertReachable()
    if (this.#open >= MAX_IN_FLIGHT) throw unavailable('Overloaded', 'Too many requests are waiting for this pod.', 1)
    if (path.length > MAX_PATH_CHARS) throw new XrpcError(414, 'UriTooLong', `The path is longer than ${MAX_PATH_CHARS} characters.`)
    if (request.method.length > 16) throw new XrpcError(501, 'MethodNotImplemented', 'Unknown HTTP method.')
    const headers = headersToTab(request.headers, path)
    this.#open += 1
    let heldBytes = 0
    const hold = (bytes: number): void => {
      this.#heldBytes += bytes - heldBytes
      heldBytes = bytes
    }
    const tryToHold = (bytes: number): boolean => {
      if (this.#heldBytes + bytes > MAX_HELD_BODIES_BYTES) return false
      hold(bytes)
      return true
    }
    try {
      const body = request.body ? await readBody(request, tryToHold) : NO_BODY
      hold(body.kind === 'whole' ? body.bytes.length : 0)
      this.#assertReachable()
      return await this.#call(request, { path, headers, body })
    } finally {
      this.#open -= 1
      hold(0)
    }
  }

  /** A tab was admitted and sends its outbox: requests wait for it. */
  expect(): void {
    this.#expectedUntil = this.#now() + REJOIN_GRACE_MS
    clearTimeout(this.#grace)
    this.#grace = setTimeout(() => this.#giveUpWaiting(), REJOIN_GRACE_MS)
  }

  /** The tab takes requests now; what is unanswered is sent (again). */
  ready(send: SendFrame): void {
    this.#send = send
    this.#expectedUntil = null
    clearTimeout(this.#grace)
    for (const call of this.#calls.values()) if (call.stage === 'waiting') this.#dispatch(call)
  }

  /** The uplink broke. What can be sent again waits for the next one; what cannot ends here. */
  lost(): void {
    if (!this.#send) return
    this.#send = null
    this.expect()
    for (const call of this.#calls.values()) {
      call.outflow?.stop()
      if (call.stage === 'answered') call.inflow?.fail(new Error('the uplink broke'))
      else if (call.body.kind === 'stream' && call.stage === 'sent')
        this.#finish(call, unavailableResponse('Interrupted', 'The connection to the pod broke during this upload; send it again.', 1))
      else call.stage = 'waiting'
    }
  }

  /** Registers the answer as it comes in; the returned step hands it to the client and runs in the uplink's ordered lane. */
  receive(head: FrameOf<TabFrame, 'response'>, payload: Uint8Array): () => void {
    const call = this.#calls.get(head.id)
    if (!call || call.stage !== 'sent') return () => {}
    call.stage = 'answered'
    clearTimeout(call.deadline)
    if (head.body === 'stream') {
      call.inflow = new Inflow((bytes) => this.#send?.({ t: 'credit', of: 'response', id: head.id, bytes }), REQUEST_DEADLINE_MS)
    }
    return () => this.#deliver(call, head, payload)
  }

  /** @throws BadFrame */
  body(id: number, piece: Uint8Array, end: boolean): void {
    this.#calls.get(id)?.inflow?.accept(piece, end)
  }

  credit(id: number, bytes: number): void {
    const call = this.#calls.get(id)
    if (!call) return
    // The tab has read that much: it is at work, though the client may have sent its last byte long ago.
    call.movedAt = this.#now()
    call.outflow?.credit(bytes)
  }

  /** The tab gives a body up: it wants no more of the request's, or its own broke off. */
  cancelled(frame: FrameOf<TabFrame, 'cancel'>): void {
    const call = this.#calls.get(frame.id)
    if (!call) return
    if (frame.of === 'request') call.outflow?.stop()
    else if (call.stage === 'answered') call.inflow?.fail(new Error(frame.reason))
    else this.#finish(call, errorToResponse(new XrpcError(502, 'UpstreamFailure', 'The pod gave this request up.')))
  }

  #assertReachable(): void {
    if (this.reachable) return
    throw unavailable('PodAsleep', 'The tab that holds this pod is closed; what is public is still served.', ASLEEP_RETRY_AFTER_S)
  }

  #call(request: Request, sent: { readonly path: string; readonly headers: HeaderList; readonly body: RequestBody }): Promise<Response> {
    return new Promise((settle) => {
      const call: Call = {
        ...sent,
        id: (this.#nextId += 1),
        key: crypto.randomUUID(),
        method: request.method,
        settle,
        stage: 'waiting',
        tries: 0,
        movedAt: this.#now(),
        patienceMs: sent.path === IMPORT_PATH ? IMPORT_DEADLINE_MS : REQUEST_DEADLINE_MS,
        deadline: undefined,
        outflow: null,
        upload: null,
        inflow: null,
      }
      this.#calls.set(call.id, call)
      this.#armDeadline(call, call.patienceMs)
      request.signal.addEventListener('abort', () => this.#clientGone(call, 'the client closed the connection'))
      if (this.#send) this.#dispatch(call)
    })
  }

  #dispatch(call: Call): void {
    const send = this.#send
    if (!send) return
    const { id, key, method, path, headers, body } = call
    call.stage = 'sent'
    call.tries += 1
    send(
      { t: 'request', id, key, method, path, headers, body: body.kind, retry: call.tries > 1 },
      body.kind === 'whole' ? body.bytes : undefined,
    )
    if (body.kind === 'stream') this.#upload(call, body.pieces, send)
  }

  #upload(call: Call, pieces: AsyncIterable<Uint8Array>, send: SendFrame): void {
    call.outflow = new Outflow((piece, end) => {
      call.movedAt = this.#now()
      send({ t: 'body', of: 'request', id: call.id, end }, piece)
    })
    call.upload = call.outflow.pipe(pieces).catch(() => this.#clientGone(call, 'the body of the request broke off'))
  }

  #deliver(call: Call, head: FrameOf<TabFrame, 'response'>, payload: Uint8Array): void {
    if (!this.#calls.has(call.id)) return
    const bodiless = head.body === 'none' || call.method === 'HEAD' || BODILESS.has(head.status)
    let headers: Headers
    try {
      headers = headersFromTab(head.headers)
    } catch (cause) {
      call.inflow?.abandon()
      return this.#finish(
        call,
        errorToResponse(new XrpcError(502, 'UpstreamFailure', 'The pod answered with headers that are none.', { cause })),
      )
    }
    if (call.inflow && !bodiless) {
      return this.#stream(call, call.inflow, new Response(null, { status: head.status, headers }), announcedLength(head.headers))
    }
    if (call.inflow) this.#cancel(call, 'this answer has no body')
    this.#finish(call, new Response(bodiless ? null : (payload as Uint8Array<ArrayBuffer>), { status: head.status, headers }))
  }

  #stream(call: Call, inflow: Inflow, head: Response, length: number | null): void {
    let download: Download
    try {
      download = new Download()
    } catch (cause) {
      this.#cancel(call, 'too many downloads')
      return this.#finish(call, errorToResponse(cause))
    }
    const { readable, writable } = openPipe(length)
    this.#settle(call, new Response(readable, head))
    void this.#pump(call, inflow, writable.getWriter(), download)
  }

  async #pump(call: Call, inflow: Inflow, writer: WritableStreamDefaultWriter<Uint8Array>, download: Download): Promise<void> {
    let reason = 'the answer did not go on'
    try {
      for await (const piece of inflow) {
        await download.send(piece.length, writer.write(piece)).catch((cause: unknown) => {
          reason = 'the client stopped reading'
          throw cause
        })
      }
      await writer.close()
    } catch (cause) {
      this.#cancel(call, reason)
      writer.abort(cause).catch(() => {})
    } finally {
      download.end()
      this.#forget(call)
    }
  }

  #clientGone(call: Call, reason: string): void {
    if (!this.#calls.has(call.id) || call.stage === 'answered') return
    if (call.stage === 'sent') this.#cancel(call, reason)
    // Nobody reads it any more; the handler still must come to an end.
    this.#finish(call, errorToResponse(new XrpcError(400, 'InvalidRequest', `Given up: ${reason}.`)))
  }

  #cancel(call: Call, reason: string): void {
    call.inflow?.abandon()
    this.#send?.({ t: 'cancel', of: 'request', id: call.id, reason })
  }

  #armDeadline(call: Call, ms: number): void {
    call.deadline = setTimeout(() => {
      const leftMs = call.movedAt + call.patienceMs - this.#now()
      if (leftMs > 0) return this.#armDeadline(call, leftMs)
      const wasSent = call.stage === 'sent'
      if (wasSent) this.#cancel(call, 'no answer in time')
      this.#finish(call, errorToResponse(new XrpcError(504, 'UpstreamTimeout', 'The pod did not answer in time.')))
      if (wasSent) this.#unanswered()
    }, ms)
  }

  #giveUpWaiting(): void {
    this.#expectedUntil = null
    for (const call of this.#calls.values())
      if (call.stage === 'waiting')
        this.#finish(call, unavailableResponse('PodAsleep', 'The tab that holds this pod closed before it answered.', ASLEEP_RETRY_AFTER_S))
  }

  #finish(call: Call, response: Response): void {
    this.#forget(call)
    this.#settle(call, response)
  }

  /** An answer that comes before its request was read ends the connection under who sends it. */
  #settle({ upload, settle }: Call, response: Response): void {
    if (upload) void withinReadAway(upload).then(() => settle(response))
    else settle(response)
  }

  #forget(call: Call): void {
    clearTimeout(call.deadline)
    call.outflow?.stop()
    this.#calls.delete(call.id)
  }
}

const NO_BODY: RequestBody = { kind: 'none' }

const unavailable = (error: string, message: string, retryAfterS: number): XrpcError =>
  new XrpcError(503, error, message, { headers: { 'retry-after': String(retryAfterS) } })

const unavailableResponse = (error: string, message: string, retryAfterS: number): Response =>
  errorToResponse(unavailable(error, message, retryAfterS))
