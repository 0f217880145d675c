import 'fake-indexeddb/auto'
import { AtpAgent } from '@atproto/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeEvent } from '../wire/event.ts'
import { createPod, type Pod } from './app.ts'
import { openStore, type Store } from './store/open.ts'

const ORIGIN = 'http://localhost:1999'
const DID = 'did:web:localhost%3A1999'
const PASSWORD = 'correct horse'

let store: Store
let pod: Pod
let mails: { to: string; purpose: string; token: string }[]
let changes: number
let isLeaving: boolean
beforeEach(async () => {
  store = await openStore(crypto.randomUUID())
  mails = []
  changes = 0
  isLeaving = false
  const hooks = {
    changed: () => void changes++,
    leave: () => void (isLeaving = true),
    mail: async (to: string, purpose: string, token: string) => mails.push({ to, purpose, token }) > 0,
  }
  const fetch = () => Promise.reject(new TypeError('no network in tests'))
  pod = await createPod(store, { handle: 'alice.test', password: PASSWORD, origin: ORIGIN }, { fetch, hooks })
})
afterEach(async () => {
  await pod.close()
  store.close()
})

const makeAgent = () => new AtpAgent({ service: ORIGIN, fetch: (input, init) => pod.handle(new Request(input, init), { origin: 'shim' }) })
const signIn = async (password = PASSWORD) => {
  const agent = makeAgent()
  await agent.login({ identifier: DID, password })
  return agent
}
const serverOf = ({ com }: AtpAgent) => com.atproto.server
const tokenFor = async (purpose: string) => (await pod.account.inbox.list()).find((message) => message.purpose === purpose)?.token ?? ''
const eventsAfter = async (event: number) => (await pod.repo.eventsAfter(event, 10)).map(({ body }) => decodeEvent(body))
const lastEvent = async () => (await pod.repo.eventsAfter(0, 100)).at(-1)?.event ?? 0

describe('app passwords', () => {
  test('sign in, write, and reach nothing of the account; privileged ones get a token for chat', async () => {
    const owner = await signIn()
    const plain = (await serverOf(owner).createAppPassword({ name: 'phone' })).data
    const privileged = (await serverOf(owner).createAppPassword({ name: 'chat', privileged: true })).data
    expect(plain).toEqual({
      name: 'phone',
      privileged: false,
      createdAt: expect.any(String),
      password: expect.stringMatching(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/),
    })
    const { passwords } = (await serverOf(owner).listAppPasswords()).data
    expect(passwords.map(({ name, privileged }) => [name, privileged])).toEqual(
      expect.arrayContaining([
        ['phone', false],
        ['chat', true],
      ]),
    )
    expect(JSON.stringify(await store.getAll('appPasswords'))).not.toContain(plain.password)

    const phone = await signIn(plain.password)
    await phone.post({ text: 'from my phone' })
    const refused = { status: 400, error: 'InvalidToken' }
    const server = serverOf(phone)
    for (const attempt of [
      () => server.createAppPassword({ name: 'more' }),
      () => server.requestEmailUpdate(),
      () => server.updateEmail({ email: 'mallory@example.com' }),
      () => server.deactivateAccount({}),
      () => server.activateAccount(),
      () => server.requestAccountDelete(),
      () => server.getAccountInviteCodes(),
    ])
      await expect(attempt()).rejects.toMatchObject(refused)
    const chat = { aud: 'did:web:api.bsky.chat', lxm: 'chat.bsky.convo.listConvos' }
    await expect(server.getServiceAuth(chat)).rejects.toMatchObject({ status: 400 })
    expect((await serverOf(await signIn(privileged.password)).getServiceAuth(chat)).data.token).toBeTruthy()
  })

  test('a name is given once', async () => {
    const server = serverOf(await signIn())
    await server.createAppPassword({ name: 'phone' })
    await expect(server.createAppPassword({ name: 'phone' })).rejects.toMatchObject({ status: 400 })
    expect((await server.listAppPasswords()).data.passwords).toHaveLength(1)
  })

  test('revoking one ends what it opened at once, and nothing else', async () => {
    const owner = await signIn()
    const one = (await serverOf(owner).createAppPassword({ name: 'one' })).data.password
    const two = (await serverOf(owner).createAppPassword({ name: 'two' })).data.password
    const [first, second] = [await signIn(one), await signIn(two)]
    await serverOf(owner).revokeAppPassword({ name: 'one' })
    await expect(first.post({ text: 'too late' })).rejects.toMatchObject({ status: 400, error: 'ExpiredToken' })
    // The client tried to refresh, was refused, and gave its session up.
    expect(first.session).toBeUndefined()
    await expect(signIn(one)).rejects.toMatchObject({ status: 401 })
    await second.post({ text: 'still here' })
    await owner.post({ text: 'so am I' })
  })
})

test('a service uploads for the account with a token of the account, made for that', async () => {
  const { server } = (await signIn()).com.atproto
  const tokenOf = async (lxm: string, aud = DID) => (await server.getServiceAuth({ aud, lxm })).data.token
  const upload = async (token: string) => {
    const headers = { 'content-type': 'video/mp4', authorization: `Bearer ${token}` }
    const request = new Request(`${ORIGIN}/xrpc/com.atproto.repo.uploadBlob`, { method: 'POST', headers, body: new Uint8Array([1, 2, 3]) })
    const response = await pod.handle(request, { origin: 'shim' })
    return [response.status, (await response.json()).error]
  }
  const lxm = 'com.atproto.repo.uploadBlob'
  expect(await upload(await tokenOf(lxm))).toEqual([200, undefined])
  expect(await upload(await tokenOf('com.atproto.repo.createRecord'))).toEqual([401, 'BadJwtLexiconMethod'])
  expect(await upload(await tokenOf(lxm, 'did:web:video.example'))).toEqual([401, 'BadJwtAudience'])
})

test('signing out ends the access token too', async () => {
  const agent = await signIn()
  const headers = { authorization: `Bearer ${agent.session?.accessJwt}` }
  await agent.logout()
  const response = await pod.handle(new Request(`${ORIGIN}/xrpc/com.atproto.server.getSession`, { headers }), { origin: 'shim' })
  expect([response.status, (await response.json()).error]).toEqual([400, 'ExpiredToken'])
})

describe('the e-mail address', () => {
  test('is set without a token, confirmed by the one in the inbox, and then given up only with another', async () => {
    const agent = await signIn()
    const server = serverOf(agent)
    await expect(server.requestEmailConfirmation()).rejects.toMatchObject({ status: 400 })
    expect((await server.requestEmailUpdate()).data).toEqual({ tokenRequired: false })
    await server.updateEmail({ email: 'Alice@Example.com' })
    expect((await server.getSession()).data).toMatchObject({ email: 'alice@example.com', emailConfirmed: false })

    await server.requestEmailConfirmation()
    const token = await tokenFor('confirm-email')
    expect(token).toMatch(/^[A-Z2-7]{5}-[A-Z2-7]{5}$/)
    expect(mails).toEqual([{ to: 'alice@example.com', purpose: 'confirm-email', token }])
    await expect(server.confirmEmail({ email: 'other@example.com', token })).rejects.toMatchObject({ error: 'InvalidEmail' })
    await expect(server.confirmEmail({ email: 'alice@example.com', token: 'AAAAA-AAAAA' })).rejects.toMatchObject({ error: 'InvalidToken' })
    await server.confirmEmail({ email: 'ALICE@example.com', token: token.toLowerCase() })
    expect((await server.getSession()).data).toMatchObject({ emailConfirmed: true })
    await expect(server.confirmEmail({ email: 'alice@example.com', token })).rejects.toMatchObject({ error: 'InvalidToken' })

    expect((await server.requestEmailUpdate()).data).toEqual({ tokenRequired: true })
    await expect(server.updateEmail({ email: 'new@example.com' })).rejects.toMatchObject({ status: 400, error: 'TokenRequired' })
    await server.updateEmail({ email: 'new@example.com', token: await tokenFor('update-email') })
    expect((await server.getSession()).data).toMatchObject({ email: 'new@example.com', emailConfirmed: false })
    expect(await pod.summary()).toMatchObject({ email: 'new@example.com', emailConfirmed: false })
  })

  test('that is none is refused', async () => {
    const server = serverOf(await signIn())
    for (const email of ['alice', 'alice@', '@example.com', 'a b@example.com', 'alice@localhost', `${'a'.repeat(400)}@example.com`])
      await expect(server.updateEmail({ email }), email).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  })
})

describe('a forgotten password', () => {
  test('is replaced by a token from the inbox: sessions end, app passwords stay', async () => {
    const owner = await signIn()
    const app = (await serverOf(owner).createAppPassword({ name: 'phone' })).data.password
    await pod.account.email.set('alice@example.com')
    const stranger = serverOf(makeAgent())
    await expect(stranger.requestPasswordReset({ email: 'mallory@example.com' })).rejects.toMatchObject({ status: 400 })
    await stranger.requestPasswordReset({ email: 'Alice@example.com' })
    const token = await tokenFor('reset-password')
    await expect(stranger.resetPassword({ token, password: 'short' })).rejects.toMatchObject({ status: 400 })
    await stranger.resetPassword({ token, password: 'battery staple' })
    await expect(owner.post({ text: 'old session' })).rejects.toMatchObject({ error: 'ExpiredToken' })
    await expect(signIn()).rejects.toMatchObject({ status: 401 })
    await signIn('battery staple')
    await signIn(app)
    await expect(stranger.resetPassword({ token, password: 'once more please' })).rejects.toMatchObject({ error: 'InvalidToken' })
  })

  test('opens the lock that guesses have closed', async () => {
    for (let i = 0; i < 5; i++) await expect(signIn('wrong password')).rejects.toMatchObject({ status: 401 })
    await expect(signIn()).rejects.toMatchObject({ status: 429 })
    await pod.account.ownerPassword.set('battery staple')
    await signIn('battery staple')
  })
})

describe('standing', () => {
  test('a deactivated account is shown to nobody but itself, and takes no writes', async () => {
    const agent = await signIn()
    await agent.post({ text: 'before' })
    const last = await lastEvent()
    await serverOf(agent).deactivateAccount({ deleteAfter: '2027-01-01T00:00:00.000Z' })
    expect(await eventsAfter(last)).toEqual([{ kind: 'account', did: DID, active: false, status: 'deactivated' }])
    expect(await pod.summary()).toMatchObject({ standing: 'deactivated', deleteAfter: '2027-01-01T00:00:00.000Z' })

    await expect(agent.post({ text: 'after' })).rejects.toMatchObject({ status: 401, error: 'AccountDeactivated' })
    const { sync, repo } = makeAgent().com.atproto
    const hidden = { status: 400, error: 'RepoDeactivated' }
    for (const read of [
      () => sync.getRepo({ did: DID }),
      () => sync.getLatestCommit({ did: DID }),
      () => sync.listBlobs({ did: DID }),
      () => repo.describeRepo({ repo: DID }),
    ])
      await expect(read()).rejects.toMatchObject(hidden)
    await expect(repo.listRecords({ repo: DID, collection: 'app.bsky.feed.post' })).rejects.toMatchObject({ status: 400 })
    expect((await sync.getRepoStatus({ did: DID })).data).toEqual({ did: DID, active: false, status: 'deactivated' })
    expect((await sync.listRepos()).data.repos).toMatchObject([{ did: DID, active: false, status: 'deactivated' }])
    expect((await agent.com.atproto.sync.getRepo({ did: DID })).data.byteLength).toBeGreaterThan(0)

    const again = await signIn()
    expect(again.session).toMatchObject({ active: false, status: 'deactivated' })
    expect((await serverOf(again).checkAccountStatus()).data).toMatchObject({ activated: false, validDid: true, indexedRecords: 1 })
    await again.uploadBlob(new Uint8Array([1]), { encoding: 'image/png' })
    await again.app.bsky.actor.getPreferences()

    const before = await lastEvent()
    await serverOf(again).activateAccount()
    const kinds = (await eventsAfter(before)).map(({ kind }) => kind)
    expect(kinds).toEqual(['account', 'identity', 'sync'])
    await again.post({ text: 'back' })
    expect((await sync.getRepoStatus({ did: DID })).data).toMatchObject({ active: true, rev: expect.any(String) })
    expect((await pod.summary()).deleteAfter).toBeUndefined()
  })

  test('counts what is here', async () => {
    const agent = await signIn()
    await agent.post({ text: 'one' })
    const { data } = await serverOf(agent).checkAccountStatus()
    const { commit, rev } = pod.repo.head()
    // The commit, the record, and the one node of a small tree.
    expect(data).toEqual({
      activated: true,
      validDid: true,
      repoCommit: commit,
      repoRev: rev,
      repoBlocks: 3,
      indexedRecords: 1,
      privateStateValues: 0,
      expectedBlobs: 0,
      importedBlobs: 0,
    })
  })

  test('an account is deleted with its DID, its password, and a token, no one of which is enough', async () => {
    const agent = await signIn()
    const app = (await serverOf(agent).createAppPassword({ name: 'phone' })).data.password
    await serverOf(agent).requestAccountDelete()
    const token = await tokenFor('delete-account')
    const stranger = serverOf(makeAgent())
    const wrong = { did: DID, password: PASSWORD, token: 'AAAAA-AAAAA' }
    await expect(stranger.deleteAccount(wrong)).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
    await expect(stranger.deleteAccount({ did: DID, password: app, token })).rejects.toMatchObject({ status: 401 })
    await expect(stranger.deleteAccount({ did: 'did:web:other.example', password: PASSWORD, token })).rejects.toMatchObject({ status: 400 })
    expect(isLeaving).toBe(false)
    await stranger.deleteAccount({ did: DID, password: PASSWORD, token })
    expect(isLeaving).toBe(true)
    await expect(agent.post({ text: 'gone' })).rejects.toMatchObject({ error: 'ExpiredToken' })
  })
})

test('an account that is here already lets no second one in', async () => {
  const wanted = { handle: 'bob.test', password: PASSWORD, email: 'bob@example.com' }
  const server = serverOf(makeAgent())
  await expect(server.createAccount(wanted)).rejects.toMatchObject({ status: 400, error: 'InvalidInviteCode' })
  await expect(server.createAccount({ ...wanted, inviteCode: 'localhost-aaaaa-bbbbb' })).rejects.toMatchObject({
    error: 'InvalidInviteCode',
  })
  await expect(server.createInviteCode({ useCount: 1 })).rejects.toMatchObject({ status: 401, error: 'AuthenticationRequired' })
  const owner = serverOf(await signIn())
  expect((await owner.getAccountInviteCodes()).data).toEqual({ codes: [] })
})

test('pages are told of every change', async () => {
  const agent = await signIn()
  const steps = [
    () => serverOf(agent).createAppPassword({ name: 'phone' }),
    () => serverOf(agent).revokeAppPassword({ name: 'phone' }),
    () => serverOf(agent).updateEmail({ email: 'alice@example.com' }),
    () => serverOf(agent).requestAccountDelete(),
  ]
  for (const step of steps) {
    const before = changes
    await step()
    expect(changes).toBeGreaterThan(before)
  }
})
