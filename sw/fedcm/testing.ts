/** For tests of FedCM: a pod's half of it, browsers with their cookies, and the road through the room. */
import { DEVICE_COOKIE, DEVICE_HEADER, FEDCM_COOKIE, FEDCM_HEADER } from '../../wire/device-cookie.ts'
import { FEDCM } from '../../wire/fedcm.ts'
import type { Standing } from '../../wire/frames.ts'
import { HANDLE, type PagesStage, PASSWORD, plain, stagePages } from '../oauth/pages-testing.ts'
import { ORIGIN } from '../oauth/testing.ts'
import { composeFedCm, type FedCm } from './fedcm.ts'
import { watchSites } from './watched-sites.ts'

export { HANDLE, ORIGIN }
export const ME = `${ORIGIN}/`
export const SITE = 'https://site.example'
export const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

const ALICE = {
  record: () => Promise.resolve({ uri: '', cid: '', value: { $type: 'app.bsky.actor.profile', displayName: 'Alice' } }),
}

export interface FedCmStage extends PagesStage {
  readonly fedcm: FedCm
  readonly identity: { standing: Standing }
  /** The browser that the pod lives in. */
  readonly own: Browser
  /** Whether the room can be reached, and the cookies that went through it. */
  readonly room: { isUp: boolean; readonly cookies: string[] }
}

export const stageFedCm = async (): Promise<FedCmStage> => {
  const set = await stagePages()
  const room = { isUp: true, cookies: [] as string[] }
  const fetch = async (url: string, init?: RequestInit): Promise<Response> => {
    if (!room.isUp) throw new TypeError('Failed to fetch')
    const answer = await own.ask(new URL(url).pathname, init, 'shim')
    const cookie = answer.headers.get(FEDCM_HEADER)
    if (cookie !== null) room.cookies.push(cookie)
    return answer
  }
  const identity = { ...set.parts.identity, origin: ORIGIN }
  const fedcm = composeFedCm({
    ...set.parts,
    identity,
    repo: ALICE,
    sites: watchSites(set.sites),
    profile: { onDocuments: () => {} },
    fetch,
  })
  const own = new Browser(fedcm, 'local')
  return { ...set, identity, fedcm, own, room }
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

  /** As the browser itself asks in the name of a site. */
  send(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return this.ask(
      path,
      {
        method: 'POST',
        body: new URLSearchParams(fields).toString(),
        headers: { ...FORM, 'sec-fetch-dest': 'webidentity', origin: SITE, ...headers },
      },
      'shim',
    )
  }

  /** @param changed fields; undefined ones are left out */
  assertion(
    changed: Record<string, string | undefined> = {},
    params: Record<string, unknown> | string = {},
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const fields = {
      client_id: `${SITE}/`,
      account_id: ME,
      disclosure_text_shown: 'true',
      is_auto_selected: 'false',
      mode: 'passive',
      fields: 'name,email,picture',
      disclosure_shown_for: 'name,email,picture',
      params: typeof params === 'string' ? params : JSON.stringify({ code_challenge: CHALLENGE, code_challenge_method: 'S256', ...params }),
      ...changed,
    }
    const sent = Object.entries(fields).filter((each): each is [string, string] => each[1] !== undefined)
    return this.send(FEDCM.assertion, Object.fromEntries(sent), headers)
  }

  /** A page, and where it leads. */
  async look(path: string): Promise<Seen> {
    return this.#seen(await this.ask(path))
  }

  /** Sends the form of a page. @param changed what a person has put in */
  async submit(path: string, { fields }: Seen, changed: Record<string, string>, headers: Record<string, string> = {}): Promise<Seen> {
    const body = new URLSearchParams({ ...fields, ...changed }).toString()
    return this.#seen(await this.ask(path, { method: 'POST', body, headers: { ...FORM, origin: ORIGIN, ...headers } }))
  }

  async signIn(password = PASSWORD): Promise<Seen> {
    return this.submit(FEDCM.login, await this.look(FEDCM.login), { do: 'sign-in', identifier: HANDLE, password, keep: '24' })
  }

  get fedcmCookie(): string | undefined {
    return this.cookies.get(FEDCM_COOKIE)
  }

  async #seen(answer: Response): Promise<Seen> {
    const location = answer.headers.get('location')
    if (answer.status === 303 && location !== null) return this.look(location)
    const text = await answer.text()
    const inputs = text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)
    const fields = Object.fromEntries(Array.from(inputs, ([, name = '', value = '']) => [name, plain(value)]))
    const data = Object.fromEntries(
      Array.from(text.matchAll(/data-(status|account|token)="([^"]*)"/g), ([, name = '', value = '']) => [name, plain(value)]),
    )
    return { status: answer.status, text, headers: answer.headers, fields, data }
  }
}

export interface Seen {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  /** Hidden fields of its form. */
  readonly fields: Record<string, string>
  /** What its script is given. */
  readonly data: Record<string, string>
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
