import { launchBrowser } from '../../scripts/browser.ts'
import { violationsOn } from '../fixtures/page-faults.ts'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'accessibility' })

test('nothing on the first visit is in the way of assistive technology', async ({ room }) => {
  const context = await launchBrowser({ profileDir: `${room.directory}/newcomer`, headless: true })
  try {
    const page = await context.newPage()
    await page.goto(room.claimUrl)
    await expect(page.getByTestId('first-visit')).toBeVisible()
    expect(await violationsOn(page)).toEqual([])
    for (const [link, title] of [
      ['Move it here', 'Move an account here'],
      ['Restore it', 'Restore your account'],
    ] as const) {
      await page.getByRole('link', { name: link }).click()
      await expect(page.getByRole('heading', { level: 1, name: title })).toBeFocused()
      expect(await violationsOn(page)).toEqual([])
      await page.getByRole('link', { name: 'Back' }).click()
    }
    await page.getByRole('link', { name: 'Move it here' }).click()
    await page.getByRole('button', { name: 'Take this address and wait' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Ready for your account' })).toBeFocused()
    expect(await violationsOn(page)).toEqual([])
    await page.getByRole('button', { name: 'Stop waiting' }).click()
    await page.getByRole('button', { name: 'Really give the address up' }).click()
    await expect(page.getByTestId('first-visit')).toBeVisible()
  } finally {
    await context.close()
  }
})

test("nothing on the owner's home page and the visitor's page is either", async ({ pod }) => {
  await pod.online()
  expect(await violationsOn(pod.page)).toEqual([])
  const context = await launchBrowser({ profileDir: `${pod.room.directory}/visitor`, headless: true })
  try {
    const page = await context.newPage()
    await page.goto(pod.url)
    await expect(page.getByTestId('visitor')).toBeVisible()
    expect(await violationsOn(page)).toEqual([])
  } finally {
    await context.close()
  }
})

test("nor on the owner's other pages, which take the focus when they are entered", async ({ pod }) => {
  await pod.online()
  const { page } = pod
  const agent = await pod.agent()
  await agent.com.atproto.server.requestAccountDelete()
  for (const name of ['Inbox', 'Account', 'Backup', 'Moving', 'Health']) {
    await page.getByRole('link', { name }).first().click()
    await expect(page.getByRole('heading', { level: 1, name })).toBeFocused()
    await expect(page).toHaveTitle(`${name} · tabpod`)
    expect(await violationsOn(page)).toEqual([])
  }
})

test('what a form refuses is named at its field, which takes the focus', async ({ pod }) => {
  const { page } = pod
  await page.goto(`${pod.url}/#/backup`)
  await page.getByRole('button', { name: 'Make a recovery file' }).click()
  await expect(page.getByLabel('Passphrase', { exact: true })).toBeFocused()
  await page.getByLabel('Passphrase', { exact: true }).fill('long enough, surely')
  await page.getByLabel('Passphrase once more').fill('something else')
  await page.keyboard.press('Enter')
  await expect(page.getByLabel('Passphrase once more')).toBeFocused()
  await expect(page.getByRole('alert').filter({ hasText: 'not the same' })).toBeVisible()
  await page.getByRole('button', { name: 'Check it' }).click()
  await expect(page.getByLabel('Your recovery file')).toBeFocused()
  expect(await violationsOn(page)).toEqual([])
})

test('what is folded away, and a log with warnings in it, are no worse, in the dark either', async ({ pod }) => {
  const { page } = pod
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.goto(`${pod.url}/#/account`)
    await page.getByText('For experts').click()
    await page.getByLabel('Keep the log, in days').fill('0')
    await page.getByRole('button', { name: 'Save settings' }).click()
    await expect(page.getByLabel('Keep the log, in days')).toBeFocused()
    expect(await violationsOn(page)).toEqual([])
    await pod.room.request('/xrpc/com.atproto.server.getSession')
    await page.getByRole('link', { name: 'Health' }).click()
    await expect(page.getByTestId('log')).toContainText('AuthMissing')
    expect(await violationsOn(page)).toEqual([])
  }
})
