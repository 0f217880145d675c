/** What Chromium has behind flags: accounts that are pushed to it, and providers that are known to it by registering. */
import { FEDCM_COOKIE } from '../../wire/device-cookie.ts'
import { type Answer, FedCmSite } from '../fixtures/fedcm-site.ts'
import { expect, HANDLE, test } from '../fixtures/pod.ts'

test.use({ name: 'fedcm-flags', browserFlags: ['--enable-features=FedCmLightweightMode,FedCmIdPRegistration'] })
test.describe.configure({ mode: 'serial' })

let site: FedCmSite
test.beforeAll(async ({ pod }) => {
  site = await FedCmSite.start(pod.url)
  // The page says so once it has told the browser.
  await pod.page.getByRole('link', { name: 'Account', exact: true }).click()
  await expect(pod.page.getByTestId('sites')).toHaveAttribute('data-offer', 'offered')
})
test.afterAll(() => site?.stop())

test('a browser that was pushed the account shows it without asking for it, and what is refused then is explained', async ({ pod }) => {
  await pod.context.clearCookies({ name: FEDCM_COOKIE })
  const visit = await site.visit(pod.context)
  // Without the cookie there would be no account to show.
  const { error } = await visit.ask()
  expect(visit.dialogs).toMatchObject([
    { dialogType: 'AccountChooser', accounts: [{ name: HANDLE, email: HANDLE }] },
    { dialogType: 'Error' },
  ])
  expect(error?.url).toBe(`${pod.url}/fedcm/error?reason=NotSignedIn`)
  const login = await pod.context.newPage()
  await login.goto(`${pod.url}/fedcm/login`)
  await login.getByRole('button', { name: 'Continue' }).click()
  await expect(login.getByRole('heading', { name: 'You are signed in' })).toBeVisible()
  await login.close()
  visit.shown()
  const answer = await visit.ask()
  expect(visit.shown()).toEqual(['AccountChooser'])
  expect((await visit.exchange(answer)).me).toBe(`${pod.url}/`)
  await visit.page.close()
})

test('the page that signs in pushes the account, and the one that signs out takes it back', async ({ pod }) => {
  const page = await pod.context.newPage()
  await page.goto(`${pod.url}/fedcm/logout`)
  await page.getByRole('button', { name: 'Stop offering it' }).click()
  await expect(page.getByText('does not offer your account')).toBeVisible()
  await page.waitForLoadState()
  const visit = await site.visit(pod.context)
  expect([(await visit.ask()).token, visit.shown()]).toEqual([null, []])
  await page.goto(`${pod.url}/fedcm/login`)
  await page.getByRole('button', { name: 'Continue' }).click()
  await expect(page.getByRole('heading', { name: 'You are signed in' })).toBeVisible()
  await page.waitForLoadState()
  await pod.context.clearCookies({ name: FEDCM_COOKIE })
  await visit.ask()
  expect(visit.shown()).toEqual(['AccountChooser', 'Error'])
  await page.goto(`${pod.url}/fedcm/login`)
  await page.getByRole('button', { name: 'Continue' }).click()
  await expect(page.getByRole('heading', { name: 'You are signed in' })).toBeVisible()
  await page.close()
  await visit.page.close()
})

test('a site that takes any provider finds the one that the owner has registered, after a restart of the browser, too', async ({ pod }) => {
  const isRegistered = await pod.page.evaluate(() =>
    (globalThis as unknown as { IdentityProvider: { register(url: string): Promise<boolean> } }).IdentityProvider.register(
      `${location.origin}/fedcm/config.json`,
    ),
  )
  expect(isRegistered).toBe(true)
  const ask = async (): Promise<Answer> => {
    const visit = await site.visit(pod.context)
    const answer = await visit.ask({ configURL: 'any', type: 'indieauth' })
    expect(visit.shown()).toEqual(['AccountChooser'])
    expect((await visit.exchange(answer)).me).toBe(`${pod.url}/`)
    await visit.page.close()
    return answer
  }
  await ask()
  await pod.restartBrowser(['--enable-features=FedCmLightweightMode,FedCmIdPRegistration'])
  await ask()
})
