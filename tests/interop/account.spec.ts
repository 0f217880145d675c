import { AtpAgent } from '@atproto/api'
import { tokenInInbox } from '../fixtures/owner.ts'
import { expect, test } from '../fixtures/pod.ts'
import { subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'account' })

const EMAIL = 'alice@example.com'

test('an app password signs in and writes, manages nothing, and is over when it is revoked', async ({ pod }) => {
  const { server } = (await pod.agent()).com.atproto
  const { password } = (await server.createAppPassword({ name: 'phone' })).data
  const phone = new AtpAgent({ service: pod.url })
  await phone.login({ identifier: pod.handle, password })
  await phone.post({ text: 'from my phone' })
  await expect(phone.com.atproto.server.createAppPassword({ name: 'more' })).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
  await expect(phone.com.atproto.server.deactivateAccount({})).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })

  await server.revokeAppPassword({ name: 'phone' })
  await expect(phone.post({ text: 'too late' })).rejects.toMatchObject({ status: 400, error: 'ExpiredToken' })
  await expect(phone.login({ identifier: pod.handle, password })).rejects.toMatchObject({ status: 401 })
})

test('deactivated, the account vanishes from the mirror and the firehose says so; activated, it is back', async ({ pod }) => {
  const agent = await pod.agent()
  const rkey = await pod.post('before')
  const subscriber = subscribe(pod.url, 0)
  const accounts = () => subscriber.messages.filter(({ t }) => t === '#account').map(({ body }) => body)
  await agent.com.atproto.server.deactivateAccount({})
  await expect.poll(() => accounts().at(-1)).toMatchObject({ did: pod.did, active: false, status: 'deactivated' })
  const repo = () => pod.query('com.atproto.sync.getRepo', { did: pod.did })
  const hidden = await repo()
  expect([hidden.status, ((await hidden.json()) as { error: string }).error]).toEqual([400, 'RepoDeactivated'])
  await expect(agent.post({ text: 'meanwhile' })).rejects.toMatchObject({ status: 401, error: 'AccountDeactivated' })
  // To itself the account is still there.
  expect((await agent.com.atproto.sync.getRepo({ did: pod.did })).data.byteLength).toBeGreaterThan(0)

  await agent.com.atproto.server.activateAccount()
  await pod.online()
  await expect.poll(() => accounts().at(-1)).toMatchObject({ did: pod.did, active: true })
  await expect.poll(() => subscriber.messages.slice(-3).map(({ t }) => t)).toEqual(['#account', '#identity', '#sync'])
  subscriber.close()
  await expect.poll(async () => (await repo()).status).toBe(200)
  await pod.post('after')
  expect((await pod.posts()).map((post) => post.rkey)).toContain(rkey)
})

test('the e-mail address is confirmed by the token that the owner finds in the app', async ({ pod }) => {
  const { server } = (await pod.agent()).com.atproto
  await server.updateEmail({ email: EMAIL })
  await server.requestEmailConfirmation()
  const token = await tokenInInbox(pod.page, 'confirm-email')
  await server.confirmEmail({ email: EMAIL, token })
  expect((await server.getSession()).data).toMatchObject({ email: EMAIL, emailConfirmed: true })
})

test('a forgotten password is reset: old sessions end, the new password signs in', async ({ pod }) => {
  const before = await pod.signIn()
  const stranger = new AtpAgent({ service: pod.url }).com.atproto.server
  await stranger.requestPasswordReset({ email: EMAIL })
  const token = await tokenInInbox(pod.page, 'reset-password')
  await stranger.resetPassword({ token, password: 'a new password' })
  await expect(before.post({ text: 'old session' })).rejects.toMatchObject({ status: 400, error: 'ExpiredToken' })
  await new AtpAgent({ service: pod.url }).login({ identifier: pod.handle, password: 'a new password' })
})

test('a deleted account is announced as such, and frees the address for another pod', async ({ pod }) => {
  const agent = new AtpAgent({ service: pod.url })
  await agent.login({ identifier: pod.handle, password: 'a new password' })
  const subscriber = subscribe(pod.url)
  await subscriber.opened
  await agent.com.atproto.server.requestAccountDelete()
  const token = await tokenInInbox(pod.page, 'delete-account')
  await agent.com.atproto.server.deleteAccount({ did: pod.did, password: 'a new password', token })
  await subscriber.until(({ t, body }) => t === '#account' && 'status' in body && body.status === 'deleted')
  subscriber.close()
  await expect.poll(async () => (await (await pod.room.request('/xrpc/_tabpod/status')).json()).bound).toBe(false)
  await expect(pod.page.getByTestId('home')).toHaveCount(0)
})
