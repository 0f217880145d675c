/** For tests of FedCM: a pod's half of it, browsers with their cookies, and the road through the room. */
import 'fake-indexeddb/auto'
import { DEVICE_COOKIE, DEVICE_HEADER, FEDCM_COOKIE, FEDCM_HEADER } from '../../wire/device-cookie.ts'
import { FEDCM } from '../../wire/fedcm.ts'
import { type Sites } from '../indieauth/contract.ts'
import { sitesOf } from '../indieauth/sites.ts'
import { Devices } from '../oauth/devices.ts'
import { openStore, type Store } from '../store/open.ts'
import { composeFedCm, type FedCm } from './fedcm.ts'

export const ORIGIN = 'https://alice.example'
export const DID = 'did:web:alice.example'
export const HANDLE = 'alice.test'

export interface FedCmStage {
  readonly store: Store
  readonly devices: Devices
  readonly sites: Sites
  readonly fedcm: FedCm
  readonly clock: { now: number }
  readonly own: Browser
  readonly failures: unknown[]
  /** Whether the room can be reached. */
  readonly room: { isUp: boolean }
}

export const stageFedCm = async (): Promise<FedCmStage> => {
  const store = await openStore(crypto.randomUUID())
  const clock = { now: 1_700_000_000_000 }
  const now = () => clock.now
  const identity = {
    did: DID,
    handle: HANDLE,
    origin: ORIGIN,
    standing: 'active' as const,
    createdAt: new Date(clock.now).toISOString(),
  }
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  const devices = new Devices({ store, identity, key: () => Promise.resolve(key), now })
  const sites = sitesOf({ store, now })
  const failures: unknown[] = []
  const room = { isUp: true }
  const fetch = async (url: string, init?: RequestInit): Promise<Response> => {
    if (!room.isUp) throw new TypeError('Failed to fetch')
    return own.ask(new URL(url).pathname, init, 'shim')
  }
  const displayName = () => Promise.resolve('Alice')
  const fedcm = composeFedCm({
    identity,
    devices,
    sites,
    displayName,
    fetch,
    log: { failure: (_what, cause) => void failures.push(cause) },
    now,
  })
  const own = new Browser(fedcm, 'local')
  return { store, devices, sites, fedcm, clock, own, failures, room }
}

/** A browser, and what the room lets it keep. */
export class Browser {
  readonly #fedcm: FedCm
  readonly #road: 'local' | 'shim'
  readonly cookies = new Map<string, string>()

  constructor(fedcm: FedCm, road: 'local' | 'shim') {
    this.#fedcm = fedcm
    this.#road = road
  }

  /** @param road another one than that of its pages: its own FedCM requests, and its worker's, go through the room */
  async ask(path: string, init: RequestInit = {}, road = this.#road): Promise<Response> {
    const headers = new Headers(init.headers)
    if (road === 'shim') headers.set('cookie', Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join('; '))
    const request = new Request(ORIGIN + path, init)
    // What the platform's constructor drops (sw/uplink/requests.ts brings them back).
    Object.defineProperty(request, 'headers', { value: headers })
    const answer = await this.#fedcm.answer(new URL(request.url).pathname, request, road)
    if (!answer) throw new Error(`nothing is at ${path}`)
    for (const [name, header] of [
      [DEVICE_COOKIE, DEVICE_HEADER],
      [FEDCM_COOKIE, FEDCM_HEADER],
    ] as const) {
      const value = answer.headers.get(header)
      if (value === '') this.cookies.delete(name)
      else if (value !== null && road === 'shim') this.cookies.set(name, value)
    }
    return answer
  }

  /** As the browser itself asks for the accounts. */
  accounts(): Promise<Response> {
    return this.ask(FEDCM.accounts, { headers: { 'sec-fetch-dest': 'webidentity' } }, 'shim')
  }

  get fedcmCookie(): string | undefined {
    return this.cookies.get(FEDCM_COOKIE)
  }
}
