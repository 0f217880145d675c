import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright'
import { expect, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'backup-page' })

test.beforeEach(async ({ pod }) => {
  await pod.online()
})

test.afterEach(async ({ pod }) => {
  await pod.page.getByRole('link', { name: 'Home' }).click()
})

/** @returns what the browser saved after a press on the button `name` */
const saved = async (page: Page, name: string): Promise<{ readonly name: string; readonly buffer: Buffer }> => {
  const waiting = page.waitForEvent('download')
  await page.getByRole('button', { name }).click()
  const download = await waiting
  return { name: download.suggestedFilename(), buffer: await readFile(await download.path()) }
}

test('blobs are saved as a tar that can be brought back; a file that no record mentions is not taken', async ({ pod }) => {
  const { page } = pod
  const agent = await pod.agent()
  const { data } = await agent.uploadBlob(new Uint8Array(3000).fill(9), { encoding: 'image/png' })
  const embed = { $type: 'app.bsky.embed.images', images: [{ alt: '', image: data.blob }] }
  const record = { $type: POST, text: 'with a picture', createdAt: new Date().toISOString(), embed }
  await agent.com.atproto.repo.createRecord({ repo: pod.did, collection: POST, record })

  await page.getByRole('link', { name: 'Backup' }).click()
  const tar = await saved(page, 'Save the blobs')
  expect(tar.name).toMatch(/^alice\.test-.*\.blobs\.tar$/)
  const bring = page.getByLabel('Files to bring back')
  await bring.setInputFiles({ ...tar, mimeType: 'application/x-tar' })
  await expect(page.getByText('1 blob was taken in.')).toBeVisible()
  await bring.setInputFiles({ name: 'stranger.png', mimeType: 'image/png', buffer: Buffer.from('no record mentions this') })
  await expect(page.getByText('0 of 1 blobs were taken in.')).toBeVisible()
})

test('a repo saved as a CAR comes back in place of a deactivated one, and after a yes', async ({ pod }) => {
  const { page } = pod
  const before = await pod.post('in the copy')
  await page.getByRole('link', { name: 'Backup' }).click()
  const car = { ...(await saved(page, 'Save the repo')), mimeType: 'application/vnd.ipld.car' }
  const after = await pod.post('not in the copy')
  const bring = page.getByLabel('Files to bring back')
  await bring.setInputFiles(car)
  await expect(page.getByRole('alert')).toContainText('deactivated')

  await page.getByRole('link', { name: 'Account', exact: true }).click()
  await page.getByRole('button', { name: 'Deactivate' }).click()
  await page.getByRole('button', { name: 'Really deactivate' }).click()
  await expect(page.getByRole('heading', { name: 'This account is deactivated' })).toBeVisible()
  await page.getByRole('link', { name: 'Backup' }).click()
  // The owner's copy does not depend on what the account gives to others.
  expect((await saved(page, 'Save the repo')).buffer.length).toBeGreaterThan(car.buffer.length)
  await bring.setInputFiles({ ...car, buffer: car.buffer.subarray(0, car.buffer.length / 2) })
  await page.getByRole('button', { name: 'Replace them' }).click()
  await expect(page.getByRole('alert')).toContainText(/\w+/)
  await bring.setInputFiles(car)
  await expect(page.getByRole('group', { name: 'Replace the repo?' })).toBeFocused()
  await page.getByRole('button', { name: 'Replace them' }).click()
  await expect(page.getByText('The repo is here.')).toBeVisible()

  await page.getByRole('link', { name: 'Account', exact: true }).click()
  await page.getByRole('button', { name: 'Activate' }).click()
  await expect(page.getByRole('heading', { name: 'Take a break' })).toBeVisible()
  // The room hears of it by a new join, later than the page.
  await expect.poll(async () => (await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).status).toBe(200)
  await expect.poll(async () => (await pod.posts()).map(({ rkey }) => rkey)).toEqual(expect.arrayContaining([before]))
  expect((await pod.posts()).map(({ rkey }) => rkey)).not.toContain(after)
})
