import { beforeEach, describe, expect, test } from 'vitest'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { XrpcError } from '../../wire/errors.ts'
import { BRIEF_SIGN_IN_MS, HOUR_MS } from '../../wire/oauth-limits.ts'
import { DID, ORIGIN, TestClient } from './testing.ts'
import { AUTHORIZE_PATH } from './authorize-page.ts'
import { allow, Browser, HANDLE, pushed, type PagesStage, signIn, stagePages } from './pages-testing.ts'

let set: PagesStage
beforeEach(async () => {
  set = await stagePages()
})

const own = () => new Browser(set, 'local')
const other = () => new Browser(set, 'shim')
const grants = () => set.oauth.authorizations.grants()

describe('in another browser', () => {
  test('the owner signs in, allows the app, and the app gets its tokens', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = other()
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
    const browser = other()
    await signIn(browser, await browser.ask(await pushed(await TestClient.make(set.oauth))))
    set.clock.ahead += 23 * HOUR_MS
    expect((await browser.ask('/account')).text).toContain('Apps and browsers')
    set.clock.ahead += 2 * HOUR_MS
    expect((await browser.ask('/account')).text).toContain('<title>Sign in')
  })

  test('“every time” is over in ten minutes', async () => {
    const browser = other()
    await signIn(browser, await browser.ask('/account'), { keep: '0' }, '/account')
    expect((await browser.ask('/account')).text).toContain('Apps and browsers')
    set.clock.ahead += BRIEF_SIGN_IN_MS
    expect((await browser.ask('/account')).text).toContain('<title>Sign in')
  })

  test('whoever only looks leaves nothing behind', async () => {
    for (let i = 0; i < 5; i++) await other().ask('/account')
    expect(await set.store.count('oauthDevices')).toBe(0)
  })
})

test('an integrator hears of each sign-in, may refuse it, and puts its name on the pages', async () => {
  const heard: string[] = []
  set = await stagePages({
    branding: { name: 'Our place' },
    onSignedIn: ({ by, device }) => {
      heard.push(`${by} ${device.userAgent?.slice(-13) ?? ''}`)
      if (heard.length > 1) throw new XrpcError(403, 'NotNow', 'Not now')
    },
  })
  const page = await other().ask('/account')
  expect(page.text).toContain('Sign in · Our place')
  const browser = other()
  expect((await signIn(browser, await browser.ask('/account'), {}, '/account')).text).toContain('Apps and browsers')
  expect(heard).toEqual(['password Firefox/140.0'])
  const refused = other()
  expect((await signIn(refused, await refused.ask('/account'), {}, '/account')).text).toContain('role="alert"')
  expect((await refused.ask('/account')).text).toContain('<title>Sign in')
})

describe('in the browser that the pod lives in', () => {
  test('one click is enough, and no cookie is set', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = own()
    const consent = await browser.ask(await pushed(client))
    expect(consent.text).toContain('Let it use your account?')
    const { leadsTo } = await allow(browser, consent)
    expect((await client.exchange(leadsTo?.searchParams.get('code') ?? '')).status).toBe(200)
    expect(browser.cookie).toBeNull()
  })

  test('signing out there asks for the password again', async () => {
    const browser = own()
    const page = await browser.ask('/account')
    await browser.submit('/account', page, { do: 'sign-out', id: `dev-${'0'.repeat(32)}` })
    expect((await browser.ask('/account')).text).toContain('<title>Sign in')
    expect((await signIn(browser, await browser.ask('/account'), {}, '/account')).text).toContain('Apps and browsers')
  })
})

describe('the owner decides', () => {
  test('what is not ticked is not given; the app reads so in the answer to its code', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = own()
    const { leadsTo } = await allow(browser, await browser.ask(await pushed(client)), [])
    const { body } = await client.exchange(leadsTo?.searchParams.get('code') ?? '')
    expect(body['scope']).toBe('atproto')
  })

  test('nothing that was not asked for is given, whatever the form says', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = own()
    const { leadsTo } = await allow(browser, await browser.ask(await pushed(client, { scope: 'atproto' })), [
      'transition:generic',
      'identity:*',
    ])
    expect((await client.exchange(leadsTo?.searchParams.get('code') ?? '')).body['scope']).toBe('atproto')
  })

  test('for how long: the grant ends then', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = own()
    const { leadsTo } = await allow(browser, await browser.ask(await pushed(client)), ['transition:generic'], { for: '1' })
    await client.exchange(leadsTo?.searchParams.get('code') ?? '')
    expect(await grants()).toMatchObject([{ until: expect.closeTo(Date.now() + HOUR_MS, -4) }])
  })

  test('no: the app hears access_denied, and has nothing', async () => {
    const client = await TestClient.make(set.oauth)
    const browser = own()
    const { leadsTo } = await browser.submit(AUTHORIZE_PATH, await browser.ask(await pushed(client)), { do: 'deny' })
    expect(leadsTo?.searchParams.get('error')).toBe('access_denied')
    expect(leadsTo?.searchParams.get('state')).toBe('state-1')
    expect(await grants()).toEqual([])
  })

  test('no is possible without signing in', async () => {
    const browser = other()
    const { leadsTo } = await browser.submit(AUTHORIZE_PATH, await browser.ask(await pushed(await TestClient.make(set.oauth))), {
      do: 'deny',
    })
    expect(leadsTo?.searchParams.get('error')).toBe('access_denied')
  })

  test('“Not you?” asks for the password, though somebody is signed in', async () => {
    const browser = own()
    const page = await browser.submit(AUTHORIZE_PATH, await browser.ask(await pushed(await TestClient.make(set.oauth))), { do: 'switch' })
    expect(page.text).toContain('<title>Sign in')
  })

  test('a request that was answered is not answered again', async () => {
    const browser = own()
    const consent = await browser.ask(await pushed(await TestClient.make(set.oauth)))
    await allow(browser, consent)
    const again = await allow(browser, consent)
    expect(again.leadsTo).toBeNull()
    expect(again.status).toBe(400)
  })
})

describe('an app with a key of its own, which the owner allowed before', () => {
  const url = 'https://app.statusphere.social/client.json'
  const redirect = 'https://app.statusphere.social/callback'

  const appWithKey = async (): Promise<TestClient> => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'ES256', use: 'sig' }
    set.web.set(url, () =>
      Response.json({
        client_id: url,
        client_name: 'Statusphere',
        redirect_uris: [redirect],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        scope: 'atproto transition:generic',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        application_type: 'web',
        dpop_bound_access_tokens: true,
        jwks: { keys: [jwk] },
      }),
    )
    const client = await TestClient.make(set.oauth, url)
    client.credentials = async () => ({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'ES256', kid: 'key-1' })
        .setIssuer(url)
        .setSubject(url)
        .setAudience(ORIGIN)
        .setIssuedAt()
        .sign(privateKey),
    })
    return client
  }

  test('is let in by one click where it hints at the account, and never without', async () => {
    const [browser, client] = [own(), await appWithKey()]
    const first = await browser.ask(await pushed(client, { redirect_uri: redirect, login_hint: HANDLE }))
    expect(first.text).toContain('calls itself “Statusphere”')
    await allow(browser, first)
    const page = await browser.ask(await pushed(client, { redirect_uri: redirect, login_hint: HANDLE, code_challenge: 'b'.repeat(43) }))
    expect(page.leadsTo).toBeNull()
    expect(page.text).toContain('Continue to app.statusphere.social')
  })

  test('hears at once, and without a click, where it asks without a word to the owner', async () => {
    const [browser, client] = [own(), await appWithKey()]
    const silent = { redirect_uri: redirect, prompt: 'none', login_hint: HANDLE }
    const refused = await browser.ask(await pushed(client, silent))
    expect(refused.leadsTo?.searchParams.get('error')).toBe('consent_required')
    await allow(browser, await browser.ask(await pushed(client, { redirect_uri: redirect })))
    const let_in = await browser.ask(await pushed(client, silent))
    expect(let_in.leadsTo?.searchParams.get('code')).toMatch(/^cod-/)
    expect((await other().ask(await pushed(client, silent))).leadsTo?.searchParams.get('error')).toBe('login_required')
  })

  test('has the account chosen where it wants that, and then asks as ever', async () => {
    const [browser, client] = [own(), await appWithKey()]
    const choice = await browser.ask(await pushed(client, { redirect_uri: redirect, prompt: 'select_account' }))
    expect(choice.text).toContain('Which account?')
    const consent = await browser.submit(AUTHORIZE_PATH, choice, { account: DID })
    expect(consent.text).toContain('Let it use your account?')
    expect((await allow(browser, consent)).leadsTo?.searchParams.get('code')).toMatch(/^cod-/)
  })

  test('has the password asked for where it wants that, though somebody is signed in', async () => {
    const [browser, client] = [own(), await appWithKey()]
    set.clock.ahead -= 60_000
    await browser.ask('/account')
    set.clock.ahead += 60_000
    const page = await browser.ask(await pushed(client, { redirect_uri: redirect, prompt: 'login' }))
    expect(page.text).toContain('<title>Sign in')
    expect((await signIn(browser, page)).text).toContain('Let it use your account?')
  })
})
