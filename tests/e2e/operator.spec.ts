import type { BrowserContext, Locator, Page } from 'playwright'
import { expect, test as base } from 'playwright/test'
import { launchBrowser } from '../../scripts/browser.ts'
import { openPodInTab, roomStatus } from '../../scripts/pod.ts'
import { usualRuntime } from '../../scripts/runtimes.ts'
import { OPERATOR_PATH } from '../../wire/operator.ts'
import { violationsOn } from '../fixtures/page-faults.ts'
import { Pod } from '../fixtures/pod.ts'
import { Room, type RoomOptions } from '../fixtures/room.ts'

const TOKEN = 'the-operators-own-token'

/** Two pods of one shim, at two names of this machine, and its operator in a browser of their own. */
const test = base.extend<object, RoomOptions & { shim: Room; alice: Pod; bob: Page; bobUrl: string; operator: BrowserContext }>({
  name: ['operator', { option: true, scope: 'worker' }],
  policy: ['token', { option: true, scope: 'worker' }],
  runtime: [usualRuntime(), { option: true, scope: 'worker' }],
  shim: [
    async ({ name, policy, runtime }, use) => {
      const room = new Room(name, policy, { TABPOD_OPERATOR_TOKEN: TOKEN, TABPOD_QUOTA_STORAGE_MB: '50' }, runtime)
      await room.start()
      await use(room)
      await room.end()
    },
    { scope: 'worker', timeout: 90_000 },
  ],
  alice: [
    async ({ shim }, use) => {
      const pod = await Pod.create(shim, [])
      await use(pod)
      await pod.context.close()
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  bobUrl: [async ({ shim }, use) => use(shim.url.replace('localhost', '127.0.0.1')), { scope: 'worker' }],
  bob: [
    async ({ alice, shim, bobUrl }, use) =>
      use(
        await openPodInTab({
          context: alice.context,
          url: bobUrl,
          claim: shim.claim,
          handle: 'bob.test',
          password: alice.password,
          portable: false,
        }),
      ),
    { scope: 'worker', timeout: 120_000 },
  ],
  operator: [
    async ({ shim }, use) => {
      const context = await launchBrowser({ profileDir: `${shim.directory}/operator`, headless: true })
      await use(context)
      await context.close()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
})

/** Nothing is cut off or in the way, narrow and wide, light and dark. */
const looksRight = async (page: Page, name: string): Promise<void> => {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [320, 1100]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)))
      // Colours are judged by the one, sizes by the other: axe takes seconds on a busy machine.
      if ((colorScheme === 'dark') === (width === 320)) expect(await violationsOn(page)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0)
      if (process.env['TABPOD_PICTURES'])
        await page.screenshot({ path: `${process.env['TABPOD_PICTURES']}/${name}-${colorScheme}-${width}.png`, fullPage: true })
    }
}
const signedIn = async (context: BrowserContext, url: string): Promise<Page> => {
  const page = await context.newPage()
  await page.goto(url + OPERATOR_PATH)
  await page.getByLabel('Operator token').fill(TOKEN)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: 'Rooms' })).toBeFocused()
  return page
}
const cardOf = (page: Page, url: string): Locator => page.locator(`[data-testid="room"][data-host="${new URL(url).host}"]`)

test('an operator without rooms, or with a wrong token, is told so', async ({ shim, operator }) => {
  const page = await operator.newPage()
  const answer = await page.goto(shim.url + OPERATOR_PATH)
  expect(answer?.headers()['content-security-policy']).toContain("frame-ancestors 'none'")
  await looksRight(page, 'sign-in')
  await page.getByRole('button', { name: 'Show the rooms' }).click()
  await expect(page.getByRole('alert')).toContainText('Enter the token')
  await page.getByLabel('Operator token').fill('not the right one, surely')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('alert')).toContainText('not the token')
  await expect(page.getByLabel('Operator token')).toBeFocused()
  await looksRight(page, 'wrong-token')
  await page.close()
  const rooms = await signedIn(operator, shim.url)
  await expect(rooms.getByTestId('no-rooms')).toBeVisible()
  await looksRight(rooms, 'no-rooms')
  await rooms.close()
})

test('the operator sends a tab away: its owner reads why, writes on, and comes back', async ({ shim, alice, bob, bobUrl, operator }) => {
  await alice.online()
  await alice.token()
  await expect(bob.getByTestId('home')).toBeVisible()
  const page = await signedIn(operator, shim.url)
  for (const url of [shim.url, bobUrl]) await expect(cardOf(page, url)).toContainText('Online')
  const card = cardOf(page, shim.url)
  await card.getByRole('button', { name: 'Send away…' }).click()
  await expect(card.getByLabel('What the owner is told')).toBeFocused()
  await looksRight(page, 'send-away')
  await card.getByLabel('What the owner is told').fill('Please write to me first.')
  await card.getByRole('button', { name: 'Send away', exact: true }).click()
  await expect(card).toContainText('Sent away')
  await expect(alice.page.getByTestId('home').getByRole('status')).toContainText('Please write to me first.')
  expect((await roomStatus(shim.url)).online).toBe(false)
  await alice.postInTab('written while away')
  await looksRight(page, 'sent-away')

  // A new page dials, and is not let in either.
  await alice.page.reload()
  await expect(alice.page.getByTestId('home').getByRole('status')).toContainText('Please write to me first.')
  await card.getByRole('button', { name: 'Let it in again' }).click()
  await expect(card.getByRole('button', { name: 'Send away…' })).toBeVisible()
  await alice.page.reload()
  await alice.online()
  await expect.poll(async () => (await alice.posts()).map(({ text }) => text)).toEqual(['written while away'])
  await expect(async () => {
    await page.getByRole('button', { name: 'Read the list again' }).click()
    await expect(card).toContainText('Online', { timeout: 1000 })
  }).toPass()
  await page.close()
})

test('the operator has a closed pod forgotten, host name typed, and a room that went in between is no riddle', async ({
  shim,
  alice,
  bob,
  bobUrl,
  operator,
}) => {
  await alice.online()
  await bob.close()
  const page = await signedIn(operator, shim.url)
  const other = await signedIn(operator, shim.url)
  const card = cardOf(page, bobUrl)
  await expect(async () => {
    await page.getByRole('button', { name: 'Read the list again' }).click()
    await expect(card).toContainText('Asleep', { timeout: 1000 })
  }).toPass()
  await card.getByRole('button', { name: 'Forget…' }).click()
  await expect(card.getByLabel(/^Type .* to confirm$/)).toBeFocused()
  await card.getByLabel(/^Type .* to confirm$/).fill('127.0.0.1')
  await page.keyboard.press('Enter')
  await expect(card.getByRole('alert')).toContainText('to confirm')
  await looksRight(page, 'forget')
  await card.getByLabel(/^Type .* to confirm$/).fill(new URL(bobUrl).host)
  await page.keyboard.press('Enter')
  await expect(card).toHaveCount(0)
  await expect(page.getByRole('status')).toContainText('is forgotten')
  await looksRight(page, 'forgotten')
  expect(await roomStatus(bobUrl)).toMatchObject({ bound: false, did: null })
  expect(await roomStatus(shim.url)).toMatchObject({ bound: true, online: true })

  const stale = cardOf(other, bobUrl)
  await stale.getByRole('button', { name: 'Ask it now' }).click()
  await expect(stale).toHaveCount(0)
  await expect(other.getByRole('status')).toContainText('has gone in the meantime')
})
