/** Fetching through the room, because CORS forbids it to the worker: metadata documents, did:web documents, relays. */
import { XrpcError } from '../../wire/errors.ts'
import type { FrameOf, RoomFrame } from '../../wire/frames.ts'
import { CHUNK_BYTES, REQUEST_DEADLINE_MS } from '../../wire/limits.ts'
import type { SendFrame } from './contract.ts'

export interface EgressInit {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** At most CHUNK_BYTES. */
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
}

/** Like `fetch`, without redirects, and only for what the room allows. @throws XrpcError UplinkClosed | the room's refusal, both 502/503 */
export type EgressFetch = (url: string, init?: EgressInit) => Promise<Response>

interface Waiting {
  resolve(response: Response): void
  reject(cause: unknown): void
}

/** Lives as long as the worker; attached to whichever connection is up. */
export class Egress {
  #send: SendFrame | undefined
  #lastId = 0
  readonly #waiting = new Map<number, Waiting>()

  readonly fetch: EgressFetch = async (url, init = {}) => {
    const send = this.#send
    if (!send) throw closed()
    const { method = 'GET', headers = {}, body, signal } = init
    if (body && body.length > CHUNK_BYTES) throw new XrpcError(413, 'PayloadTooLarge', 'A body this long cannot leave through the room')
    const id = ++this.#lastId
    const deadline = AbortSignal.timeout(REQUEST_DEADLINE_MS)
    const giveUp = signal ? AbortSignal.any([signal, deadline]) : deadline
    giveUp.throwIfAborted()
    try {
      return await new Promise<Response>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject })
        giveUp.addEventListener('abort', () => reject(giveUp.reason), { once: true })
        send({ t: 'egress', id, method, url, headers: Object.entries(headers) }, body)
      })
    } finally {
      this.#waiting.delete(id)
    }
  }

  attach(send: SendFrame): void {
    this.detach()
    this.#send = send
  }

  detach(): void {
    this.#send = undefined
    for (const waiting of this.#waiting.values()) waiting.reject(closed())
  }

  answered(frame: FrameOf<RoomFrame, 'fetched' | 'unfetched'>, payload: Uint8Array<ArrayBuffer>): void {
    const waiting = this.#waiting.get(frame.id)
    if (frame.t === 'unfetched') waiting?.reject(new XrpcError(502, frame.error, frame.message))
    else waiting?.resolve(new Response(payload.length > 0 ? payload : null, { status: frame.status, headers: new Headers(frame.headers) }))
  }
}

const closed = (): XrpcError => new XrpcError(503, 'UplinkClosed', 'This pod has no connection to its room now')
