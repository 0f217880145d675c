import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import { MAX_SIGN_IN_FAILURES, SIGN_IN_LOCK_MS } from '../../wire/limits.ts'
import { openStore } from '../store/open.ts'
import { changePod, writePod } from '../store/pod.ts'
import { makeOwner, type Owner, SignIn } from './sign-in.ts'

const PASSWORD = 'correct horse'
const WRONG = { status: 401, error: 'AuthenticationRequired', message: 'Invalid identifier or password' }
const owner: Owner = { did: 'did:web:localhost%3A1999', handle: 'alice.test', standing: 'active' }
const APP_PASSWORD = 'abcd-efgh-2345-wxyz'
const appPasswords = { find: async (password: string) => (password === APP_PASSWORD ? { name: 'phone', privileged: true } : null) }

const set = async () => {
  const store = await openStore(crypto.randomUUID())
  await writePod(store, { owner: { ...(await makeOwner(PASSWORD, 1000)), email: 'Alice@example.com' } })
  const clock = { now: 1_000_000 }
  const door = () => new SignIn(store, owner, appPasswords, () => clock.now)
  return { store, clock, door }
}
const fail = async (signIn: SignIn, times: number) => {
  for (let i = 0; i < times; i++) await expect(signIn.check('alice.test', 'wrong')).rejects.toMatchObject(WRONG)
}

test.each(['alice.test', 'ALICE.test', '@alice.test', 'did:web:localhost%3A1999', 'did:web:localhost%3a1999', 'alice@EXAMPLE.com'])(
  'the owner signs in as %s',
  async (identifier) => {
    const { door } = await set()
    expect(await door().check(identifier, PASSWORD)).toBeNull()
  },
)

test('a wrong name and a wrong password get one and the same answer', async () => {
  const { door } = await set()
  await expect(door().check('bob.test', PASSWORD)).rejects.toMatchObject(WRONG)
  await expect(door().check('alice.test', 'wrong')).rejects.toMatchObject(WRONG)
})

test('after five failures even the right password waits, says how long, and works afterwards', async () => {
  const { clock, door } = await set()
  await fail(door(), MAX_SIGN_IN_FAILURES)
  clock.now += 60_000
  const locked = { status: 429, error: 'RateLimitExceeded', headers: { 'retry-after': String(14 * 60) } }
  await expect(door().check('alice.test', PASSWORD)).rejects.toMatchObject(locked)
  clock.now += SIGN_IN_LOCK_MS
  await door().check('alice.test', PASSWORD)
})

test('the count survives a new worker, and a success clears it', async () => {
  const { door } = await set()
  await fail(door(), MAX_SIGN_IN_FAILURES - 1)
  await door().check('alice.test', PASSWORD)
  await fail(door(), MAX_SIGN_IN_FAILURES - 1)
  await fail(door(), 1)
  await expect(door().check('alice.test', PASSWORD)).rejects.toMatchObject({ status: 429 })
})

test('guesses made side by side are counted one by one', async () => {
  const { door } = await set()
  const signIn = door()
  const answers = await Promise.allSettled(Array.from({ length: 20 }, () => signIn.check('alice.test', 'wrong')))
  const statuses = answers.map((answer) => answer.status === 'rejected' && answer.reason.status)
  expect(statuses.filter((status) => status === 401)).toHaveLength(MAX_SIGN_IN_FAILURES)
  expect(statuses.filter((status) => status === 429)).toHaveLength(20 - MAX_SIGN_IN_FAILURES)
})

test('an app password signs in and says which it is; a wrong one counts like any other', async () => {
  const { door } = await set()
  expect(await door().check('alice.test', APP_PASSWORD)).toEqual({ name: 'phone', privileged: true })
  for (let i = 0; i < MAX_SIGN_IN_FAILURES; i++)
    await expect(door().check('alice.test', 'aaaa-aaaa-aaaa-aaaa')).rejects.toMatchObject(WRONG)
  await expect(door().check('alice.test', APP_PASSWORD)).rejects.toMatchObject({ status: 429 })
})

test('an owner’s password that looks like an app password works too', async () => {
  const { store, door } = await set()
  await writePod(store, { owner: await makeOwner('aaaa-bbbb-cccc-dddd', 1000) })
  expect(await door().check('alice.test', 'aaaa-bbbb-cccc-dddd')).toBeNull()
})

test('no app password confirms what only the owner may do', async () => {
  const { door } = await set()
  await door().confirm(owner.did, PASSWORD)
  await expect(door().confirm(owner.did, APP_PASSWORD)).rejects.toMatchObject(WRONG)
})

test('nobody signs in to a vacant pod, and trying locks nothing', async () => {
  const { store } = await set()
  const vacant = new SignIn(store, { ...owner, standing: 'vacant' }, appPasswords)
  for (let i = 0; i <= MAX_SIGN_IN_FAILURES; i++) await expect(vacant.check('alice.test', PASSWORD)).rejects.toMatchObject(WRONG)
})

test('a pod without an owner lets nobody in', async () => {
  const { store } = await set()
  await store.clear('pod')
  await expect(new SignIn(store, owner, appPasswords).check('alice.test', PASSWORD)).rejects.toMatchObject(WRONG)
  expect(await changePod(store, 'owner', () => undefined)).toBeUndefined()
})

test('at a page an app password opens nothing, and counts as a wrong one', async () => {
  const { door } = await set()
  await door().checkOwner('alice.test', PASSWORD)
  for (let i = 0; i < MAX_SIGN_IN_FAILURES; i++) await expect(door().checkOwner('alice.test', APP_PASSWORD)).rejects.toMatchObject(WRONG)
  await expect(door().checkOwner('alice.test', PASSWORD)).rejects.toMatchObject({ status: 429 })
})
