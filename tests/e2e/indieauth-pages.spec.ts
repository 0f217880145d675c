/** The owner's pages for sites: looked at by people, by programs, and while the tab is closed. */
import { mf2 } from 'microformats-parser'
import type { Browser, BrowserContext, Page } from 'playwright'
import { chromium } from 'playwright'
import { findChromium, flags } from '../../scripts/browser.ts'
import { makePng } from '../../scripts/picture.ts'
import { expect, PASSWORD, type Pod, test } from '../fixtures/pod.ts'
import { faultsOn } from '../fixtures/page-faults.ts'
import { type PlainSite, startPlainSite } from '../fixtures/plain-site.ts'

test.use({ name: 'indieauth-pages' })

let site: PlainSite
let elsewhere: Browser
test.beforeAll(async () => {
  site = await startPlainSite()
  elsewhere = await chromium.launch({ executablePath: findChromium(), args: flags() })
})
test.afterAll(async () => {
  await elsewhere?.close()
  await site?.stop()
})

/** The site cannot do anything with the answer: pages are looked at here. */
const request = (pod: Pod, changed: Record<string, string> = {}, { url, callback }: PlainSite = site): string =>
  `${pod.url}/indieauth/authorize?${new URLSearchParams({
    response_type: 'code',
    client_id: url,
    redirect_uri: callback,
    state: 's',
    code_challenge: 'a'.repeat(43),
    code_challenge_method: 'S256',
    scope: 'profile email',
    ...changed,
  }).toString()}`

const otherBrowser = async (options: Parameters<Browser['newContext']>[0] = {}): Promise<{ context: BrowserContext; page: Page }> => {
  const context = await elsewhere.newContext(options)
  return { context, page: await context.newPage() }
}

const signIn = async (page: Page): Promise<void> => {
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

for (const colorScheme of ['light', 'dark'] as const)
  test(`nothing on the pages is in the way of assistive technology, or wider than 320 px: ${colorScheme}`, async ({ pod }) => {
    const { context, page } = await otherBrowser({ colorScheme })
    const refused: string[] = []
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) refused.push(message.text())
    })
    await page.goto(request(pod, { me: 'https://somebody-with-a-rather-long-name.example/' }))
    expect(await faultsOn(page)).toEqual([])
    await signIn(page)
    await page.getByText('Technical details').click()
    expect(await faultsOn(page)).toEqual([])
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.waitForURL(`${site.url}**`)
    for (const path of ['/account', '/account/log', '/profile', '/indieauth/authorize']) {
      await page.goto(pod.url + path)
      expect([path, await faultsOn(page)]).toEqual([path, []])
    }
    await page.goto(request(pod, { code_challenge: '' }))
    expect(await faultsOn(page)).toEqual([])
    expect(refused).toEqual([])
    await context.close()
  })

test('one click without script, with the keyboard, and “Forget” on the account page takes it back', async ({ pod }) => {
  const { context, page } = await otherBrowser({ javaScriptEnabled: false })
  const other = await startPlainSite()
  const { host } = new URL(other.url)
  await page.goto(request(pod, {}, other))
  await signIn(page)
  await page.getByLabel('e-mail address').focus()
  await page.keyboard.press('Space')
  await page.getByRole('button', { name: 'Allow' }).focus()
  await page.keyboard.press('Enter')
  await page.waitForURL(`${other.url}**`)
  await page.goto(`${pod.url}/account`)
  const row = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: host }) })
  await expect(row).toContainText('your name and your picture')
  await expect(row).not.toContainText('your e-mail address')
  await page.getByRole('button', { name: `Forget ${host}` }).click()
  await expect(page.getByRole('status')).toHaveText(/The site is forgotten/)
  await page.goto(`${pod.url}/account/log`)
  await expect(page.getByText(`Forgot ${host}`)).toBeVisible()
  await context.close()
  await other.stop()
})

test("in the owner's own browser the worker answers, also while the shim is away", async ({ pod }) => {
  await pod.room.crash()
  const page = await pod.context.newPage()
  const response = await page.goto(request(pod))
  expect(response?.fromServiceWorker()).toBe(true)
  expect(response?.headers()['x-tabpod-answered-by']).toBe('tab')
  await expect(page.getByRole('heading', { name: 'Let it know who you are?' })).toBeVisible()
  await page.goto(`${pod.url}/profile`)
  await expect(page.getByRole('heading', { level: 1, name: pod.handle })).toBeVisible()
  await page.close()
  await pod.room.start()
  await pod.online()
})

test('no other site can put the page into a frame', async ({ pod }) => {
  for (const context of [(await otherBrowser()).context, pod.context]) {
    await context.route('http://evil.localhost:1/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<iframe src="${request(pod).replaceAll('&', '&amp;')}"></iframe>` }),
    )
    const page = await context.newPage()
    await page.goto('http://evil.localhost:1/')
    await expect.poll(() => page.frames()[1]?.url()).toBe('chrome-error://chromewebdata/')
    await page.close()
    await context.unroute('http://evil.localhost:1/**')
  }
})

test('who the owner is can be looked up while the tab is closed, as it was written last', async ({ pod }) => {
  const agent = await pod.signIn()
  const { data } = await agent.uploadBlob(makePng(64), { encoding: 'image/png' })
  await agent.com.atproto.repo.putRecord({
    repo: pod.did,
    collection: 'app.bsky.actor.profile',
    rkey: 'self',
    record: { $type: 'app.bsky.actor.profile', displayName: 'Alice Example', description: 'A test.', avatar: data.blob },
  })
  const { context, page } = await otherBrowser()
  // The mirror hears of it behind the commit.
  await expect.poll(async () => (await fetch(`${pod.url}/profile`)).text().then((text) => text.includes('Alice Example'))).toBe(true)
  await pod.close()

  const profile = await fetch(`${pod.url}/profile`)
  expect(profile.headers.get('x-tabpod-answered-by')).toBe('mirror')
  const { items, rels } = mf2(await profile.text(), { baseUrl: `${pod.url}/profile` })
  expect(items[0]?.properties).toMatchObject({ name: ['Alice Example'], note: ['A test.'], uid: [`${pod.url}/`] })
  expect(rels['indieauth-metadata']).toEqual([`${pod.url}/indieauth/metadata`])
  expect(profile.headers.get('link')).toContain('rel="indieauth-metadata"')
  expect((await fetch(pod.url)).headers.get('link')).toBe(profile.headers.get('link'))
  for (const path of ['/indieauth/metadata', '/.well-known/oauth-authorization-server/indieauth'])
    expect(await (await fetch(pod.url + path)).json()).toMatchObject({ issuer: `${pod.url}/indieauth` })

  await page.goto(`${pod.url}/profile`)
  await expect(page.getByRole('heading', { level: 1, name: 'Alice Example' })).toBeVisible()
  expect(await page.locator('img.u-photo').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(64)
  expect(await faultsOn(page)).toEqual([])

  await page.goto(site.url)
  const shown = await page.evaluate(
    (urls) =>
      Promise.all(
        urls.map(async (url) => {
          const image = new Image()
          image.src = url
          await image.decode()
          const read = await fetch(url)
          return [image.naturalWidth > 0, read.headers.get('content-type')]
        }),
      ),
    [`${pod.url}/avatar`, `${pod.url}/logo`],
  )
  expect(shown).toEqual([
    [true, 'image/png'],
    [true, 'image/png'],
  ])
  expect((await page.goto(request(pod)))?.status()).toBe(503)
  await expect(page.getByRole('heading', { name: 'This account’s browser is asleep' })).toBeVisible()
  await context.close()
  await pod.reopen()
})
