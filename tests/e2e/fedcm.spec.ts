/** Sign-in to sites by the browser's own dialog, in one browser that keeps its profile. @see https://w3c-fedid.github.io/FedCM/ */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright'
import { launchBrowser } from '../../scripts/browser.ts'
import { FEDCM_COOKIE } from '../../wire/device-cookie.ts'
import { type Answer, FedCmSite, type Visit } from '../fixtures/fedcm-site.ts'
import { faultsOn, watchPolicy } from '../fixtures/page-faults.ts'
import { expect, HANDLE, PASSWORD, type Pod, test } from '../fixtures/pod.ts'

test.use({ name: 'fedcm' })
test.describe.configure({ mode: 'serial' })

let site: FedCmSite
test.beforeAll(async ({ pod }) => {
  site = await FedCmSite.start(pod.url)
})
test.afterAll(() => site?.stop())

/** The owner's page has had the cookie set, and told the browser. */
const offered = (pod: Pod): Promise<void> =>
  expect.poll(async () => (await pod.context.cookies(pod.url)).some(({ name }) => name === FEDCM_COOKIE)).toBe(true)

const isToken = expect.objectContaining({ code: expect.stringMatching(/^[\w-]{43}$/) })

const assertExchanged = async (pod: Pod, visit: Visit, answer: Answer): Promise<void> => {
  expect(answer).toMatchObject({ error: null, token: isToken })
  expect(await visit.exchange(answer)).toMatchObject({ me: `${pod.url}/` })
}

/** What the browser opens, as soon as it shows that. */
const opened = async (context: BrowserContext, path: string, doing: () => Promise<unknown>): Promise<[Page, Promise<unknown>]> => {
  const coming = context.waitForEvent('page', (page) => new URL(page.url()).pathname === path)
  const done = doing()
  return [await coming, done]
}

test('a site that is new gets to know the owner by one click, and what it gets proves it', async ({ pod }) => {
  await offered(pod)
  const visit = await site.visit(pod.context)
  const answer = await visit.ask({ params: { state: 'its own' } })
  expect(visit.dialogs).toMatchObject([
    { dialogType: 'AccountChooser', accounts: [{ name: HANDLE, email: HANDLE, pictureUrl: `${pod.url}/avatar`, loginState: 'SignUp' }] },
  ])
  expect(answer).toMatchObject({ isAuto: false, token: { state: 'its own' } })
  const { me, profile } = await visit.exchange(answer)
  expect([me, profile?.name]).toEqual([`${pod.url}/`, HANDLE])
  // Whoever asks at `me` is led to the same server, and the picture is there for any site.
  const home = await fetch(me)
  expect(home.headers.get('link')).toContain(`<${new URL(answer.token?.metadata_endpoint ?? '').pathname}>; rel="indieauth-metadata"`)
  const shown = await visit.page.evaluate(
    (src) =>
      new Promise<number>((resolve) => {
        const image = Object.assign(new Image(), { src, crossOrigin: 'anonymous' })
        image.onload = () => resolve(image.naturalWidth)
        image.onerror = () => resolve(0)
      }),
    profile?.photo ?? '',
  )
  expect(shown).toBeGreaterThan(0)
  // The dialog draws no SVG, and Chromium asks for no icon whose address has no ending.
  const { branding } = (await (await fetch(`${pod.url}/fedcm/config.json`)).json()) as { branding: { icons: [{ url: string }] } }
  expect(branding.icons[0].url).toMatch(/\.png$/)
  for (const picture of [profile?.photo ?? '', branding.icons[0].url])
    expect((await fetch(picture)).headers.get('content-type')).toBe('image/png')
  await visit.page.close()
})

test('it knows a site that comes back, and signs in to it without a question where it wants that', async ({ pod }) => {
  const visit = await site.visit(pod.context)
  await assertExchanged(pod, visit, await visit.ask())
  expect(visit.dialogs).toMatchObject([{ dialogType: 'AccountChooser', accounts: [{ loginState: 'SignIn' }] }])
  visit.shown()
  const answer = await visit.ask({ mediation: 'optional' })
  expect([answer.isAuto, visit.shown()]).toEqual([true, ['AutoReauthn']])
  await assertExchanged(pod, visit, answer)
  await visit.page.close()
})

test('each site is one of its own: another is new again, whatever way it asks', async ({ pod }) => {
  const other = await FedCmSite.start(pod.url)
  const visit = await other.visit(pod.context)
  const answer = await visit.ask({ mode: 'active', context: 'continue', loginHint: HANDLE, fields: ['name', 'picture'] })
  expect(visit.dialogs).toMatchObject([{ title: expect.stringMatching(/^Continue to/), accounts: [{ loginState: 'SignUp' }] }])
  await assertExchanged(pod, visit, answer)
  visit.shown()
  expect((await visit.ask({ domainHint: 'localhost' })).token).toEqual(isToken)
  visit.onDialog = (dialog) => visit.dismiss(dialog)
  expect((await visit.ask({ loginHint: 'bob.test' })).token).toBeNull()
  expect(visit.shown()).toEqual(['AccountChooser', 'ConfirmIdpLogin'])
  await visit.page.close()
  await other.stop()
})

test('who closes the dialog lets nobody know, and a site that asks wrongly is told why, on a page too', async ({ pod }) => {
  const other = await FedCmSite.start(pod.url)
  const visit = await other.visit(pod.context)
  visit.onDialog = (dialog) => visit.dismiss(dialog)
  expect(await visit.ask()).toMatchObject({ token: null, error: { code: '' } })
  visit.onDialog = (dialog) => visit.goOn(dialog)
  visit.shown()
  const { error } = await visit.ask({ params: { code_challenge_method: 'plain' } })
  expect(visit.shown()).toEqual(['AccountChooser', 'Error'])
  expect(error).toEqual({ name: 'IdentityCredentialError', code: 'invalid_request', url: `${pod.url}/fedcm/error?reason=NoPkce` })
  await visit.page.goto(error?.url ?? '')
  await expect(visit.page.getByText('invalid_request: NoPkce')).toBeVisible()
  await visit.page.goto(`${pod.url}/account`)
  await expect(visit.page.getByText(new URL(other.origin).host)).toBeHidden()
  await visit.page.close()
  await other.stop()
})

test('more than name and picture is asked for on a page, and denied there', async ({ pod }) => {
  const visit = await site.visit(pod.context)
  const [page, asked] = await opened(pod.context, '/fedcm/continue', () => visit.ask({ params: { scope: 'profile email' } }))
  await expect(page.getByText('your e-mail address')).toBeVisible()
  await page.getByRole('button', { name: 'Deny' }).click()
  expect(await asked).toMatchObject({ token: null })
  await visit.page.goto(`${pod.url}/account/log`)
  await expect(visit.page.getByText(new URL(site.origin).host).first()).toBeVisible()
  await visit.page.goto(site.clientId)
  const [again, answer] = await opened(pod.context, '/fedcm/continue', () => visit.ask({ params: { scope: 'profile email' } }))
  await again.getByRole('button', { name: 'Continue' }).click()
  await assertExchanged(pod, visit, (await answer) as Answer)
  await visit.page.close()
})

test('a site lets go of the owner: it is new again', async ({ pod }) => {
  const visit = await site.visit(pod.context)
  expect(await visit.disconnect(`${pod.url}/`)).toBe('disconnected')
  expect(await visit.ask({ mediation: 'silent' })).toMatchObject({ token: null })
  visit.shown()
  await assertExchanged(pod, visit, await visit.ask())
  expect(visit.dialogs).toMatchObject([{ accounts: [{ loginState: 'SignUp' }] }])
  await visit.page.close()
})

test('a browser that has lost its cookie asks the owner to sign in: one click here', async ({ pod }) => {
  await pod.context.clearCookies({ name: FEDCM_COOKIE })
  const visit = await site.visit(pod.context)
  const [login, asked] = await opened(pod.context, '/fedcm/login', () => visit.ask())
  await login.getByRole('button', { name: 'Continue' }).click()
  await assertExchanged(pod, visit, (await asked) as Answer)
  expect(visit.shown()).toEqual(['ConfirmIdpLogin', 'AccountChooser'])
  expect(login.isClosed()).toBe(true)
  await visit.page.close()
})

test('once signed out of sites, the browser offers nothing, and stays so until the owner wants it again', async ({ pod }) => {
  const page = await pod.context.newPage()
  await page.goto(`${pod.url}/fedcm/logout`)
  await page.getByRole('button', { name: 'Stop offering it' }).click()
  await expect(page.getByText('does not offer your account')).toBeVisible()
  await page.waitForLoadState()
  await page.close()
  await pod.page.reload()
  await pod.online()
  const visit = await site.visit(pod.context)
  expect([(await visit.ask()).token, visit.shown()]).toEqual([null, []])
  const [login, asked] = await opened(pod.context, '/fedcm/login', () => visit.ask({ mode: 'active' }))
  await login.getByRole('button', { name: 'Continue' }).click()
  await assertExchanged(pod, visit, (await asked) as Answer)
  await visit.page.close()
})

test('a hidden tab whose worker was stopped answers all the same', async ({ pod }) => {
  const visit = await site.visit(pod.context)
  await visit.page.bringToFront()
  await pod.killWorker()
  await assertExchanged(pod, visit, await visit.ask())
  await pod.killWorker()
  await assertExchanged(pod, visit, await visit.ask())
  await visit.page.close()
})

test('a shim that was killed and started again knows the browser still', async ({ pod }) => {
  const visit = await site.visit(pod.context)
  await pod.room.crash()
  await pod.room.start()
  await pod.online()
  await assertExchanged(pod, visit, await visit.ask())
  await visit.page.close()
})

test('with the tab closed the dialog still opens, and one click on a page brings the pod back and signs in', async ({ pod }) => {
  await pod.close()
  // What the room answers by is in its storage.
  await pod.room.crash()
  await pod.room.start()
  const visit = await site.visit(pod.context)
  const [page, asked] = await opened(pod.context, '/fedcm/continue', () => visit.ask({ params: { state: 'kept' } }))
  await expect(page.getByText('Your account’s tab is closed')).toBeVisible()
  const [home] = await opened(pod.context, '/', () => page.getByRole('button', { name: 'Continue' }).click())
  pod.page = home
  const answer = (await asked) as Answer
  expect(answer.token?.state).toBe('kept')
  await assertExchanged(pod, visit, answer)
  expect(page.isClosed()).toBe(true)
  await visit.page.close()
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`nothing on the pages is in the way of assistive technology, wider than 320 px, or against their own policy: ${colorScheme}`, async ({
    pod,
  }) => {
    const page = await pod.context.newPage()
    await page.emulateMedia({ colorScheme })
    const refused = watchPolicy(page)
    const asked = new URLSearchParams({ client_id: site.clientId, scope: 'profile email', code_challenge: 'a'.repeat(43) }).toString()
    for (const path of [
      '/fedcm/login',
      '/fedcm/logout',
      `/fedcm/continue?${asked}`,
      '/fedcm/error?reason=NotSignedIn',
      '/fedcm/continue',
    ]) {
      await page.goto(pod.url + path)
      expect([path, await faultsOn(page)]).toEqual([path, []])
    }
    expect(refused).toEqual([])
    await page.close()
  })
}

test('no other site can put the pages into a frame, nor send their forms in the owner’s name', async ({ pod }) => {
  const visit = await site.visit(pod.context)
  await visit.page.setContent(`<iframe src="${pod.url}/fedcm/login"></iframe>`)
  await expect.poll(() => visit.page.frames()[1]?.url()).toBe('chrome-error://chromewebdata/')
  await visit.page.setContent(`<form method="post" action="${pod.url}/fedcm/logout"><button name="do" value="end">go</button></form>`)
  await visit.page.getByRole('button').click()
  await expect(visit.page.getByText('This did not come from here')).toBeVisible()
  await visit.page.close()
})

test('in another browser the owner signs in by password, and it offers the account from then on', async ({ pod }) => {
  const profileDir = mkdtempSync(join(tmpdir(), 'tabpod-fedcm-'))
  const elsewhere = await launchBrowser({ profileDir, headless: true })
  try {
    const visit = await site.visit(elsewhere)
    const [login, asked] = await opened(elsewhere, '/fedcm/login', () => visit.ask({ mode: 'active' }))
    await login.getByLabel('Password').fill(PASSWORD)
    await login.getByRole('button', { name: 'Sign in', exact: true }).click()
    await assertExchanged(pod, visit, (await asked) as Answer)
    const cookies = (await elsewhere.cookies(pod.url)).filter(({ name }) => name === FEDCM_COOKIE)
    expect(cookies).toMatchObject([{ httpOnly: true, secure: true, sameSite: 'None', path: '/' }])
    // Asleep, the room tells that browser the account too; to go on, the owner must be where the pod lives.
    await pod.close()
    visit.shown()
    const [page, unanswered] = await opened(elsewhere, '/fedcm/continue', () => visit.ask())
    // Nobody waits for it any more when the browser ends.
    unanswered.catch(() => {})
    await expect(page.getByRole('heading', { name: 'This account’s browser is asleep' })).toBeVisible()
    expect(visit.shown()).toEqual(['AccountChooser'])
    await pod.reopen()
  } finally {
    await elsewhere.close()
    rmSync(profileDir, { recursive: true, force: true })
  }
})
