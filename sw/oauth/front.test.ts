/** What others try on the pages. */
import { beforeEach, describe, expect, test } from 'vitest'
import { LOOPBACK, ORIGIN, TestClient } from './testing.ts'
import { AUTHORIZE_PATH } from './authorize-page.ts'
import { allow, APP_PASSWORD, Browser, pushed, type PagesStage, type Seen, signIn, stagePages } from './pages-testing.ts'

let set: PagesStage
beforeEach(async () => {
  set = await stagePages()
})

const own = () => new Browser(set, 'local')
const other = () => new Browser(set, 'shim')
const grants = () => set.oauth.authorizations.grants()

describe('a forged form', () => {
  const refused = async (name: string, send: (browser: Browser, page: Seen) => Promise<Seen>) => {
    const browser = own()
    const page = await browser.ask(await pushed(await TestClient.make(set.oauth)))
    const { status, leadsTo } = await send(browser, page)
    expect([name, status, leadsTo]).toEqual([name, 403, null])
  }

  test('does nothing: without a token, with somebody else’s, with that of another request, or from another site', async () => {
    const yes: Record<string, string> = { do: 'allow' }
    await refused('no token', (browser, page) => browser.submit(AUTHORIZE_PATH, page, { ...yes, token: '' }))
    await refused('of another browser', async (browser, page) => {
      const address = `${AUTHORIZE_PATH}?${new URLSearchParams({ client_id: page.fields['client_id'] ?? '', request_uri: page.fields['request_uri'] ?? '' }).toString()}`
      const theirs = await other().ask(address)
      return browser.submit(AUTHORIZE_PATH, page, { ...yes, token: theirs.fields['token'] ?? '' })
    })
    await refused('of another request', async (browser, page) => {
      const other = await browser.ask(await pushed(await TestClient.make(set.oauth)))
      return browser.submit(AUTHORIZE_PATH, page, { ...yes, token: other.fields['token'] ?? '' })
    })
    await refused('of the account page', async (browser, page) =>
      browser.submit(AUTHORIZE_PATH, page, { ...yes, token: (await browser.ask('/account')).fields['token'] ?? '' }),
    )
    await refused('from another site', (browser, page) => browser.submit(AUTHORIZE_PATH, page, yes, [], { origin: 'https://evil.example' }))
    await refused('from a site that hides', (browser, page) => browser.submit(AUTHORIZE_PATH, page, yes, [], { origin: 'null' }))
    await refused('from a sibling', (browser, page) => browser.submit(AUTHORIZE_PATH, page, yes, [], { 'sec-fetch-site': 'same-site' }))
    expect(await grants()).toEqual([])
  })

  test('signs nobody in by somebody else’s password', async () => {
    const victim = other()
    const theirs = other()
    const { status } = await signIn(victim, await theirs.ask('/account'), {}, '/account')
    expect(status).toBe(403)
    expect((await victim.ask('/account')).text).toContain('<title>Sign in')
  })

  test('is not taken as JSON', async () => {
    const browser = own()
    const { status } = await browser.ask('/account', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json', origin: ORIGIN },
    })
    expect(status).toBe(415)
  })
})

describe('a cookie', () => {
  test('that somebody planted is worth nothing once the owner has signed in with it', async () => {
    const planted = other()
    const page = await planted.ask('/account')
    const before = planted.cookie
    const victim = other()
    victim.cookie = before
    await signIn(victim, page, {}, '/account')
    expect(victim.cookie).not.toBe(before)
    expect((await victim.ask('/account')).text).toContain('Apps and browsers')
    expect((await planted.ask('/account')).text).toContain('<title>Sign in')
    expect((await victim.ask('/account')).text).toContain('Apps and browsers')
  })

  test('changes at each sign-in', async () => {
    const browser = other()
    await signIn(browser, await browser.ask('/account'), {}, '/account')
    const first = browser.cookie
    await signIn(browser, await browser.ask('/account'), {}, '/account')
    expect(browser.cookie).not.toBe(first)
    const old = other()
    old.cookie = first
    expect((await old.ask('/account')).text).toContain('<title>Sign in')
  })

  test.each([
    ['of the pod’s own browser', `dev-${'0'.repeat(32)}.${'A'.repeat(43)}`],
    ['that nobody was given', `dev-${'a'.repeat(32)}.${'A'.repeat(43)}`],
    ['that is none', 'x'],
  ])('%s is replaced', async (_, forged) => {
    const browser = other()
    browser.cookie = forged
    expect((await browser.ask('/account')).text).toContain('<title>Sign in')
    expect(browser.cookie).toMatch(/^dev-[\da-f]{32}\.[\w-]{43}$/)
    expect(browser.cookie).not.toBe(forged)
  })

  test('is not read on the road of the pod’s own browser, and none is needed there', async () => {
    const browser = own()
    browser.cookie = 'x'
    expect((await browser.ask('/account')).text).toContain('Apps and browsers')
  })
})

describe('wrong passwords', () => {
  test('are answered on the page, with what was typed as the name, and never with the password', async () => {
    const browser = other()
    const page = await signIn(browser, await browser.ask('/account'), { identifier: 'someone', password: 'secret-guess' }, '/account')
    expect(page.status).toBe(401)
    expect(page.text).toContain('role="alert"')
    expect(page.text).not.toContain('secret-guess')
  })

  test('count together, whoever tries: after five nobody signs in by password', async () => {
    for (let i = 0; i < 5; i++) {
      const browser = other()
      expect((await signIn(browser, await browser.ask('/account'), { password: `wrong ${i}` }, '/account')).status).toBe(401)
    }
    const owner = other()
    const page = await signIn(owner, await owner.ask('/account'), {}, '/account')
    expect(page.text).toContain('Too many wrong passwords')
    expect(page.text).toContain('<title>Sign in')
  })

  test('app passwords are among them', async () => {
    const browser = other()
    const page = await signIn(browser, await browser.ask('/account'), { password: APP_PASSWORD }, '/account')
    expect(page.status).toBe(401)
  })
})

describe('a page', () => {
  test.each(['iframe', 'frame', 'embed', 'object', 'image', 'script'])('is not given to be put into another: %s', async (into) => {
    for (const path of ['/account', AUTHORIZE_PATH])
      expect((await other().ask(path, { headers: { 'sec-fetch-dest': into } })).status).toBe(403)
  })

  test('is not given to a script', async () => {
    expect((await other().ask('/account', { headers: { 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' } })).status).toBe(403)
  })

  test('goes nowhere but where the pushed request says, whatever its address says', async () => {
    const browser = own()
    const evil = '&redirect_uri=https://evil.example/&state=x&prompt=none&response_mode=fragment'
    const consent = await browser.ask((await pushed(await TestClient.make(set.oauth))) + evil)
    expect(consent.text).not.toContain('evil.example')
    expect((await allow(browser, consent)).leadsTo?.host).toBe('127.0.0.1')
  })

  test.each([
    ['nothing', ''],
    [
      'an unknown request',
      `?client_id=${encodeURIComponent(LOOPBACK)}&request_uri=urn:ietf:params:oauth:request_uri:req-${'0'.repeat(32)}`,
    ],
    [
      'a request that was never pushed',
      `?client_id=${encodeURIComponent(LOOPBACK)}&redirect_uri=https://evil.example/&response_type=code&scope=atproto&state=x`,
    ],
  ])('ends here for %s, with nowhere to go', async (_, query) => {
    const page = await other().ask(AUTHORIZE_PATH + query)
    expect(page.status).toBe(400)
    expect(page.leadsTo).toBeNull()
    expect(page.text).not.toContain('evil.example')
  })

  test('says only what it has to say, not what an address tells it to', async () => {
    const browser = own()
    expect((await browser.ask('/account?done=app')).text).toContain('is signed out')
    expect((await browser.ask('/account?done=%3Cb%3EYour+account+is+lost')).text).not.toContain('is lost')
    for (const word of ['__proto__', 'constructor', 'toString']) {
      const page = await browser.ask(`/account?done=${word}`)
      expect([page.status, page.text.includes('role="status"')]).toEqual([200, false])
    }
  })

  test('of a request belongs to the browser that opened it first', async () => {
    const address = await pushed(await TestClient.make(set.oauth))
    await other().ask(address)
    const page = await other().ask(address)
    expect(page.leadsTo).toBeNull()
    expect(page.text).toContain('access_denied')
  })

  test('takes no other verbs, and other names are nothing', async () => {
    expect((await other().ask('/account', { method: 'DELETE' })).status).toBe(405)
    expect((await other().ask('/account/nothing')).status).toBe(404)
  })
})
