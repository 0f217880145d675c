import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import { INBOX_LIMITS, INBOX_TOKEN_TTL_MS, MAX_TOKEN_GUESSES } from '../../wire/limits.ts'
import { openStore } from '../store/open.ts'
import { inboxOf } from './inbox.ts'

const INVALID = { status: 400, error: 'InvalidToken' }
const WRONG = 'AAAAA-AAAAA'

const set = async ({ isMailed = false } = {}) => {
  const store = await openStore(crypto.randomUUID())
  const clock = { now: 1_800_000_000_000 }
  const changes: number[] = []
  const mail = async () => isMailed
  const inbox = inboxOf({ store, now: () => clock.now, mail, changed: () => void changes.push(clock.now) })
  const token = async () => (await inbox.list())[0]?.token ?? ''
  return { inbox, clock, changes, token }
}

test('a token works once, in any case of letters, and says what it speaks for', async () => {
  const { inbox, token } = await set()
  await inbox.issue('confirm-email', { email: 'alice@example.com' })
  const issued = await token()
  expect(issued).toMatch(/^[A-Z2-7]{5}-[A-Z2-7]{5}$/)
  expect(await inbox.redeem('confirm-email', ` ${issued.toLowerCase()} `)).toMatchObject({ email: 'alice@example.com' })
  await expect(inbox.redeem('confirm-email', issued)).rejects.toMatchObject(INVALID)
})

test('a token is good for its own purpose only', async () => {
  const { inbox, token } = await set()
  await inbox.issue('reset-password')
  await expect(inbox.redeem('delete-account', await token())).rejects.toMatchObject(INVALID)
  await inbox.redeem('reset-password', await token())
})

test('a newer token takes the place of an older one', async () => {
  const { inbox, token } = await set()
  await inbox.issue('reset-password')
  const older = await token()
  await inbox.issue('reset-password')
  expect(await inbox.list()).toHaveLength(1)
  await expect(inbox.redeem('reset-password', older)).rejects.toMatchObject(INVALID)
  await inbox.redeem('reset-password', await token())
})

test('a token expires, and is not shown any longer then', async () => {
  const { inbox, clock, token } = await set()
  await inbox.issue('reset-password')
  const issued = await token()
  clock.now += INBOX_TOKEN_TTL_MS
  expect(await inbox.list()).toEqual([])
  await expect(inbox.redeem('reset-password', issued)).rejects.toMatchObject({ status: 400, error: 'ExpiredToken' })
})

test('a token that was guessed at too often is worth nothing, and an open inbox hears that', async () => {
  const { inbox, token, changes } = await set()
  await inbox.issue('reset-password')
  const issued = await token()
  for (let i = 0; i < MAX_TOKEN_GUESSES; i++) await expect(inbox.redeem('reset-password', WRONG)).rejects.toMatchObject(INVALID)
  expect(changes).toHaveLength(2)
  await expect(inbox.redeem('reset-password', issued)).rejects.toMatchObject(INVALID)
})

test('tokens are not asked for without end, not even by whoever spoils each of them', async () => {
  const { inbox, clock } = await set()
  const limits = INBOX_LIMITS[0]
  for (let i = 0; i < limits.times; i++) {
    await inbox.issue('reset-password')
    for (let guess = 0; guess < MAX_TOKEN_GUESSES; guess++) await inbox.redeem('reset-password', WRONG).catch(() => {})
  }
  const tooMany = { status: 429, error: 'RateLimitExceeded', headers: { 'retry-after': String(limits.windowMs / 1000) } }
  await expect(inbox.issue('reset-password')).rejects.toMatchObject(tooMany)
  await inbox.issue('delete-account')
  clock.now += limits.windowMs
  await inbox.issue('reset-password')
})

test('messages come newest first, and go when dismissed', async () => {
  const { inbox, clock } = await set()
  await inbox.issue('reset-password')
  clock.now += 1
  await inbox.issue('delete-account')
  const [newest, older] = await inbox.list()
  expect([newest?.purpose, older?.purpose]).toEqual(['delete-account', 'reset-password'])
  await inbox.dismiss(newest?.id ?? '')
  await inbox.dismiss('unknown')
  expect(await inbox.list()).toEqual([older])
})

test.each([true, false])('the message says whether it was mailed: %s', async (isMailed) => {
  const { inbox, changes } = await set({ isMailed })
  await inbox.issue('reset-password')
  await expect.poll(async () => (await inbox.list())[0]?.mailed).toBe(isMailed)
  expect(changes.length).toBe(isMailed ? 2 : 1)
})
