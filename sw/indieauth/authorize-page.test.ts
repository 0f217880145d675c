import { beforeEach, describe, expect, test } from 'vitest'
import { INDIEAUTH } from '../../wire/indieauth.ts'
import { MAX_OAUTH_DOCUMENT_BYTES } from '../../wire/oauth-limits.ts'
import { GUARD_SCRIPT } from '../oauth/pages/guard.ts'
import { ORIGIN } from '../oauth/testing.ts'
import type { Browser, Seen } from '../oauth/pages-testing.ts'
import { readOAuthLedger } from '../store/oauth-ledger.ts'
import { agree, CALLBACK, codeFor, enter, isKnown, ME, SITE, type SitesStage, stageSites, TestSite } from './testing.ts'

let set: SitesStage
let site: TestSite
beforeEach(async () => {
  set = await stageSites()
  site = new TestSite()
})

const own = (): Browser => set.browser('local')
const other = (): Browser => set.browser('shim')
const codes = () => set.store.getAll('indieCodes')

describe('in the browser that the pod lives in', () => {
  test('the page says who asks, what it gets and where the answer goes, and one click sends it there', async () => {
    set.profile.record = { displayName: 'Alice' }
    set.email = 'alice@mail.example'
    const browser = own()
    const page = await browser.ask(site.address())
    for (const words of ['site.example', ME, '“Alice”', 'alice@mail.example', 'The answer goes to', 'gives no name'])
      expect(page.text).toContain(words)
    const { leadsTo } = await agree(browser, page)
    expect(leadsTo?.origin + (leadsTo?.pathname ?? '')).toBe('https://site.example/back')
    expect(Object.fromEntries(leadsTo?.searchParams ?? [])).toEqual({
      a: '1',
      code: expect.stringMatching(/^[\w-]{43}$/),
      state: 'state-1',
      iss: `${ORIGIN}/indieauth`,
    })
    expect(await codes()).toMatchObject([
      { clientId: SITE, redirectUri: CALLBACK, scopes: ['profile', 'email'], codeChallenge: site.challenge },
    ])
  })

  test('what the owner takes the tick from is not given, and who the owner is needs none', async () => {
    const browser = own()
    await agree(browser, await browser.ask(site.address()), ['profile'])
    await agree(browser, await browser.ask(site.address()), [])
    const second = await browser.ask(site.address({ scope: '' }))
    expect(second.text).not.toContain('type="checkbox"')
    await agree(browser, second, ['profile', 'email'])
    expect((await codes()).map(({ scopes }) => scopes.join(' ')).toSorted()).toEqual(['', '', 'profile'])
  })

  test('what the owner takes the tick from is not given by the browser’s dialog later either, which does not say it', async () => {
    const browser = own()
    await agree(browser, await browser.ask(site.address()), ['profile', 'email'])
    expect(await isKnown(set.sites, SITE, ['profile', 'email'])).toBe(true)
    await agree(browser, await browser.ask(site.address({ scope: 'profile' })), ['profile'])
    expect(await isKnown(set.sites, SITE, ['profile', 'email'])).toBe(true)
    await agree(browser, await browser.ask(site.address()), ['profile'])
    expect(await isKnown(set.sites, SITE, ['profile'])).toBe(true)
    expect(await isKnown(set.sites, SITE, ['email'])).toBe(false)
  })

  test('a site that was allowed before is told so, and needs a click all the same', async () => {
    const browser = own()
    await agree(browser, await browser.ask(site.address({ scope: 'profile' })))
    const page = await browser.ask(site.address())
    expect(page.leadsTo).toBe(null)
    expect(page.text).toContain(GUARD_SCRIPT)
    expect(page.text).toContain('You let it know before')
    expect(page.text.match(/class="mark">new</g)).toHaveLength(1)
  })

  test('refusing is as easy, and written down', async () => {
    const browser = own()
    const page = await browser.ask(site.address())
    const { leadsTo } = await browser.submit(INDIEAUTH.authorize, page, { do: 'deny' })
    expect(leadsTo?.searchParams.get('error')).toBe('access_denied')
    expect(leadsTo?.searchParams.get('state')).toBe('state-1')
    expect(leadsTo?.searchParams.get('iss')).toBe(`${ORIGIN}/indieauth`)
    expect(await codes()).toEqual([])
    expect(await readOAuthLedger(set.store)).toMatchObject([{ what: 'site', outcome: 'refused', clientId: SITE, note: 'redirect' }])
  })

  test('the page says so where the site expects somebody else', async () => {
    const browser = own()
    expect((await browser.ask(site.address({ me: 'https://bob.example/' }))).text).toContain('The site expects')
    for (const me of [ME, ORIGIN, `${ORIGIN}/profile`])
      expect((await browser.ask(site.address({ me }))).text).not.toContain('The site expects')
  })

  test('what this server does not know is not given', async () => {
    const browser = own()
    await agree(browser, await browser.ask(site.address({ scope: 'profile create media' })), ['profile', 'create'])
    expect(await codes()).toMatchObject([{ scopes: ['profile'] }])
  })
})

describe('in another browser', () => {
  test('the owner signs in, and is back at the same request', async () => {
    const browser = other()
    const asked = await browser.ask(site.address())
    expect(asked.text).toContain('<title>Sign in')
    expect(asked.text).toContain('site.example')
    expect((await enter(browser, asked, { password: 'wrong' })).status).toBe(401)
    const consent = await enter(browser, asked)
    expect(consent.text).toContain('Let it know who you are?')
    expect((await agree(browser, consent)).leadsTo?.searchParams.get('state')).toBe('state-1')
  })

  test('a stranger’s no goes back, and is not written down', async () => {
    const browser = other()
    const { leadsTo } = await browser.submit(INDIEAUTH.authorize, await browser.ask(site.address()), { do: 'deny' })
    expect(leadsTo?.searchParams.get('error')).toBe('access_denied')
    expect(await readOAuthLedger(set.store)).toEqual([])
  })

  test('nobody allows anything who is not signed in', async () => {
    const browser = other()
    const { leadsTo, text } = await agree(browser, await browser.ask(site.address()))
    expect(leadsTo).toBe(null)
    expect(text).toContain('<title>Sign in')
    expect(await codes()).toEqual([])
  })
})

describe('nothing goes anywhere', () => {
  const refused = async (address: string): Promise<Seen> => {
    const page = await own().ask(address)
    expect([page.status, page.leadsTo, page.fields]).toEqual([400, null, {}])
    expect(page.text).not.toContain('evil')
    return page
  }

  test.each([
    ['', 'none'],
    ['site.example', 'no URL'],
    ['javascript:alert(1)', 'a script'],
    ['https://user@site.example/', 'a user'],
    ['https://site.example/#x', 'a fragment'],
    ['https://site.example/a/../b', 'dot segments'],
    ['https://SITE.example/', 'capitals'],
    ['https://192.0.2.1/', 'an address'],
    ['https://[2001:db8::1]/', 'an address of six'],
    ['https://0300.0.0.2/', 'an address in octal'],
    ['ftp://site.example/', 'another scheme'],
    [`https://site.example/${'a'.repeat(2048)}`, 'one too long'],
  ])('where the client_id is %s (%s)', async (clientId) => {
    expect((await refused(new TestSite(clientId || ' ').address())).text).toContain('invalid_client')
  })

  test.each([
    'https://evil.example/back',
    'https://site.example.evil.example/',
    'https://site.example:8443/back',
    'http://site.example/back',
    'https://evil@site.example/back',
    'https://site.example/back#evil',
    'javascript:alert(1)',
    'data:text/html,evil',
    '//evil.example/',
    '/back',
    ' ',
  ])('where the redirect_uri is %s', async (redirectUri) => {
    expect((await refused(new TestSite(SITE, redirectUri).address())).text).toContain('invalid_redirect_uri')
  })

  test('where a parameter comes twice', async () => {
    expect((await refused(`${site.address()}&redirect_uri=${encodeURIComponent('https://evil.example/')}`)).text).toContain(
      'invalid_request',
    )
  })
})

describe('a request that is none', () => {
  test.each([
    ['invalid_request', 'no PKCE', { code_challenge: '', code_challenge_method: '' }],
    ['invalid_request', 'plain PKCE', { code_challenge_method: 'plain' }],
    ['invalid_request', 'a method left out', { code_challenge_method: '' }],
    ['invalid_request', 'a challenge in hex', { code_challenge: 'a'.repeat(64) }],
    ['invalid_request', 'no state', { state: '' }],
    ['unsupported_response_type', 'the type of older clients', { response_type: 'id' }],
    ['unsupported_response_type', 'a token', { response_type: 'token' }],
    ['invalid_scope', 'an address without a profile', { scope: 'email' }],
  ] as const)('is answered %s for %s, when the owner clicks', async (error, _, changed) => {
    const page = await own().ask(site.address(changed))
    expect([page.status, page.leadsTo]).toEqual([400, null])
    expect(page.text).toContain(`error=${error}`)
    expect(page.text).toContain('Continue to site.example')
  })
})

describe('what a site says of itself', () => {
  const APP = 'https://app.example/client'
  const ELSEWHERE = 'https://elsewhere.example/back'
  const published = { client_id: APP, client_uri: 'https://app.example/', client_name: 'Fine notes', redirect_uris: [ELSEWHERE] }
  const asked = (answer: () => Response, redirectUri = ELSEWHERE): Promise<Seen> => {
    set.web.set(APP, answer)
    return own().ask(new TestSite(APP, redirectUri).address())
  }

  test('is where its answers may go, and a name that is marked as nobody’s word', async () => {
    const page = await asked(() => Response.json(published))
    expect(page.status).toBe(200)
    expect(page.text).toMatch(/calls itself “Fine notes” <span class="mark">not verified/)
    expect(page.text).toContain('elsewhere.example')
  })

  test('may stand in its Link headers', async () => {
    const link = `</icon>; rel="icon", <${ELSEWHERE}>; type="x"; rel="redirect_uri other"`
    expect((await asked(() => new Response('<html>', { headers: { 'content-type': 'text/html', link } }))).status).toBe(200)
    expect((await asked(() => new Response('', { headers: { link: `<${ELSEWHERE}>; rel="other"` } }), `${ELSEWHERE}?2`)).status).toBe(400)
  })

  test.each(['<', '<a>;', '<a>;a="', '<a>;a', '<a> ;', '<a>;rel=x'])(
    'is read at once, however its headers are made: %s, and so on',
    async (part) => {
      const began = performance.now()
      const headers = { link: part.repeat(64_000 / part.length), 'content-type': 'text/html' }
      await asked(() => new Response('', { headers }))
      // A regular expression that looks ahead from each of them takes seconds.
      expect(performance.now() - began).toBeLessThan(1000)
    },
  )

  test.each([
    ['nothing is there', () => new Response(null, { status: 404 })],
    ['it redirects', () => Response.redirect('https://evil.example/', 302)],
    ['it is too large', () => Response.json({ ...published, more: 'x'.repeat(MAX_OAUTH_DOCUMENT_BYTES) })],
    ['it is HTML', () => new Response(`<link rel="redirect_uri" href="${ELSEWHERE}">`, { headers: { 'content-type': 'text/html' } })],
    ['it names another', () => Response.json({ ...published, redirect_uris: [`${ELSEWHERE}/more`] })],
  ])('does not lead elsewhere where %s; its own origin is another matter', async (_, answer) => {
    expect((await asked(answer)).text).toContain('invalid_redirect_uri')
    expect((await asked(answer, 'https://app.example/back')).status).toBe(200)
  })

  test.each([
    ['names another client', { ...published, client_id: 'https://other.example/client' }],
    ['is at home elsewhere', { ...published, client_uri: 'https://other.example/' }],
    ['has no client_id', { ...published, client_id: undefined }],
    ['has no addresses, but one', { ...published, redirect_uris: ELSEWHERE }],
    ['is a list', [published]],
  ])('is refused where it %s', async (_, document) => {
    expect((await asked(() => Response.json(document), 'https://app.example/back')).text).toContain('invalid_client')
  })

  test('may name its bare host without the slash behind it', async () => {
    const said = { ...published, client_id: 'https://bare.example', client_uri: 'https://bare.example/' }
    set.web.set('https://bare.example/', () => Response.json(said))
    for (const clientId of ['https://bare.example', 'https://bare.example/'])
      expect((await own().ask(new TestSite(clientId, ELSEWHERE).address())).status).toBe(200)
  })

  test('is looked up once for a while, and never on this machine', async () => {
    let looks = 0
    const count = (): Response => {
      looks++
      return Response.json(published)
    }
    await asked(count)
    await asked(count)
    expect(looks).toBe(1)
    for (const local of ['http://127.0.0.1:8080/', 'http://localhost:8080/', 'http://[::1]:8080/']) {
      set.web.set(local, count)
      expect((await own().ask(new TestSite(local, `${local}back`).address())).status).toBe(200)
      expect((await own().ask(new TestSite(local, 'http://127.0.0.1:9090/back').address())).status).toBe(400)
    }
    expect(looks).toBe(1)
  })
})

describe('a forged form', () => {
  const refused = async (send: (browser: Browser, page: Seen) => Promise<Seen>) => {
    const browser = own()
    const { status, leadsTo } = await send(browser, await browser.ask(site.address()))
    expect([status, leadsTo]).toEqual([403, null])
  }
  const yes = { do: 'allow' }

  test('does nothing: without a token, with another one, with another request in it, or from another site', async () => {
    await refused((browser, page) => browser.submit(INDIEAUTH.authorize, page, { ...yes, token: '' }))
    await refused(async (browser, page) =>
      browser.submit(INDIEAUTH.authorize, page, { ...yes, token: (await browser.ask('/account')).fields['token'] ?? '' }),
    )
    await refused(async (browser, page) =>
      browser.submit(INDIEAUTH.authorize, page, { ...yes, token: (await other().ask(site.address())).fields['token'] ?? '' }),
    )
    await refused((browser, page) =>
      browser.submit(INDIEAUTH.authorize, page, { ...yes, request: (page.fields['request'] ?? '').replaceAll('site', 'evil') }),
    )
    await refused((browser, page) => browser.submit(INDIEAUTH.authorize, page, yes, [], { origin: 'https://evil.example' }))
    await refused((browser, page) => browser.submit(INDIEAUTH.authorize, page, yes, [], { 'sec-fetch-site': 'cross-site' }))
    expect(await codes()).toEqual([])
  })

  test('the page stands in no frame, and no script reads it', async () => {
    const { headers } = await own().ask(site.address())
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN)
    const framed = await own().ask(site.address(), { headers: { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' } })
    const fetched = await own().ask(site.address(), { headers: { 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' } })
    expect([framed.status, fetched.status]).toEqual([403, 403])
  })

  test('what a site writes is text', async () => {
    const page = await own().ask(
      site.address({ me: 'https://x.example/"><script>alert(1)</script>', scope: '"><script>alert(1)</script>' }),
    )
    expect(page.status).toBe(200)
    expect(page.text).not.toContain('<script>alert')
  })
})

test.each(['arriving', 'deactivated'] as const)('an account that is %s is told to no site, by nobody’s click', async (standing) => {
  const page = await own().ask(site.address())
  set.identity.standing = standing
  for (const seen of [await own().ask(site.address()), await agree(own(), page)]) {
    expect([seen.status, seen.leadsTo]).toEqual([403, null])
    expect(seen.text).toContain('not active here')
  }
  expect(await codes()).toEqual([])
})

test('the account page lists the site, and forgetting it ends what it held and asks again', async () => {
  const browser = own()
  await codeFor(set, site, 'profile')
  const account = await browser.ask('/account')
  expect(account.text).toContain('Sites that know you')
  expect(account.text).toContain('your name and your picture')
  const done = await browser.submit('/account', account, { do: 'forget-site', id: SITE })
  expect(done.text).toContain('The site is forgotten')
  expect(done.text).not.toContain('Sites that know you')
  expect(await codes()).toEqual([])
  expect((await browser.ask(site.address())).text).not.toContain('You let it know before')
  expect(JSON.parse((await browser.ask('/account/log.json')).text)).toMatchObject({
    entries: [{ what: 'site-end', clientId: SITE }, { what: 'site' }],
    sites: [],
  })
})
