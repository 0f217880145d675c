import { readFile } from 'node:fs/promises'
import { roomStatus } from '../../scripts/pod.ts'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'operations' })

test.beforeEach(async ({ pod }) => {
  await pod.page.getByRole('link', { name: 'Home' }).click()
  await pod.online()
})

const openHealth = async (pod: { readonly page: import('playwright').Page }) => {
  await pod.page.getByRole('link', { name: 'Health' }).click()
  await expect(pod.page.getByRole('heading', { level: 1, name: 'Health' })).toBeFocused()
  return pod.page.getByTestId('log')
}

test('the log shows what the world asked, live, and problems by themselves', async ({ pod }) => {
  const { page } = pod
  const log = await openHealth(pod)
  await pod.room.request('/xrpc/com.atproto.server.getSession')
  const refused = log.getByRole('listitem').filter({ hasText: 'com.atproto.server.getSession' }).first()
  await expect(refused).toContainText('401 AuthMissing')
  await expect(refused).toContainText('the world')
  await pod.signIn()
  await expect(log).toContainText('signed in with the password of the account')
  await page.getByLabel('Show').selectOption('Warnings and errors')
  await expect(log).toContainText('AuthMissing')
  await expect(log).not.toContainText('signed in with')

  await page.getByRole('button', { name: 'Live' }).click()
  await pod.room.request('/xrpc/com.atproto.server.listAppPasswords')
  await page.waitForTimeout(2500)
  await expect(log).not.toContainText('listAppPasswords')
  await page.getByRole('button', { name: 'Live' }).click()
  await expect(log).toContainText('listAppPasswords')
  await page.getByLabel('Show').selectOption('Everything')
})

test('the log outlives a killed worker, and is saved as JSON lines without a secret in it', async ({ pod }) => {
  const token = await pod.token()
  await pod.post('something private')
  await pod.room.request('/xrpc/com.example.beforeTheKill')
  await pod.page.waitForTimeout(1500)
  await pod.killWorker()
  await pod.online()
  await openHealth(pod)
  const saving = pod.page.waitForEvent('download')
  await pod.page.getByRole('button', { name: 'Download' }).click()
  const file = await saving
  expect(file.suggestedFilename()).toMatch(/^alice\.test-log-\d{4}-\d\d-\d\d\.jsonl$/)
  const text = await readFile(await file.path(), 'utf8')
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { at: string; kind: string; path?: string; message?: string; id: number })
  expect(lines.map(({ id }) => id)).toEqual(lines.map(({ id }) => id).toSorted((one, other) => one - other))
  expect(lines.some(({ path }) => path === '/xrpc/com.example.beforeTheKill')).toBe(true)
  expect(lines.filter(({ kind, message }) => kind === 'uplink' && message === 'online').length).toBeGreaterThan(1)
  for (const secret of [token, pod.password, 'something private']) expect(text).not.toContain(secret)
})

test('mirror, document and handle are checked, and the network is told again once a minute', async ({ pod }) => {
  const { page } = pod
  await openHealth(pod)
  await expect(page.getByText(/^In step, at/)).toBeVisible()
  await page.getByRole('button', { name: 'Check identity now' }).click()
  await expect(page.getByText('Your document names this server and the key in this browser.')).toBeVisible()
  await expect(page.getByText('It leads to your account, and your account names it.')).toBeVisible()
  await page.getByRole('button', { name: 'Tell the network again' }).click()
  await expect(page.getByText('will look your identity up again').first()).toBeVisible()
  await expect(page.getByTestId('log')).toContainText('told the network: #identity')
  await page.getByRole('button', { name: 'Tell the network again' }).click()
  await expect(page.getByRole('alert')).toContainText('less than a minute ago')
})

test('settings count at once: the mirror says the new limit, uploads are held to it, debug routes answer', async ({ pod }) => {
  const { page } = pod
  const token = await pod.token()
  const debug = () => pod.room.request('/xrpc/_debug/repo', { headers: { authorization: `Bearer ${token}` } })
  expect((await debug()).status).toBe(404)
  await page.getByRole('link', { name: 'Account', exact: true }).click()
  await page.getByText('For experts').click()
  await page.getByLabel('Largest file, in MB').fill('many')
  await page.getByRole('button', { name: 'Save settings' }).click()
  await expect(page.getByLabel('Largest file, in MB')).toBeFocused()
  await expect(page.getByRole('alert')).toContainText('The largest file can have')
  await page.getByLabel('Largest file, in MB').fill('0.5')
  await page.getByLabel('Files that apps may upload').fill('image/*')
  await page.getByLabel(/_debug/).check()
  await page.getByRole('button', { name: 'Save settings' }).click()
  await expect(page.getByText('It counts from now on.').first()).toBeVisible()

  const described = async () => {
    const answer = await pod.query('com.atproto.server.describeServer')
    return [answer.headers.get('x-tabpod-answered-by'), ((await answer.json()) as { blobUploadLimit: number }).blobUploadLimit]
  }
  await expect.poll(described).toEqual(['mirror', 500_000])
  const upload = await pod.procedure('com.atproto.repo.uploadBlob', 'plain', { 'content-type': 'text/plain' })
  expect([upload.status, ((await upload.json()) as { error: string }).error]).toEqual([415, 'UnsupportedMediaType'])
  const shown = await debug()
  expect(shown.status).toBe(200)
  const { rev } = await roomStatus(pod.url)
  expect(await shown.json()).toMatchObject({ did: pod.did, head: { rev }, outbox: 0 })
})
