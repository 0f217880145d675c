import type { Browser, BrowserContext, Page } from 'playwright'
import { chromium } from 'playwright'
import { findChromium, flags } from '../../scripts/browser.ts'
import { OAuthClient } from '../fixtures/oauth-client.ts'
import { faultsOn, watchPolicy, widthFaultsOn } from '../fixtures/page-faults.ts'
import { expect, PASSWORD, test } from '../fixtures/pod.ts'
import { CLICK_GUARD_MS, HOUR_MS } from '../../wire/oauth-limits.ts'

test.use({ name: 'oauth-pages' })

/** Sentences of several kinds. */
const SCOPE = 'atproto repo:app.bsky.feed.post rpc:*?aud=did:web:api.bsky.app%23bsky_appview blob:image/*'

/** Stands where the app would be, whatever the browser brings it. */
const openApp = async (context: BrowserContext): Promise<void> => {
  await context.route('http://127.0.0.1:1/**', (route) => route.fulfill({ contentType: 'text/html', body: `<h1>app</h1>` }))
}

const answeredBy = async (page: Page, address: string): Promise<{ by: string | undefined; fromWorker: boolean }> => {
  const response = await page.goto(address)
  return { by: response?.headers()['x-tabpod-answered-by'], fromWorker: response?.fromServiceWorker() ?? false }
}

const signIn = async (page: Page, password = PASSWORD): Promise<void> => {
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

/** A browser that is not the owner's own: no worker, a cookie jar of its own. */
let elsewhere: Browser
test.beforeAll(async () => {
  elsewhere = await chromium.launch({ executablePath: findChromium(), args: flags() })
})
test.afterAll(() => elsewhere?.close())

const otherBrowser = async (options: Parameters<Browser['newContext']>[0] = {}): Promise<{ context: BrowserContext; page: Page }> => {
  const context = await elsewhere.newContext(options)
  await openApp(context)
  return { context, page: await context.newPage() }
}

test("in the owner's own browser the worker answers, and one click lets the app in", async ({ pod }) => {
  await openApp(pod.context)
  const client = new OAuthClient(pod.url)
  const page = await pod.context.newPage()
  const refused = watchPolicy(page)
  expect(await answeredBy(page, await client.begin())).toEqual({ by: 'tab', fromWorker: true })
  await expect(page.getByRole('heading', { name: 'Let it use your account?' })).toBeVisible()
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL('http://127.0.0.1:1/**')
  expect((await client.exchange(page.url())).sub).toBe(pod.did)
  expect(refused).toEqual([])
  await page.close()
})

test('also while the shim is away: the page opens, in the language that the app asks for, and the answer goes to the app', async ({
  pod,
}) => {
  const client = new OAuthClient(pod.url)
  const address = await client.begin({ ui_locales: 'de-AT en' })
  await expect
    .poll(() => pod.page.evaluate(async () => (await caches.open('tabpod-shell').then((cache) => cache.keys())).map(({ url }) => url)))
    .toContainEqual(expect.stringContaining('/words-de'))
  await pod.room.crash()
  const page = await pod.context.newPage()
  expect(await answeredBy(page, address)).toEqual({ by: 'tab', fromWorker: true })
  await expect(page.getByRole('heading', { name: 'Darf sie dein Konto nutzen?' })).toBeVisible()
  await page.getByRole('button', { name: 'Erlauben' }).click()
  await page.waitForURL('http://127.0.0.1:1/**')
  await pod.room.start()
  await pod.online()
  expect((await client.exchange(page.url())).scope).toBe('atproto transition:generic')
  await page.close()
})

test('in another browser the owner signs in by password, is known again by one cookie, and is not asked twice', async ({ pod }) => {
  const { context, page } = await otherBrowser()
  const client = new OAuthClient(pod.url)
  expect(await answeredBy(page, await client.begin())).toEqual({ by: 'tab', fromWorker: false })
  await signIn(page, 'not the password')
  await expect(page.getByRole('alert')).toBeVisible()
  await signIn(page)
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL('http://127.0.0.1:1/**')
  expect((await client.exchange(page.url())).sub).toBe(pod.did)
  const cookies = await context.cookies(pod.url)
  expect(cookies.map(({ name, httpOnly, secure, sameSite, path }) => ({ name, httpOnly, secure, sameSite, path }))).toEqual([
    { name: '__Host-tabpod-device', httpOnly: true, secure: true, sameSite: 'Lax', path: '/' },
  ])
  const second = new OAuthClient(pod.url)
  await page.goto(await second.begin())
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.waitForURL('http://127.0.0.1:1/**')
  expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied')
  await context.close()
})

test('all of it works without script, and with the keyboard alone', async ({ pod }) => {
  const { context, page } = await otherBrowser({ javaScriptEnabled: false })
  const client = new OAuthClient(pod.url, 'atproto transition:generic transition:chat.bsky')
  await page.goto(await client.begin())
  await page.getByLabel('Password').focus()
  await page.keyboard.type(PASSWORD)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Let it use your account?' })).toBeVisible()
  await page.getByLabel('direct messages').focus()
  await page.keyboard.press('Space')
  await expect(page.getByLabel('direct messages')).not.toBeChecked()
  await page.getByLabel('For how long').selectOption('One day')
  await page.getByRole('button', { name: 'Allow' }).focus()
  await page.keyboard.press('Enter')
  await page.waitForURL('http://127.0.0.1:1/**')
  expect((await client.exchange(page.url())).scope).toBe('atproto transition:generic')
  await page.goto(`${pod.url}/account`)
  await expect(page.getByText('ends', { exact: false }).first()).toBeVisible()
  await page.getByRole('button', { name: 'End An app on this computer' }).first().click()
  await expect(page.getByRole('status')).toHaveText(/signed out/)
  await context.close()
})

test('a worker that was killed between the page and its form has lost nothing', async ({ pod }) => {
  const { context, page } = await otherBrowser()
  const client = new OAuthClient(pod.url)
  await page.goto(await client.begin())
  await pod.killWorker()
  await signIn(page)
  await expect(page.getByRole('heading', { name: 'Let it use your account?' })).toBeVisible()
  await pod.killWorker()
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL('http://127.0.0.1:1/**')
  await pod.killWorker()
  expect((await client.exchange(page.url())).sub).toBe(pod.did)
  await page.goto(`${pod.url}/account`)
  await expect(page.getByRole('heading', { level: 1, name: 'Apps and browsers' })).toBeVisible()
  await context.close()
})

test('the answer comes as a form where the app wants one', async ({ pod }) => {
  const { context, page } = await otherBrowser()
  const bodies: Array<string | null> = []
  await context.route('http://127.0.0.1:1/**', (route) => {
    bodies.push(route.request().postData())
    return route.fulfill({ contentType: 'text/html', body: '<h1>app</h1>' })
  })
  await page.goto(await new OAuthClient(pod.url).begin({ response_mode: 'form_post' }))
  await signIn(page)
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL('http://127.0.0.1:1/**')
  expect(new URLSearchParams(bodies[0] ?? '').get('code')).toMatch(/^cod-/)
  await context.close()
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`nothing on the pages is in the way of assistive technology, or wider than 320 px: ${colorScheme}`, async ({ pod }) => {
    const { context, page } = await otherBrowser({ colorScheme })
    const refused = watchPolicy(page)
    await page.goto(await new OAuthClient(pod.url, SCOPE).begin())
    expect(await faultsOn(page)).toEqual([])
    await signIn(page, 'not the password')
    expect(await faultsOn(page)).toEqual([])
    await signIn(page)
    await page.getByText('Technical details').click()
    expect(await faultsOn(page)).toEqual([])
    for (const path of ['/account', '/account/security', '/account/log', '/account/nothing', '/oauth/authorize']) {
      await page.goto(pod.url + path)
      expect([path, await faultsOn(page)]).toEqual([path, []])
    }
    expect(refused).toEqual([])
    await context.close()
  })
}

test('a person is spoken to in the language of the app or of the browser, and it fits a small phone in each', async ({ pod }) => {
  const metadata = (await (await fetch(`${pod.url}/.well-known/oauth-authorization-server`)).json()) as { ui_locales_supported: string[] }
  const { context, page } = await otherBrowser({ locale: 'ja-JP' })
  const headingOf = async (more: Record<string, string> = {}): Promise<readonly [string | null, string]> => {
    await page.goto(await new OAuthClient(pod.url, SCOPE).begin(more))
    return [await page.locator('html').getAttribute('lang'), await page.getByRole('heading', { level: 1 }).innerText()]
  }
  expect(await headingOf()).toEqual(['ja', 'サインイン'])
  expect(await headingOf({ ui_locales: 'de' })).toEqual(['de', 'Anmelden'])
  expect(await headingOf({ ui_locales: 'tlh pt-PT' })).toEqual(['pt-BR', 'Entrar'])
  await headingOf({ ui_locales: 'en' })
  await signIn(page)
  for (const [at, tag] of metadata.ui_locales_supported.filter((each) => each !== 'en').entries()) {
    await page.emulateMedia({ colorScheme: at % 2 === 0 ? 'dark' : 'light' })
    await headingOf({ ui_locales: tag, prompt: 'login' })
    expect([tag, await widthFaultsOn(page)]).toEqual([tag, []])
    expect((await headingOf({ ui_locales: tag }))[0]).toBe(tag)
    expect([tag, await faultsOn(page)]).toEqual([tag, []])
  }
  await context.close()
  const stranger = await otherBrowser({ locale: 'nl-NL' })
  await stranger.page.goto(await new OAuthClient(pod.url).begin())
  await expect(stranger.page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await stranger.context.close()
})

test('a passkey is added on the account page, and opens it again', async ({ pod }) => {
  const { context, page } = await otherBrowser()
  const session = await context.newCDPSession(page)
  await session.send('WebAuthn.enable')
  await session.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
  })
  await page.goto(`${pod.url}/account/security`)
  await signIn(page)
  await page.getByLabel('A name for the new one').fill('My phone')
  await page.getByLabel('Your password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await expect(page.getByRole('status').first()).toHaveText(/The passkey is added/)

  // The virtual authenticator takes up at once what the page offers to fill in.
  await context.clearCookies()
  await page.goto(`${pod.url}/account`)
  await expect(page.getByRole('heading', { level: 1, name: 'Apps and browsers' })).toBeVisible()

  await context.clearCookies()
  await context.addInitScript(() => Object.assign(PublicKeyCredential, { isConditionalMediationAvailable: async () => false }))
  const client = new OAuthClient(pod.url)
  await page.goto(await client.begin())
  await page.getByRole('button', { name: 'Use a passkey' }).click()
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL('http://127.0.0.1:1/**')
  expect((await client.exchange(page.url())).sub).toBe(pod.did)

  await page.goto(`${pod.url}/account/security`)
  await page.getByText('Rename').click()
  await page.getByLabel('New name of My phone').fill('My other phone')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByRole('heading', { name: 'My other phone' })).toBeVisible()
  await page.getByRole('button', { name: 'Remove My other phone' }).click()
  await expect(page.getByRole('heading', { name: 'My other phone' })).toBeHidden()
  await context.close()
})

test('what one browser ends, another has lost', async ({ pod }) => {
  const [here, there] = await Promise.all([otherBrowser(), otherBrowser()])
  for (const { page } of [here, there]) {
    await page.goto(`${pod.url}/account`)
    await signIn(page)
    await expect(page.getByRole('heading', { level: 1, name: 'Apps and browsers' })).toBeVisible()
  }
  await here.page.reload()
  await here.page.getByRole('button', { name: 'Sign out all others' }).click()
  await there.page.reload()
  await expect(there.page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible()
  await Promise.all([here.context.close(), there.context.close()])
})

test('no other site can put the pages into a frame, nor send their forms', async ({ pod }) => {
  const hostile = async (context: BrowserContext, body: string): Promise<Page> => {
    await context.route('http://evil.localhost:1/**', (route) => route.fulfill({ contentType: 'text/html', body }))
    const page = await context.newPage()
    await page.goto('http://evil.localhost:1/')
    return page
  }
  const { context, page } = await otherBrowser()
  await page.goto(`${pod.url}/account`)
  await signIn(page)
  for (const each of [context, pod.context]) {
    const framing = await hostile(each, `<iframe src="${pod.url}/account"></iframe>`)
    await expect.poll(() => framing.frames()[1]?.url()).toBe('chrome-error://chromewebdata/')
    await framing.close()
    await each.unroute('http://evil.localhost:1/**')
    const forging = await hostile(
      each,
      `<form method="post" action="${pod.url}/account"><input name="do" value="end-grants"><button>go</button></form>`,
    )
    await forging.getByRole('button').click()
    await expect(forging.getByText('This did not come from here')).toBeVisible()
    await forging.close()
    await each.unroute('http://evil.localhost:1/**')
  }
  await context.close()
})

test('a click that was aimed at another window gives nothing away, nor does a key that is held down; the next click does', async ({
  pod,
}) => {
  const { context, page } = await otherBrowser()
  const client = new OAuthClient(pod.url)
  const address = await client.begin()
  await page.goto(`${pod.url}/account`)
  await signIn(page)
  // Time stands still unless the test lets it go on: on the slowest machine the second click of a double click comes soon.
  await context.clock.install()
  await context.clock.pauseAt(Date.now() + HOUR_MS)
  await context.route('http://evil.localhost:1/**', (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<button onmousedown="open('${address}', '', 'popup,width=600,height=800')">Click twice</button>`,
    }),
  )
  await page.goto('http://evil.localhost:1/')
  const opening = context.waitForEvent('page')
  await page.getByRole('button').click()
  const consent = await opening
  const sent: string[] = []
  consent.on('request', (request) => request.method() === 'POST' && sent.push(request.url()))
  const allow = consent.getByRole('button', { name: 'Allow' })
  const [x, y] = await allow.evaluate((button) => {
    const { left, right, top, bottom } = button.getBoundingClientRect()
    return [(left + right) / 2, (top + bottom) / 2] as const
  })
  await consent.mouse.click(x, y, { clickCount: 2 })
  await expect(allow).toBeDisabled()

  await allow.focus()
  await consent.keyboard.down('Enter')
  await context.clock.runFor(CLICK_GUARD_MS - 1)
  await consent.keyboard.down('Enter')
  await context.clock.runFor(CLICK_GUARD_MS - 1)
  await expect(allow).toBeDisabled()
  await consent.keyboard.up('Enter')
  await context.clock.runFor(1)
  await expect(allow).toBeEnabled()

  // As when the window above it closes: under a test every page has the focus all the time, so that it must be told.
  await consent.evaluate(() => dispatchEvent(new Event('focus')))
  await consent.mouse.click(x, y)
  await expect(allow).toBeDisabled()
  await context.clock.runFor(CLICK_GUARD_MS)
  await allow.click()
  await context.clock.resume()
  await consent.waitForURL('http://127.0.0.1:1/**')
  expect((await client.exchange(consent.url())).sub).toBe(pod.did)
  expect(sent).toHaveLength(1)
  await context.close()
})

test('a browser without scripts takes no such click either', async ({ pod }) => {
  const { context, page } = await otherBrowser({ javaScriptEnabled: false })
  await page.goto(`${pod.url}/account`)
  await signIn(page)
  const devtools = await context.newCDPSession(page)
  await devtools.send('Animation.enable')
  await devtools.send('Animation.setPlaybackRate', { playbackRate: 0 })
  const client = new OAuthClient(pod.url)
  await page.goto(await client.begin())
  const allow = page.getByRole('button', { name: 'Allow' })
  await expect(allow.click({ trial: true, timeout: 2 * CLICK_GUARD_MS })).rejects.toThrow(/intercepts pointer events/)
  await devtools.send('Animation.setPlaybackRate', { playbackRate: 1 })
  await allow.click()
  await page.waitForURL('http://127.0.0.1:1/**')
  expect((await client.exchange(page.url())).sub).toBe(pod.did)
  await context.close()
})

test('the way to change the password is where browsers look for it', async ({ pod }) => {
  const { context, page } = await otherBrowser()
  await page.goto(`${pod.url}/.well-known/change-password`)
  await signIn(page)
  await expect(page.getByRole('heading', { name: 'Password' })).toBeVisible()
  await context.close()
})

test('while the tab is closed a person reads why, in the dark on a dark page', async ({ pod }) => {
  await pod.close()
  const { context, page } = await otherBrowser({ colorScheme: 'dark' })
  expect((await page.goto(`${pod.url}/account`))?.status()).toBe(503)
  await expect(page.getByRole('heading', { name: 'This account’s browser is asleep' })).toBeVisible()
  expect(await faultsOn(page)).toEqual([])
  // Only a scheme of the root reaches the canvas behind the text.
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).color)).toBe('rgb(255, 255, 255)')
  await context.close()
  await pod.reopen()
})
