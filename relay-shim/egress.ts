/** Fetches for the pod, where CORS forbids the worker to: only what `egress-address.ts` admits, no redirects followed, bodies streamed both ways. */
import type { HeaderList } from '../wire/frames.ts'
import {
  CHUNK_BYTES,
  EGRESS_DEADLINE_MS,
  EGRESS_IDLE_MS,
  MAX_EGRESS_IN_FLIGHT,
  MAX_EGRESS_REQUEST_BYTES,
  MAX_EGRESS_RESPONSE_BYTES,
  MAX_HEADERS,
} from '../wire/limits.ts'
import { admitUrl } from './egress-address.ts'
import type { NameCheck } from './egress-names.ts'
import { announcedLength } from './headers.ts'
import { Patience } from './patience.ts'
import { Refused } from './refused.ts'
import { packed, type RequestBody } from './request-body.ts'
import { openPipe } from './streams.ts'

export interface EgressRequest {
  readonly method: string
  readonly url: string
  readonly headers: HeaderList
}

export interface EgressAnswer {
  readonly status: number
  readonly headers: HeaderList
  /** A streamed one must be read, or ended: until then it counts as in flight. */
  readonly body: RequestBody
}

/** Belongs to a connection, or would let the pod speak for the room's host. */
const NOT_OUT =
  /^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|cookie|origin|referer|forwarded|via|x-forwarded-.*|cf-.*|sec-.*)$/i
const NOT_BACK = /^(connection|transfer-encoding|content-length|content-encoding|set-cookie)$/i
/** An answer's headers may share its frame with the body. */
const MAX_ANSWER_HEADER_CHARS = 4096
/** Statuses whose Response may have no body. @see https://fetch.spec.whatwg.org/#null-body-status */
const BODILESS = new Set([204, 205, 304])

export class Egress {
  readonly #allowLoopback: boolean
  readonly #names: NameCheck | null
  #inFlight = 0

  /** @param options.names null: names are judged as written */
  constructor(options: { readonly allowLoopback: boolean; readonly names: NameCheck | null }) {
    this.#allowLoopback = options.allowLoopback
    this.#names = options.names
  }

  /**
   * A redirect comes back as the 3xx it is: following it is the pod's decision, and these rules apply to the next address too.
   * @param gone the tab gave it up
   * @throws Refused BadUrl | InsecureUrl | PrivateAddress | BadPort | NameNotChecked | TooManyFetches | TooLarge | FetchTimeout | FetchFailed | Cancelled
   */
  async fetch(asked: EgressRequest, body: RequestBody, gone: AbortSignal): Promise<EgressAnswer> {
    const url = admitUrl(asked.url, this.#allowLoopback)
    if (this.#inFlight >= MAX_EGRESS_IN_FLIGHT)
      throw new Refused('TooManyFetches', `At most ${MAX_EGRESS_IN_FLIGHT} fetches run at the same time.`)
    this.#inFlight += 1
    const release = () => (this.#inFlight -= 1)
    const patience = new Patience(gone)
    try {
      if (url.protocol === 'https:') await this.#names?.check(url.hostname)
      const response = await askOnce(url, asked, body, patience)
      const { status } = response
      if (status < 200 || status > 599) throw new Refused('FetchFailed', `${url.host} answered with the status ${status}.`)
      const answered = await answerBody(response, { url, patience, release })
      if (answered.kind !== 'stream') release()
      return { status, headers: answerHeaders(response.headers), body: answered }
    } catch (cause) {
      release()
      // What still comes is read by nobody.
      patience.end(cause)
      throw said(url, patience)
    }
  }
}

/** To the head of the answer. */
const askOnce = async (url: URL, asked: EgressRequest, body: RequestBody, patience: Patience): Promise<Response> => {
  const init: RequestInit & { duplex?: 'half' } = {
    method: asked.method,
    headers: asked.headers.filter(([name]) => !NOT_OUT.test(name)),
    redirect: 'manual',
    signal: patience.signal,
  }
  if (body.kind === 'whole') init.body = body.bytes.slice()
  if (body.kind === 'stream') {
    // A fixed length tells the other side what comes; Node wants `duplex` said (https://fetch.spec.whatwg.org/#dom-requestinit-duplex).
    const { readable, writable } = openPipe(announcedLength(asked.headers))
    init.body = readable
    init.duplex = 'half'
    void upload(body.pieces, writable.getWriter(), patience)
  }
  return patience.within(EGRESS_DEADLINE_MS, fetch(url, init))
}

const upload = async (
  pieces: AsyncIterable<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  patience: Patience,
): Promise<void> => {
  let left = MAX_EGRESS_REQUEST_BYTES
  try {
    for await (const piece of pieces) {
      left -= piece.length
      if (left < 0) throw new Refused('TooLarge', `The body is longer than ${MAX_EGRESS_REQUEST_BYTES} bytes.`)
      // Fails when the other side has answered and reads no more: its answer stands then.
      if (!(await writer.write(piece).then(...SUCCEEDED))) return
      patience.moved()
    }
    await writer.close().then(...SUCCEEDED)
  } catch (cause) {
    patience.end(cause)
    writer.abort(cause).catch(() => {})
  }
}
const SUCCEEDED = [() => true, () => false] as const

interface Reading {
  readonly url: URL
  readonly patience: Patience
  readonly release: () => void
}

/** What says that it is short is read at once, everything else as it comes. */
const answerBody = async (response: Response, reading: Reading): Promise<RequestBody> => {
  if (!response.body || BODILESS.has(response.status)) return { kind: 'none' }
  // Of an encoded body the length says little: the runtime has decoded it.
  const length = response.headers.has('content-encoding') ? NaN : Number(response.headers.get('content-length') ?? NaN)
  if (length > MAX_EGRESS_RESPONSE_BYTES) throw tooLong()
  if (length <= CHUNK_BYTES) {
    const bytes = new Uint8Array(await reading.patience.within(EGRESS_IDLE_MS, response.arrayBuffer()))
    // It must fit a frame, whatever was announced.
    if (bytes.length > CHUNK_BYTES) throw tooLong()
    return { kind: 'whole', bytes }
  }
  return { kind: 'stream', pieces: packed(piecesOf(response.body, reading)) }
}

async function* piecesOf(
  body: ReadableStream<Uint8Array>,
  { url, patience, release }: Reading,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader()
  let length = 0
  let waitedMs = 0
  try {
    for (;;) {
      // Silence counts only while we ask: a slow tab is nobody's silence. So does slowness: a byte now and then would hold a place for ever.
      const askedAt = Date.now()
      const { done, value } = await patience.within(EGRESS_IDLE_MS, reader.read())
      if (done) return
      waitedMs += Date.now() - askedAt
      length += value.length
      if (length > MAX_EGRESS_RESPONSE_BYTES) throw tooLong()
      if (waitedMs > EGRESS_IDLE_MS * (1 + length / CHUNK_BYTES)) throw new DOMException('too slow', 'TimeoutError')
      yield value
    }
  } catch (cause) {
    patience.end(cause)
    throw said(url, patience)
  } finally {
    release()
    reader.cancel().catch(() => {})
  }
}

const answerHeaders = (headers: Headers): HeaderList =>
  [...headers]
    .filter(([name, value]) => !NOT_BACK.test(name) && name.length <= 256 && value.length <= MAX_ANSWER_HEADER_CHARS)
    .slice(0, MAX_HEADERS / 4)

const tooLong = (): Refused => new Refused('TooLarge', `The answer is longer than ${MAX_EGRESS_RESPONSE_BYTES} bytes.`)

/** Runtimes wrap the reason of an abort each in their own way: so the signal is asked, which keeps the first one. */
const said = (url: URL, { signal }: Patience): Refused => {
  const cause: unknown = signal.reason
  if (cause instanceof Refused) return cause
  return cause instanceof DOMException && cause.name === 'TimeoutError'
    ? new Refused('FetchTimeout', `${url.host} did not answer in time.`, { cause })
    : new Refused('FetchFailed', `${url.host} could not be reached.`, { cause })
}
