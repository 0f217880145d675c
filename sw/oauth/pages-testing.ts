/** For tests of the pages: a provider with its pages, and browsers that ask for them and send their forms. */
import 'fake-indexeddb/auto'
import { DEVICE_COOKIE, DEVICE_HEADER } from '../../wire/device-cookie.ts'
import { Sessions } from '../account/sessions.ts'
import { makeOwner, SignIn } from '../account/sign-in.ts'
import type { Sites } from '../indieauth/contract.ts'
import { sitesOf } from '../indieauth/sites.ts'
import { CATALOGS } from '../languages/catalogs.ts'
import { languagesOf } from '../languages/languages.ts'
import { writePod } from '../store/pod.ts'
import { AUTHORIZE_PATH } from './authorize-page.ts'
import { type Pages, type PagesParts, pagesOf } from './front.ts'
import { composeDevices, pagePartsOf } from './page-services.ts'
import type { ProviderSettings } from './provider.ts'
import { DID, ORIGIN, type Stage, stage, type TestClient } from './testing.ts'

export const HANDLE = 'alice.test'
export const PASSWORD = 'correct horse'
export const APP_PASSWORD = 'abcd-efgh-2345-wxyz'

export interface PagesStage extends Stage {
  readonly parts: PagesParts
  readonly pages: Pages
  readonly sites: Sites
  /** Those of createSession. */
  readonly sessions: Sessions
  /** ms that the pages are ahead of the real time. */
  readonly clock: { ahead: number }
  /** Those that were set on the account page. */
  readonly passwords: string[]
}

/** All of them, as the build has them. */
const languages = languagesOf({
  addresses: Object.fromEntries(Object.keys(CATALOGS).map((tag) => [tag, tag])),
  read: async (tag) => CATALOGS[tag],
})

export const stagePages = async (settings: ProviderSettings = {}): Promise<PagesStage> => {
  const set = await stage()
  const { store, oauth, failures } = set
  const clock = { ahead: 0 }
  const passwords: string[] = []
  await writePod(store, { owner: await makeOwner(PASSWORD, 1000) })
  const now = () => Date.now() + clock.ahead
  const identity = { did: DID, handle: HANDLE, origin: ORIGIN, standing: 'active' as const, createdAt: new Date().toISOString() }
  const shared = { store, identity, now }
  const devices = composeDevices(shared)
  const find = async (password: string) => (password === APP_PASSWORD ? { name: 'x', privileged: true } : null)
  const ownerPassword = {
    requestReset: nothing,
    reset: nothing,
    set: async (password: string) => {
      passwords.push(password)
      await devices.signOutElsewhere()
    },
  }
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  const sites = sitesOf({ store, now })
  const sessions = new Sessions(store, { did: DID, audience: DID, key }, now)
  const parts = pagePartsOf({
    ...shared,
    devices,
    settings,
    authorizations: oauth.authorizations,
    sites,
    account: { signIn: new SignIn(store, identity, { find }, now), ownerPassword, sessions },
    languages,
    log: { failure: (_what, cause) => void failures.push(cause) },
  })
  const pages = pagesOf(parts)
  return { ...set, sessions, sites, parts, pages, clock, passwords }
}

const nothing = async (): Promise<void> => {}

/** A page as a browser sees it. */
export interface Seen {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  /** Hidden fields of its first form. */
  readonly fields: Record<string, string>
  /** Where it leads by itself. */
  readonly leadsTo: URL | null
}

/** A browser with its one cookie; the pod's own has none. */
export class Browser {
  readonly #pages: Pages
  readonly #origin: 'local' | 'shim'
  cookie: string | null = null
  readonly #userAgent: string

  constructor({ pages }: Pick<PagesStage, 'pages'>, origin: 'local' | 'shim', userAgent = FIREFOX) {
    this.#pages = pages
    this.#origin = origin
    this.#userAgent = userAgent
  }

  async ask(path: string, init: RequestInit & { readonly headers?: Record<string, string> } = {}): Promise<Seen> {
    const headers = {
      'user-agent': this.#userAgent,
      ...(this.cookie !== null && { cookie: `${DEVICE_COOKIE}=${this.cookie}` }),
      ...init.headers,
    }
    const request = new Request(ORIGIN + path, { ...init, headers })
    // What the platform's constructor drops (sw/uplink/requests.ts brings them back).
    Object.defineProperty(request, 'headers', { value: new Headers(headers) })
    const answer = await this.#pages.answer(new URL(request.url).pathname, request, this.#origin)
    if (!answer) throw new Error(`nothing is at ${path}`)
    const told = answer.headers.get(DEVICE_HEADER)
    if (told !== null) this.cookie = told === '' ? null : told
    const location = answer.headers.get('location')
    if (answer.status === 303 && location?.startsWith('/')) return this.ask(location)
    const text = await answer.text()
    const fields = Object.fromEntries(
      Array.from(text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g), ([, name = '', value = '']) => [
        name,
        plain(value),
      ]),
    )
    const refresh = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(text)?.[1]
    const leadsTo = refresh !== undefined ? new URL(plain(refresh)) : location !== null ? new URL(location) : null
    return { status: answer.status, text, headers: answer.headers, fields, leadsTo }
  }

  async submit(
    path: string,
    page: Pick<Seen, 'fields'>,
    changed: Record<string, string> = {},
    more: ReadonlyArray<[string, string]> = [],
    headers: Record<string, string> = {},
  ): Promise<Seen> {
    const body = new URLSearchParams({ ...page.fields, ...changed })
    for (const [name, value] of more) body.append(name, value)
    return this.ask(path, {
      method: 'POST',
      body: body.toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: ORIGIN, ...headers },
    })
  }
}

/** Out of an attribute. */
export const plain = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

/** @returns address of the authorize page */
export const pushed = async (client: TestClient, changed: Record<string, string> = {}): Promise<string> => {
  const { body, status } = await client.push(changed)
  if (status !== 201) throw new Error(JSON.stringify(body))
  return `${AUTHORIZE_PATH}?${new URLSearchParams({ client_id: client.clientId, request_uri: String(body['request_uri']) }).toString()}`
}

export const signIn = (browser: Browser, page: Seen, changed: Record<string, string> = {}, path = AUTHORIZE_PATH): Promise<Seen> =>
  browser.submit(path, page, { do: 'sign-in', identifier: HANDLE, password: PASSWORD, keep: '24', ...changed })

export const allow = (
  browser: Browser,
  page: Seen,
  scopes: readonly string[] = ['transition:generic'],
  changed: Record<string, string> = {},
  path = AUTHORIZE_PATH,
): Promise<Seen> =>
  browser.submit(
    path,
    page,
    { do: 'allow', ...changed },
    scopes.map((scope) => ['scope', scope]),
  )
