import { AxeBuilder } from '@axe-core/playwright'
import { test as base } from 'playwright/test'
import { type FakeRelay, startFakeRelay } from '../../relay-shim/testing/fake-relay.ts'
import { expect, Pod } from '../fixtures/pod.ts'
import { Room } from '../fixtures/room.ts'

interface Scene {
  readonly pod: Pod
  /** Follows. */
  readonly follower: FakeRelay
  /** Wants nothing of this host. */
  readonly hostile: FakeRelay
  readonly dead: string
}

const test = base.extend<object, { scene: Scene }>({
  scene: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const [follower, hostile, dead] = await Promise.all([startFakeRelay(), startFakeRelay(), startFakeRelay()])
      await dead.stop()
      follower.look = { status: 200, body: { status: 'active', seq: Number.MAX_SAFE_INTEGER } }
      hostile.crawl = { status: 401, body: { error: 'DomainBan', message: 'host domain is banned' } }
      const room = new Room('relays-page', 'token', { TABPOD_RELAYS: [follower, hostile, dead].map(({ url }) => url).join(',') })
      await room.start()
      const pod = await Pod.create(room, [])
      await use({ pod, follower, hostile, dead: dead.url })
      await pod.context.close()
      await room.end()
      await Promise.all([follower.stop(), hostile.stop()])
    },
    { scope: 'worker', timeout: 120_000 },
  ],
})

test.beforeEach(async ({ scene: { pod } }) => {
  await pod.page.getByRole('link', { name: 'Home' }).click()
  await pod.online()
  await pod.page.getByRole('link', { name: 'Health' }).click()
})

const hostOf = (url: string): string => new URL(url).host

test('each relay has a line that says how it sees this server, and the log warns of those that do not follow', async ({ scene }) => {
  const { page } = scene.pod
  const card = page.getByTestId('relays')
  const line = (url: string) => card.locator('dl > div').filter({ hasText: hostOf(url) })
  await expect(line(scene.follower.url)).toHaveText(/Follows, and has everything\.\s*$/)
  await expect(line(scene.follower.url)).toHaveAttribute('data-good', 'true')
  await expect(line(scene.hostile.url)).toHaveText(/It answered with 401: host domain is banned\s*$/)
  await expect(line(scene.dead)).toHaveText(/It cannot be reached\.\s*$/)
  await expect(line(scene.dead)).toHaveAttribute('data-good', 'false')
  const log = page.getByTestId('log')
  await expect(log).toContainText(`relay ${scene.dead}: It cannot be reached.`)
  await expect(log).toContainText('host domain is banned')
  await expect(log).not.toContainText(`relay ${scene.follower.url}`)
})

test('they were asked when the server came online: the button says when they can be asked again, and until then does nothing', async ({
  scene: { pod, follower },
}) => {
  const card = pod.page.getByTestId('relays')
  await expect(card).toContainText(/can be asked again from (\d{1,2} \w+ \d{4} at )?\d\d:\d\d\./)
  const button = card.getByRole('button', { name: 'Ask to crawl now' })
  await expect(button).toHaveAttribute('aria-disabled', 'true')
  await button.click({ force: true })
  expect(follower.asked).toEqual([hostOf(pod.url)])
})

test('a new worker shows what the room remembers, and asks no relay again for it', async ({ scene: { pod, follower } }) => {
  const looks = follower.looks.length
  await pod.page.getByRole('link', { name: 'Home' }).click()
  await pod.killWorker()
  await pod.online()
  await pod.page.reload()
  await pod.page.getByRole('link', { name: 'Health' }).click()
  await expect(pod.page.getByTestId('relays')).toContainText('Follows, and has everything.')
  expect(follower.looks.length - looks).toBeLessThanOrEqual(1)
})

test('the card is readable with assistive technology, by day and by night, and on a narrow screen', async ({ scene: { pod } }) => {
  const { page } = pod
  await expect(page.getByTestId('relays').getByRole('button')).toBeVisible()
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 900 })
      const { violations } = await new AxeBuilder({ page }).include('[data-testid=relays]').analyze()
      expect(violations.map(({ id }) => id)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    }
  }
})
