/**
 * By what the browser's own FedCM requests are known: a cookie beside that of the pages, in each browser that the owner is signed in in. It ends with the sign-in. The browser that the pod lives in
 * gets it by its own room: a worker can set no cookie that scripts cannot read, so it asks, with a ticket, and answers itself.
 * @see https://w3c-fedid.github.io/FedCM/#idp-api-accounts-endpoint
 */
import { XrpcError } from '../../wire/errors.ts'
import { cookieValue, FEDCM_COOKIE, FEDCM_HEADER } from '../../wire/device-cookie.ts'
import { FEDCM } from '../../wire/fedcm.ts'
import { readText } from '../http/body.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import type { Self } from '../identity/self.ts'
import { OWN_DEVICE } from '../oauth/contract.ts'
import { COOKIE_VALUE, type Devices, digestOf, isSameText, randomText, type SignedInDevice, type Visitor } from '../oauth/devices.ts'

export interface FedCmSessionsParts {
  readonly devices: Pick<Devices, 'signedIn' | 'change'>
  readonly origin: string
  /** One that is away, or not here yet, is offered to no site. */
  readonly identity: Pick<Self, 'standing'>
  /** The worker's own: to the network, with the cookies of this host. */
  readonly fetch: Fetch
  readonly now: () => number
}

/** One that lives, as the room is told of it. */
export interface LiveSession {
  /** SHA-256 of the cookie's secret, base64url. */
  readonly digest: string
  /** ms. */
  readonly until: number
}

export class FedCmSessions {
  readonly #parts: FedCmSessionsParts
  /** Each good for one request, which is on its way. */
  readonly #tickets = new Set<string>()
  #asking: Promise<void> | undefined

  constructor(parts: FedCmSessionsParts) {
    this.#parts = parts
  }

  /** The browser that asks, if the owner is signed in there; null otherwise. */
  async find({ headers }: Pick<Request, 'headers'>): Promise<SignedInDevice | null> {
    const [, id, secret] = COOKIE_VALUE.exec(cookieValue(headers.get('cookie'), FEDCM_COOKIE) ?? '') ?? []
    if (id === undefined || secret === undefined) return null
    const device = (await this.#offering()).find((each) => each.id === id)
    if (!device) return null
    return isSameText(device.fedcm.secret, await digestOf(secret)) ? device : null
  }

  /** Of a browser that the owner is signed in in. @param isWanted see `ensureOwn` @returns the value of its cookie, which is not good where the owner has ended it */
  async open(id: string, isWanted: boolean): Promise<string> {
    const secret = randomText()
    const fedcm = { secret: await digestOf(secret), at: this.#parts.now() }
    await this.#parts.devices.change(id, (row) => (row.fedcm === 'closed' && !isWanted ? row : { ...row, fedcm }))
    return `${id}.${secret}`
  }

  /** Until the owner begins anew there. */
  async close(id: string): Promise<void> {
    await this.#parts.devices.change(id, (row) => ({ ...row, fedcm: 'closed' }))
  }

  async isOpen(id: string): Promise<boolean> {
    return (await this.#offering()).some((each) => each.id === id)
  }

  async live(): Promise<readonly LiveSession[]> {
    return (await this.#offering()).map(({ fedcm, account }) => ({ digest: fedcm.secret, until: account.until ?? Number.MAX_SAFE_INTEGER }))
  }

  /**
   * Of the browser that the pod lives in: sees to it that it has the cookie. @param isWanted by the owner's own word just now; otherwise one that the owner has ended stays so
   * @throws XrpcError 401 NotSignedIn, 503 Offline where the room cannot be reached
   */
  async ensureOwn({ id, isOwn }: Pick<Visitor, 'id' | 'isOwn'>, isWanted: boolean): Promise<void> {
    const own = (await this.#parts.devices.signedIn()).find((each) => isOwn && each.id === id)
    if (!own || (own.fedcm === 'closed' && !isWanted)) throw new XrpcError(401, 'NotSignedIn', 'Nobody is signed in in this browser.')
    if (own.fedcm === 'closed') await this.#parts.devices.change(id, (row) => ({ ...row, fedcm: undefined }))
    // Of two cookies made at the same time the browser might keep the one that is not good any more.
    this.#asking ??= this.#askRoom().finally(() => (this.#asking = undefined))
    await this.#asking
    if (!(await this.isOpen(id))) throw new XrpcError(401, 'NotSignedIn', 'The owner has ended it meanwhile.')
  }

  async #askRoom(): Promise<void> {
    const { origin, fetch } = this.#parts
    const ticket = randomText()
    this.#tickets.add(ticket)
    try {
      const headers = { 'content-type': 'text/plain' }
      const answer = await fetch(origin + FEDCM.session, { method: 'POST', credentials: 'include', body: ticket, headers })
      if (!answer.ok) throw new TypeError(`the room answered ${answer.status}`)
    } catch (cause) {
      throw new XrpcError(503, 'Offline', 'The room cannot be reached, or the tab is closed.', { cause })
    } finally {
      this.#tickets.delete(ticket)
    }
  }

  /** The same request, as it comes back through the room. @throws XrpcError 403 NoTicket */
  async redeem(request: Request): Promise<Response> {
    if (request.method !== 'POST' || !this.#tickets.delete(await readText(request)))
      throw new XrpcError(403, 'NoTicket', 'This is for the browser that the pod lives in.')
    const response = new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
    // One that is good already is kept: other pages of this browser may be asking by it.
    if ((await this.find(request))?.id !== OWN_DEVICE) response.headers.set(FEDCM_HEADER, await this.open(OWN_DEVICE, false))
    return response
  }

  /** The browsers that sites are told of the account by. */
  async #offering(): Promise<readonly Offering[]> {
    if (this.#parts.identity.standing !== 'active') return []
    return (await this.#parts.devices.signedIn()).filter((device): device is Offering => typeof device.fedcm === 'object')
  }
}

type Offering = SignedInDevice & { readonly fedcm: Exclude<SignedInDevice['fedcm'], 'closed' | undefined> }
