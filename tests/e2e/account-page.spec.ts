import { AtpAgent } from '@atproto/api'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'account-page' })

test.beforeEach(async ({ pod }) => {
  await pod.online()
  await pod.page.getByRole('link', { name: 'Account', exact: true }).click()
  await expect(pod.page.getByRole('heading', { level: 1, name: 'Account' })).toBeFocused()
})

test.afterEach(async ({ pod }) => {
  await pod.page.getByRole('link', { name: 'Home' }).click()
})

test('an app password made in the page signs in, writes, has no power over the account, and stops when it is revoked', async ({ pod }) => {
  const { page } = pod
  await page.getByLabel('Name', { exact: true }).fill('Phone')
  await page.getByRole('button', { name: 'Create app password' }).click()
  const password = (await page.getByTestId('app-password').innerText()).trim()

  const agent = new AtpAgent({ service: pod.url })
  await agent.login({ identifier: pod.handle, password })
  await agent.post({ text: 'written with an app password' })
  await expect(agent.com.atproto.server.createAppPassword({ name: 'another' })).rejects.toThrow()

  await page.getByRole('button', { name: 'I have copied it' }).click()
  await expect(page.getByLabel('Name', { exact: true })).toBeFocused()
  await expect(page.getByText(password)).toHaveCount(0)
  await page.getByRole('button', { name: 'Revoke Phone' }).click()
  await page.getByRole('button', { name: 'Really revoke Phone' }).click()
  await expect(page.getByText('None so far.')).toBeVisible()
  await expect(agent.sessionManager.refreshSession()).rejects.toThrow()
  await expect(new AtpAgent({ service: pod.url }).login({ identifier: pod.handle, password })).rejects.toMatchObject({ status: 401 })
})

test('a code that a client asks for arrives in the open page, and confirms the address', async ({ pod }) => {
  const { page } = pod
  await page.getByLabel('Address', { exact: true }).fill('alice@example.com')
  await page.getByRole('button', { name: 'Save address' }).click()
  await expect(page.getByText('Not confirmed.')).toBeVisible()

  await page.getByRole('link', { name: 'Inbox' }).click()
  await expect(page.getByText('Nothing is waiting.')).toBeVisible()
  const agent = await pod.agent()
  await agent.com.atproto.server.requestEmailConfirmation()
  await expect(page.getByTestId('badge')).toHaveText(/1/)
  await expect(page.getByRole('heading', { name: 'An app asks to confirm your e-mail address.' })).toBeVisible()
  const token = (await page.getByTestId('code').innerText()).trim()

  await agent.com.atproto.server.confirmEmail({ email: 'alice@example.com', token })
  await expect(page.getByText('Nothing is waiting.')).toBeVisible()
  await expect(page.getByTestId('badge')).toHaveCount(0)
  await page.getByRole('link', { name: 'Account', exact: true }).click()
  await expect(page.getByText('Confirmed.', { exact: true })).toBeVisible()
})

test('a code can be dismissed and is worth nothing then', async ({ pod }) => {
  const { page } = pod
  const agent = await pod.agent()
  await agent.com.atproto.server.requestAccountDelete()
  await page.getByRole('link', { name: 'Inbox' }).click()
  const token = (await page.getByTestId('code').innerText()).trim()
  await page.getByRole('button', { name: /^Dismiss/ }).click()
  await expect(page.getByText('Nothing is waiting.')).toBeVisible()
  await expect(agent.com.atproto.server.deleteAccount({ did: pod.did, password: pod.password, token })).rejects.toThrow()
})

test('another handle stands in the DID document, and the old one no longer resolves', async ({ pod }) => {
  const { page } = pod
  const handle = page.getByLabel('Your name in the network')
  const rename = async (name: string): Promise<void> => {
    await handle.fill(name)
    await page.getByRole('button', { name: 'Change handle' }).click()
    await expect(page.getByRole('main').getByText(`You are ${name} now.`)).toBeVisible()
  }
  await handle.fill('not a handle')
  await page.getByRole('button', { name: 'Change handle' }).click()
  await expect(handle).toBeFocused()
  await expect(handle).toHaveAttribute('aria-invalid', 'true')

  await rename('carol.test')
  await expect
    .poll(async () => ((await (await pod.room.request('/.well-known/did.json')).json()) as { alsoKnownAs: string[] }).alsoKnownAs)
    .toContain('at://carol.test')
  expect(await (await pod.query('com.atproto.identity.resolveHandle', { handle: 'carol.test' })).json()).toEqual({ did: pod.did })
  expect((await pod.query('com.atproto.identity.resolveHandle', { handle: pod.handle })).status).toBe(400)
  await rename(pod.handle)
})

test('a deactivated account is hidden, says so in its light, and comes back', async ({ pod }) => {
  const { page } = pod
  await page.getByRole('button', { name: 'Deactivate' }).click()
  await page.getByRole('button', { name: 'Really deactivate' }).click()
  await expect(page.getByRole('heading', { name: 'This account is deactivated' })).toBeVisible()
  await expect.poll(async () => (await pod.query('com.atproto.sync.getRepo', { did: pod.did })).status).toBe(400)
  await page.getByRole('link', { name: 'Home' }).click()
  await expect(page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Deactivated/)

  await page.getByRole('link', { name: 'Account', exact: true }).click()
  await page.getByRole('button', { name: 'Activate' }).click()
  await expect(page.getByRole('heading', { name: 'Take a break' })).toBeVisible()
  await expect.poll(async () => (await pod.query('com.atproto.sync.getRepo', { did: pod.did })).status).toBe(200)
})

test('a new password signs in and ends what the old one opened', async ({ pod }) => {
  const { page } = pod
  const before = await pod.signIn()
  const change = async (password: string): Promise<void> => {
    await page.getByLabel('New password').fill(password)
    await page.getByRole('button', { name: 'Change password' }).click()
    await expect(page.getByRole('main').getByText('Your password is changed.')).toBeVisible()
  }
  await change('a second good password')
  await expect(before.sessionManager.refreshSession()).rejects.toThrow()
  await new AtpAgent({ service: pod.url }).login({ identifier: pod.handle, password: 'a second good password' })
  await change(pod.password)
})
