/**
 * The room that knows all others: what they report, and what the operator asks and orders. It has no host name, no pod and no sockets; one lives in each shim.
 * See docs/hosting.md, "The operator's page".
 */
import { XrpcError } from '../../wire/errors.ts'
import { MAX_ORDER_BYTES, ROOMS_PER_PAGE } from '../../wire/limits.ts'
import { OPERATOR_GUESSES } from '../../wire/rate-limits.ts'
import {
  FORGET_PATH,
  isForgetOrder,
  isHostOrder,
  isKickOrder,
  KICK_PATH,
  LOOK_PATH,
  READMIT_PATH,
  type RoomList,
  type RoomReport,
  ROOMS_PATH,
} from '../../wire/operator.ts'
import { errorToResponse } from '../answer.ts'
import { firstBelow, noteBound } from '../fedcm/first-bound.ts'
import type { RoomPort } from '../port.ts'
import { clientAddress } from '../rate-limits/client-address.ts'
import { Counter, recallCounters } from '../rate-limits/counter.ts'
import { isSameText } from '../same-text.ts'
import { insideRequest, type Order, orderOf, readInside } from './inside.ts'

const ROOM_PREFIX = 'room:'

/** From inside. `report`: null where the room's pod is gone; `at`: when it was bound, in ms since 1970, null likewise. */
interface Said {
  readonly host: string
  readonly report?: RoomReport | null
  readonly at?: number | null
}

export class Registry {
  readonly #port: RoomPort
  readonly #guesses: Counter

  private constructor(port: RoomPort, guesses: Counter) {
    this.#port = port
    this.#guesses = guesses
  }

  static async open(port: RoomPort): Promise<Registry> {
    const guesses = new Counter({ name: 'operator-guesses', ...OPERATOR_GUESSES }, port.storage)
    await recallCounters([guesses], port.storage, port.now())
    return new Registry(port, guesses)
  }

  async onRequest(request: Request): Promise<Response> {
    try {
      const url = new URL(request.url)
      const order = orderOf(request, url.pathname)
      const said = order === null ? await this.#answerOperator(request, url) : await this.#note(order, (await request.json()) as Said)
      return Response.json(said, { headers: NO_STORE })
    } catch (cause) {
      const response = errorToResponse(cause)
      response.headers.set('cache-control', 'no-store')
      // Scripts of other origins have no business here.
      response.headers.delete('access-control-allow-origin')
      response.headers.delete('access-control-expose-headers')
      return response
    }
  }

  /** What a room says of itself, and what the front door asks. */
  async #note(order: string, said: Said): Promise<object> {
    if (order === 'first') return { host: await firstBelow(this.#port.storage, said.host) }
    if (order === 'bound') await noteBound(this.#port.storage, { host: said.host, at: said.at ?? null })
    else if (order === 'report') await this.#keep(said.host, said.report ?? null)
    else throw new XrpcError(404, 'NotFound', 'The registry takes reports and nothing else.')
    return {}
  }

  async #answerOperator(request: Request, { pathname, searchParams }: URL): Promise<unknown> {
    const method = METHODS[pathname]
    if (!method) throw new XrpcError(404, 'NotFound', 'There is nothing at this address.')
    if (request.method !== method)
      throw new XrpcError(405, 'InvalidRequest', `Only ${method} is answered here.`, { headers: { allow: method } })
    await this.#authenticate(request)
    if (pathname === ROOMS_PATH) return this.#list(searchParams.get('prefix') ?? '', searchParams.get('after'))
    const order = await readOrder(request)
    if (pathname === KICK_PATH && isKickOrder(order)) return this.#pass('kick', order.host, order)
    if (pathname === READMIT_PATH && isHostOrder(order)) return this.#pass('readmit', order.host, order)
    if (pathname === LOOK_PATH && isHostOrder(order)) return this.#pass('look', order.host, order)
    if (pathname === FORGET_PATH && isForgetOrder(order)) {
      if (order.confirm !== order.host) throw new XrpcError(400, 'NotConfirmed', 'The host name was not repeated as it is.')
      return this.#pass('forget', order.host, order)
    }
    throw new XrpcError(400, 'InvalidRequest', 'This order lacks what it needs, or has too much of it.')
  }

  /** @throws XrpcError 401 AuthRequired | AuthFailed, 429 RateLimitExceeded */
  async #authenticate({ headers }: Request): Promise<void> {
    const { operatorToken, trustedProxy } = this.#port.settings
    const who = clientAddress(headers, trustedProxy)
    const { remaining, resetMs } = this.#guesses.standing(who, this.#port.now())
    if (remaining <= 0)
      throw new XrpcError(429, 'RateLimitExceeded', 'Too many wrong tokens came from this address.', {
        headers: { 'retry-after': String(Math.ceil(resetMs / 1000)) },
      })
    const shown = /^Bearer (.+)$/i.exec(headers.get('authorization') ?? '')?.[1]
    if (shown === undefined) throw unauthorized('AuthRequired', 'The operator shows a token here.')
    if (operatorToken !== null && (await isSameText(shown.trim(), operatorToken))) return
    this.#guesses.spend(who, 1, this.#port.now())
    throw unauthorized('AuthFailed', 'This is not the token that this shim was started with.')
  }

  async #list(prefix: string, after: string | null): Promise<RoomList> {
    const rows = await this.#port.storage.list<ReportRow>({
      prefix: ROOM_PREFIX + prefix.toLowerCase(),
      limit: ROOMS_PER_PAGE + 1,
      ...(after !== null && { startAfter: ROOM_PREFIX + after }),
    })
    const rooms = [...rows.values()].slice(0, ROOMS_PER_PAGE)
    return { rooms, next: rows.size > ROOMS_PER_PAGE ? (rooms.at(-1)?.host ?? null) : null, at: this.#port.now() }
  }

  /** To the room itself, which answers how it stands then. Rooms that never reported are not asked: to ask is to open one. */
  async #pass(order: Order, host: string, body: object): Promise<RoomReport | object> {
    const row = await this.#port.storage.get<ReportRow>(ROOM_PREFIX + host)
    if (!row) throw new XrpcError(404, 'RoomNotFound', `No pod lives at ${host}.`)
    const report = await readInside<RoomReport | null>(await this.#port.call(host, insideRequest(order, body)))
    await this.#keep(host, report)
    if (report === null && order !== 'forget') throw new XrpcError(404, 'RoomGone', `No pod lives at ${host} any more.`)
    return report ?? {}
  }

  async #keep(host: string, report: RoomReport | null): Promise<void> {
    const key = ROOM_PREFIX + host
    if (report === null) return this.#port.storage.delete([key])
    const known = await this.#port.storage.get<ReportRow>(key)
    // Two may be on their way at the same time.
    if (!known || known.at <= report.at) await this.#port.storage.put({ [key]: report as ReportRow })
  }
}

/** An index signature, for the storage. */
type ReportRow = RoomReport & { readonly [name: string]: never }

const METHODS: Readonly<Record<string, 'GET' | 'POST'>> = {
  [ROOMS_PATH]: 'GET',
  [KICK_PATH]: 'POST',
  [READMIT_PATH]: 'POST',
  [FORGET_PATH]: 'POST',
  [LOOK_PATH]: 'POST',
}

const NO_STORE = { 'cache-control': 'no-store' }

const unauthorized = (error: string, message: string): XrpcError =>
  new XrpcError(401, error, message, { headers: { 'www-authenticate': 'Bearer' } })

const readOrder = async (request: Request): Promise<unknown> => {
  if (Number(request.headers.get('content-length') ?? NaN) > MAX_ORDER_BYTES) throw tooLong()
  const text = await request.text()
  if (text.length > MAX_ORDER_BYTES) throw tooLong()
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const tooLong = (): XrpcError => new XrpcError(413, 'PayloadTooLarge', 'An order is a host name and a sentence.')
