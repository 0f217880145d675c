import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, test } from 'vitest'
import { DEVICE_COOKIE, DEVICE_HEADER } from '../../wire/device-cookie.ts'
import { BRIEF_SIGN_IN_MS, HOUR_MS } from '../../wire/limits.ts'
import { makeOwner, SignIn } from '../account/sign-in.ts'
import { writePod } from '../store/pod.ts'
import { Devices } from './devices.ts'
import { formsOf } from './forms.ts'
import { type Pages, pagesOf } from './front.ts'
import { passkeysOf } from './passkeys.ts'
import { providerRow } from './provider-keys.ts'
import { DID, LOOPBACK, ORIGIN, type Stage, stage, TestClient } from './testing.ts'

const HANDLE = 'alice.test'
const PASSWORD = 'correct horse'

let set: Stage
let pages: Pages
let clock: { now: number }
let passwords: string[]

beforeEach(async () => {
  set = await stage()
  clock = { now: Date.now() }
  passwords = []
  const { store, oauth } = set
  await writePod(store, { owner: await makeOwner(PASSWORD, 1000) })
  const now = () => clock.now
  const identity = { did: DID, handle: HANDLE, origin: ORIGIN, standing: 'active' as const, createdAt: new Date(clock.now).toISOString() }
  const key = async () => (await providerRow(store, now())).forms
  pages = pagesOf({
    house: { origin: ORIGIN, branding: {} },
    store,
    identity,
    now,
    authorizations: oauth.authorizations,
    devices: new Devices({ store, identity, key, now }),
    forms: formsOf({ origin: ORIGIN, key }),
    passkeys: passkeysOf({ store, identity, key, now }),
    signIn: new SignIn(store, identity, { find: async (password) => (password === 'abcd-efgh-2345-wxyz' ? { name: 'x', privileged: true } : null) }, now),
    ownerPassword: { set: async (password) => void passwords.push(password) },
    log: { failure: (_what, cause) => set.failures.push(cause) },
  })
})

/** A page as a browser sees it. */
interface Seen {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  /** Hidden fields of its first form. */
  readonly fields: Record<string, string>
  /** Where it leads by itself. */
  readonly leadsTo: URL | null
}

/** A browser with its one cookie; the pod's own has none. */
class Browser {
  readonly origin: 'local' | 'shim'
  cookie: string | null = null
  readonly userAgent: string

  constructor(origin: 'local' | 'shim', userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0') {
    this.origin = origin
    this.userAgent = userAgent
  }

  async ask(path: string, init: RequestInit & { readonly headers?: Record<string, string> } = {}): Promise<Seen> {
    const headers = { 'user-agent': this.userAgent, ...(this.cookie !== null && { cookie: `${DEVICE_COOKIE}=${this.cookie}` }), ...init.headers }
    const request = new Request(ORIGIN + path, { ...init, headers })
    // What the platform's constructor drops (sw/uplink/requests.ts brings them back).
    Object.defineProperty(request, 'headers', { value: new Headers(headers) })
    const answer = await pages.answer(new URL(request.url).pathname, request, this.origin)
    if (!answer) throw new Error(`nothing is at ${path}`)
    const told = answer.headers.get(DEVICE_HEADER)
    if (told !== null) this.cookie = told === '' ? null : told
    const location = answer.headers.get('location')
    if (answer.status === 303 && location?.startsWith('/')) return this.ask(location)
    const text = await answer.text()
    const fields = Object.fromEntries(Array.from(text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g), ([, name = '', value = '']) => [name, plain(value)]))
    const refresh = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(text)?.[1]
    const leadsTo = refresh !== undefined ? new URL(plain(refresh)) : location !== null ? new URL(location) : null
    return { status: answer.status, text, headers: answer.headers, fields, leadsTo }
  }

  async submit(path: string, page: Pick<Seen, 'fields'>, changed: Record<string, string> = {}, more: ReadonlyArray<[string, string]> = [], headers: Record<string, string> = {}): Promise<Seen> {
    const body = new URLSearchParams({ ...page.fields, ...changed })
    for (const [name, value] of more) body.append(name, value)
    return this.ask(path, {
      method: 'POST',
      body: body.toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: ORIGIN, ...headers },
    })
  }
}

const plain = (text: string): string => text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

const AUTHORIZE = '/oauth/authorize'

const pushed = async (client: TestClient, changed: Record<string, string> = {}): Promise<string> => {
  const { body, status } = await client.push(changed)
  if (status !== 201) throw new Error(JSON.stringify(body))
  return `${AUTHORIZE}?${new URLSearchParams({ client_id: client.clientId, request_uri: String(body['request_uri']) }).toString()}`
}

const signIn = (browser: Browser, page: Seen, changed: Record<string, string> = {}, path = AUTHORIZE): Promise<Seen> =>
  browser.submit(path, page, { do: 'sign-in', identifier: HANDLE, password: PASSWORD, keep: '24', ...changed })

const allow = (browser: Browser, page: Seen, scopes: readonly string[] = ['transition:generic'], changed: Record<string, string> = {}): Promise<Seen> =>
  browser.submit(AUTHORIZE, page, { do: 'allow', ...changed }, scopes.map((scope) => ['scope', scope]))

const grants = () => set.oauth.authorizations.grants()

describe('in another browser', () => {
  test('the owner signs in, allows the app, and the app gets its tokens', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = new Browser('shim')
    const asked = await browser.ask(await pushed(client))
    expect(asked.text).toContain('<title>Sign in')
    const consent = await signIn(browser, asked)
    expect(consent.text).toContain('Let it use your account?')
    const { leadsTo } = await allow(browser, consent)
    expect(leadsTo?.origin + (leadsTo?.pathname ?? '')).toBe('http://127.0.0.1/callback')
    expect(leadsTo?.searchParams.get('state')).toBe('state-1')
    const { status } = await client.exchange(leadsTo?.searchParams.get('code') ?? '')
    expect(status).toBe(200)
    expect(await grants()).toMatchObject([{ scopes: ['atproto', 'transition:generic'] }])
  })

  test('a second app is asked about without a password, until the time that was chosen is over', async () => {
    const browser = new Browser('shim')
    await signIn(browser, await browser.ask(await pushed(await TestClient.make(set.oauth))))
    clock.now += 23 * HOUR_MS
    expect((await browser.ask('/account')).text).toContain('Apps and browsers')
    clock.now += 2 * HOUR_MS
    expect((await browser.ask('/account')).text).toContain('<title>Sign in')
  })

  test('“every time” is over in ten minutes', async () => {
    const browser = new Browser('shim')
    await signIn(browser, await browser.ask('/account'), { keep: '0' }, '/account')
    expect((await browser.ask('/account')).text).toContain('Apps and browsers')
    clock.now += BRIEF_SIGN_IN_MS
    expect((await browser.ask('/account')).text).toContain('<title>Sign in')
  })

  test('whoever only looks leaves nothing behind', async () => {
    for (let i = 0; i < 5; i++) await new Browser('shim').ask('/account')
    expect(await set.store.count('oauthDevices')).toBe(0)
  })
})

describe('in the browser that the pod lives in', () => {
  test('one click is enough, and no cookie is set', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = new Browser('local')
    const consent = await browser.ask(await pushed(client))
    expect(consent.text).toContain('Let it use your account?')
    const { leadsTo } = await allow(browser, consent)
    expect((await client.exchange(leadsTo?.searchParams.get('code') ?? '')).status).toBe(200)
    expect(browser.cookie).toBeNull()
  })

  test('signing out there asks for the password again', async () => {
    const browser = new Browser('local')
    const page = await browser.ask('/account')
    await browser.submit('/account', page, { do: 'sign-out', id: `dev-${'0'.repeat(32)}` })
    expect((await browser.ask('/account')).text).toContain('<title>Sign in')
    expect((await signIn(browser, await browser.ask('/account'), {}, '/account')).text).toContain('Apps and browsers')
  })
})

describe('the owner decides', () => {
  test('what is not ticked is not given; the app reads so in the answer to its code', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = new Browser('local')
    const { leadsTo } = await allow(browser, await browser.ask(await pushed(client)), [])
    const { body } = await client.exchange(leadsTo?.searchParams.get('code') ?? '')
    expect(body['scope']).toBe('atproto')
  })

  test('nothing that was not asked for is given, whatever the form says', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = new Browser('local')
    const { leadsTo } = await allow(browser, await browser.ask(await pushed(client, { scope: 'atproto' })), ['transition:generic', 'identity:*'])
    expect((await client.exchange(leadsTo?.searchParams.get('code') ?? '')).body['scope']).toBe('atproto')
  })

  test('for how long: the grant ends then', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = new Browser('local')
    const { leadsTo } = await allow(browser, await browser.ask(await pushed(client)), ['transition:generic'], { for: '1' })
    await client.exchange(leadsTo?.searchParams.get('code') ?? '')
    expect(await grants()).toMatchObject([{ until: clock.now + HOUR_MS }])
  })

  test('no: the app hears access_denied, and has nothing', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = new Browser('local')
    const { leadsTo } = await browser.submit(AUTHORIZE, await browser.ask(await pushed(client)), { do: 'deny' })
    expect(leadsTo?.searchParams.get('error')).toBe('access_denied')
    expect(leadsTo?.searchParams.get('state')).toBe('state-1')
    expect(await grants()).toEqual([])
  })

  test('no is possible without signing in', async () => {
    const browser = new Browser('shim')
    const { leadsTo } = await browser.submit(AUTHORIZE, await browser.ask(await pushed(await TestClient.make(set.oauth))), { do: 'deny' })
    expect(leadsTo?.searchParams.get('error')).toBe('access_denied')
  })

  test('“Not you?” asks for the password, though somebody is signed in', async () => {
    const browser = new Browser('local')
    const page = await browser.submit(AUTHORIZE, await browser.ask(await pushed(await TestClient.make(set.oauth))), { do: 'switch' })
    expect(page.text).toContain('<title>Sign in')
  })

  test('a request that was answered is not answered again', async () => {
    const browser = new Browser('local')
    const consent = await browser.ask(await pushed(await TestClient.make(set.oauth)))
    await allow(browser, consent)
    const again = await allow(browser, consent)
    expect(again.leadsTo).toBeNull()
    expect(again.status).toBe(400)
  })
})

describe('a forged form', () => {
  const refused = async (name: string, send: (browser: Browser, page: Seen) => Promise<Seen>) => {
    const browser = new Browser('local')
    const page = await browser.ask(await pushed(await TestClient.make(set.oauth)))
    const { status, leadsTo } = await send(browser, page)
    expect([name, status, leadsTo]).toEqual([name, 403, null])
  }

  test('does nothing: without a token, with somebody else’s, with that of another request, or from another site', async () => {
    const yes: Record<string, string> = { do: 'allow' }
    await refused('no token', (browser, page) => browser.submit(AUTHORIZE, page, { ...yes, token: '' }))
    await refused('of another browser', async (browser, page) => {
      const address = `${AUTHORIZE}?${new URLSearchParams({ client_id: page.fields['client_id'] ?? '', request_uri: page.fields['request_uri'] ?? '' }).toString()}`
      const theirs = await new Browser('shim').ask(address)
      return browser.submit(AUTHORIZE, page, { ...yes, token: theirs.fields['token'] ?? '' })
    })
    await refused('of another request', async (browser, page) => {
      const other = await browser.ask(await pushed(await TestClient.make(set.oauth)))
      return browser.submit(AUTHORIZE, page, { ...yes, token: other.fields['token'] ?? '' })
    })
    await refused('of the account page', async (browser, page) =>
      browser.submit(AUTHORIZE, page, { ...yes, token: (await browser.ask('/account')).fields['token'] ?? '' }),
    )
    await refused('from another site', (browser, page) => browser.submit(AUTHORIZE, page, yes, [], { origin: 'https://evil.example' }))
    await refused('from a site that hides', (browser, page) => browser.submit(AUTHORIZE, page, yes, [], { origin: 'null' }))
    await refused('from a sibling', (browser, page) => browser.submit(AUTHORIZE, page, yes, [], { 'sec-fetch-site': 'same-site' }))
    expect(await grants()).toEqual([])
  })

  test('signs nobody in by somebody else’s password', async () => {
    const victim = new Browser('shim')
    const theirs = new Browser('shim')
    const { status } = await signIn(victim, await theirs.ask('/account'), {}, '/account')
    expect(status).toBe(403)
    expect((await victim.ask('/account')).text).toContain('<title>Sign in')
  })

  test('is not taken as JSON', async () => {
    const browser = new Browser('local')
    const { status } = await browser.ask('/account', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', origin: ORIGIN } })
    expect(status).toBe(415)
  })
})

describe('a cookie', () => {
  test('that somebody planted is worth nothing once the owner has signed in with it', async () => {
    const planted = new Browser('shim')
    const page = await planted.ask('/account')
    const before = planted.cookie
    const victim = new Browser('shim')
    victim.cookie = before
    await signIn(victim, page, {}, '/account')
    expect(victim.cookie).not.toBe(before)
    expect((await victim.ask('/account')).text).toContain('Apps and browsers')
    expect((await planted.ask('/account')).text).toContain('<title>Sign in')
    expect((await victim.ask('/account')).text).toContain('Apps and browsers')
  })

  test('changes at each sign-in', async () => {
    const browser = new Browser('shim')
    await signIn(browser, await browser.ask('/account'), {}, '/account')
    const first = browser.cookie
    await signIn(browser, await browser.ask('/account'), {}, '/account')
    expect(browser.cookie).not.toBe(first)
    const old = new Browser('shim')
    old.cookie = first
    expect((await old.ask('/account')).text).toContain('<title>Sign in')
  })

  test.each([
    ['of the pod’s own browser', `dev-${'0'.repeat(32)}.${'A'.repeat(43)}`],
    ['that nobody was given', `dev-${'a'.repeat(32)}.${'A'.repeat(43)}`],
    ['that is none', 'x'],
  ])('%s is replaced', async (_, forged) => {
    const browser = new Browser('shim')
    browser.cookie = forged
    expect((await browser.ask('/account')).text).toContain('<title>Sign in')
    expect(browser.cookie).toMatch(/^dev-[\da-f]{32}\.[\w-]{43}$/)
    expect(browser.cookie).not.toBe(forged)
  })

  test('is not read on the road of the pod’s own browser, and none is needed there', async () => {
    const browser = new Browser('local')
    browser.cookie = 'x'
    expect((await browser.ask('/account')).text).toContain('Apps and browsers')
  })
})

describe('wrong passwords', () => {
  test('are answered on the page, with what was typed as the name, and never with the password', async () => {
    const browser = new Browser('shim')
    const page = await signIn(browser, await browser.ask('/account'), { identifier: 'someone', password: 'secret-guess' }, '/account')
    expect(page.status).toBe(401)
    expect(page.text).toContain('role="alert"')
    expect(page.text).not.toContain('secret-guess')
  })

  test('count together, whoever tries: after five nobody signs in by password', async () => {
    for (let i = 0; i < 5; i++) {
      const browser = new Browser('shim')
      expect((await signIn(browser, await browser.ask('/account'), { password: `wrong ${i}` }, '/account')).status).toBe(401)
    }
    const owner = new Browser('shim')
    const page = await signIn(owner, await owner.ask('/account'), {}, '/account')
    expect(page.text).toContain('Too many wrong passwords')
    expect(page.text).toContain('<title>Sign in')
  })

  test('app passwords are among them', async () => {
    const browser = new Browser('shim')
    const page = await signIn(browser, await browser.ask('/account'), { password: 'abcd-efgh-2345-wxyz' }, '/account')
    expect(page.status).toBe(401)
  })
})

describe('a page', () => {
  test.each(['iframe', 'frame', 'embed', 'object', 'image', 'script'])('is not given to be put into another: %s', async (into) => {
    for (const path of ['/account', AUTHORIZE]) expect((await new Browser('shim').ask(path, { headers: { 'sec-fetch-dest': into } })).status).toBe(403)
  })

  test('is not given to a script', async () => {
    expect((await new Browser('shim').ask('/account', { headers: { 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' } })).status).toBe(403)
  })

  test('goes nowhere but where the pushed request says, whatever its address says', async () => {
    const browser = new Browser('local')
    const evil = '&redirect_uri=https://evil.example/&state=x&prompt=none&response_mode=fragment'
    const consent = await browser.ask((await pushed(await TestClient.make(set.oauth))) + evil)
    expect(consent.text).not.toContain('evil.example')
    expect((await allow(browser, consent)).leadsTo?.host).toBe('127.0.0.1')
  })

  test.each([
    ['nothing', ''],
    ['an unknown request', `?client_id=${encodeURIComponent(LOOPBACK)}&request_uri=urn:ietf:params:oauth:request_uri:req-${'0'.repeat(32)}`],
    ['a request that was never pushed', `?client_id=${encodeURIComponent(LOOPBACK)}&redirect_uri=https://evil.example/&response_type=code&scope=atproto&state=x`],
  ])('ends here for %s, with nowhere to go', async (_, query) => {
    const page = await new Browser('shim').ask(AUTHORIZE + query)
    expect(page.status).toBe(400)
    expect(page.leadsTo).toBeNull()
    expect(page.text).not.toContain('evil.example')
  })

  test('says only what it has to say, not what an address tells it to', async () => {
    const browser = new Browser('local')
    expect((await browser.ask('/account?done=app')).text).toContain('is signed out')
    expect((await browser.ask('/account?done=%3Cb%3EYour+account+is+lost')).text).not.toContain('is lost')
    expect((await browser.ask('/account?done=__proto__')).text).not.toContain('role="status"')
  })

  test('of a request belongs to the browser that opened it first', async () => {
    const address = await pushed(await TestClient.make(set.oauth))
    await new Browser('shim').ask(address)
    const page = await new Browser('shim').ask(address)
    expect(page.leadsTo).toBeNull()
    expect(page.text).toContain('access_denied')
  })

  test('takes no other verbs, and other names are nothing', async () => {
    expect((await new Browser('shim').ask('/account', { method: 'DELETE' })).status).toBe(405)
    expect((await new Browser('shim').ask('/account/nothing')).status).toBe(404)
  })
})

describe('on the account page', () => {
  const signedIn = async (): Promise<Browser> => {
    const browser = new Browser('shim')
    await signIn(browser, await browser.ask('/account'), {}, '/account')
    return browser
  }

  const withApp = async (): Promise<TestClient> => {
    const client = await TestClient.make(set.oauth)
    const browser = new Browser('local')
    const { leadsTo } = await allow(browser, await browser.ask(await pushed(client)))
    await client.exchange(leadsTo?.searchParams.get('code') ?? '')
    return client
  }

  test('an app is ended: its next refresh is refused', async () => {
    await withApp()
    const browser = await signedIn()
    const [grant] = await grants()
    const page = await browser.submit('/account', await browser.ask('/account'), { do: 'end-grant', id: grant?.id ?? '' })
    expect(page.text).toContain('The app is signed out')
    expect(await grants()).toEqual([])
  })

  test('all apps, and all other browsers', async () => {
    await withApp()
    await withApp()
    const [here, there] = [await signedIn(), await signedIn()]
    await here.submit('/account', await here.ask('/account'), { do: 'end-grants' })
    expect(await grants()).toEqual([])
    await here.submit('/account', await here.ask('/account'), { do: 'sign-out-others' })
    expect((await here.ask('/account')).text).toContain('Apps and browsers')
    expect((await there.ask('/account')).text).toContain('<title>Sign in')
    expect((await new Browser('local').ask('/account')).text).toContain('<title>Sign in')
  })

  test('a new password needs the old one, and ends the other browsers', async () => {
    const [here, there] = [await signedIn(), await signedIn()]
    const path = '/account/security'
    const wrong = await here.submit(path, await here.ask(path), { do: 'change-password', current: 'wrong', new: 'a new password' })
    expect(wrong.status).toBe(400)
    expect(passwords).toEqual([])
    const done = await here.submit(path, await here.ask(path), { do: 'change-password', current: PASSWORD, new: 'a new password' })
    expect(done.text).toContain('The password is changed')
    expect(passwords).toEqual(['a new password'])
    expect((await there.ask('/account')).text).toContain('<title>Sign in')
  })

  test('a passkey is not added without the password, nor from what is no passkey', async () => {
    const browser = await signedIn()
    const path = '/account/security'
    for (const [password, credential] of [
      ['wrong', '{"id":"x","response":{}}'],
      [PASSWORD, 'nonsense'],
      [PASSWORD, '{"id":"x","rawId":"x","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}'],
    ] as const) {
      const page = await browser.submit(path, await browser.ask(path), { do: 'add-passkey', password, credential, name: 'x' })
      expect(page.text).toContain('role="alert"')
    }
    expect(await set.store.count('passkeys')).toBe(0)
  })

  test('the log says who signed in and what was allowed, and is saved as a file', async () => {
    await withApp()
    const browser = await signedIn()
    const { text } = await browser.ask('/account/log')
    expect(text).toContain('Allowed an app on this computer')
    expect(text).toContain('Signed in with the password')
    expect(text).toContain('Firefox on Linux')
    const file = await browser.ask('/account/log.json')
    expect(file.headers.get('content-disposition')).toContain('attachment')
    expect(JSON.parse(file.text)).toMatchObject({ did: DID, entries: [{ what: 'sign-in', outcome: 'done' }, { what: 'consent', scope: 'atproto transition:generic' }] })
    expect((await new Browser('shim').ask('/account/log.json')).text).toContain('<title>Sign in')
  })

  test('browsers and password managers find where to change the password', async () => {
    const page = await new Browser('local').ask('/.well-known/change-password')
    expect(page.text).toContain('Change the password')
  })
})

test('an app that was allowed before and hints at the account is let in by one click, and never without', async () => {
  const url = 'https://app.example/client.json'
  set.web.set(url, () =>
    Response.json({
      client_id: url,
      redirect_uris: ['https://app.example/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      scope: 'atproto transition:generic',
      token_endpoint_auth_method: 'none',
      application_type: 'web',
      dpop_bound_access_tokens: true,
    }),
  )
  const browser = new Browser('local')
  for (let i = 0; i < 2; i++) {
    const client = await TestClient.make(set.oauth, url)
    const page = await browser.ask(await pushed(client, { redirect_uri: 'https://app.example/callback', login_hint: HANDLE }))
    expect(page.leadsTo).toBeNull()
    expect(page.text).toMatch(/value="allow"|Continue to app\.example/)
    if (page.text.includes('value="allow"')) await allow(browser, page)
  }
})
