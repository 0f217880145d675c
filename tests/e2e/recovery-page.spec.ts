import { readFile } from 'node:fs/promises'
import { launchBrowser } from '../../scripts/browser.ts'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'recovery-page' })

const PASSPHRASE = 'a passphrase for the drawer'

test('a recovery file made in the page passes its own check, and brings the account into another browser', async ({ pod }) => {
  await pod.online()
  const { page } = pod
  const rkey = await pod.post('written before the loss')
  await page.getByRole('link', { name: 'Make one' }).click()
  await page.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE)
  await page.getByLabel('Passphrase once more').fill(PASSPHRASE)
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Make a recovery file' }).click()
  const made = await download
  const file = { name: made.suggestedFilename(), mimeType: 'application/json', buffer: await readFile(await made.path()) }
  await expect(page.getByText('The last one was made on')).toBeVisible()

  await page.getByLabel('Your recovery file').setInputFiles(file)
  await page.getByLabel('Its passphrase').fill('not this one')
  await page.getByRole('button', { name: 'Check it' }).click()
  await expect(page.getByRole('alert').filter({ hasText: /passphrase/i })).toBeVisible()
  await page.getByLabel('Its passphrase').fill(PASSPHRASE)
  await page.getByRole('button', { name: 'Check it' }).click()
  await expect(page.getByTestId('verdict')).toContainText('A restore would work.')

  await page.getByRole('link', { name: 'Home' }).click()
  const elsewhere = await launchBrowser({ profileDir: `${pod.room.directory}/elsewhere`, headless: true })
  try {
    const other = await elsewhere.newPage()
    await other.goto(pod.url)
    await other.getByRole('link', { name: 'restore it here' }).click()
    await expect(other.getByRole('heading', { level: 1, name: 'Restore your account' })).toBeFocused()
    await other.getByLabel('Your recovery file').setInputFiles(file)
    await other.getByLabel('Its passphrase').fill(PASSPHRASE)
    await other.getByRole('button', { name: 'Restore here' }).click()
    await expect(other.getByTestId('home').getByRole('status')).toHaveText(/^\s*Online/)
    await expect(page.getByTestId('home').getByRole('status')).not.toHaveText(/^\s*Online/)
    expect((await pod.posts()).map((post) => post.rkey)).toContain(rkey)
    const agent = await pod.signIn()
    await agent.post({ text: 'written after it', createdAt: new Date().toISOString() })
  } finally {
    await elsewhere.close()
  }
})
