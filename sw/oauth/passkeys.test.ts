import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, test } from 'vitest'
import { PASSKEY_DEADLINE_MS } from '../../wire/oauth-limits.ts'
import { openStore } from '../store/open.ts'
import { Authenticator, challengeOf } from './authenticator-testing.ts'
import type { Visitor } from './devices.ts'
import { type Passkeys, passkeysOf } from './passkeys.ts'

const ORIGIN = 'https://alice.example'
const visitor = (secret: string): Visitor => ({
  id: `dev-${'1'.repeat(32)}`,
  userAgent: null,
  address: null,
  isOwn: false,
  secret,
  account: null,
  cookie: null,
})
const here = visitor('here')

let passkeys: Passkeys
let clock: { now: number }
let phone: Authenticator

beforeEach(async () => {
  const store = await openStore(crypto.randomUUID())
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  clock = { now: 1_800_000_000_000 }
  const identity = { did: 'did:web:alice.example', handle: 'alice.example', origin: ORIGIN }
  passkeys = passkeysOf({ store, identity, key: async () => key, now: () => clock.now })
  phone = await Authenticator.make(ORIGIN)
})

const REFUSED = { status: 401, error: 'AuthenticationRequired' }
const NOT_ASKED_FOR = { status: 400, error: 'BadPasskey' }

const registered = async (): Promise<void> => passkeys.add(here, await phone.create(await passkeys.creation(here)), 'My phone')

/** What a page of that browser asks for. */
const asked = async (by = here): Promise<string> => (await passkeys.request(by)) ?? ''

describe('a new passkey', () => {
  test('is kept with its name, and opens the account', async () => {
    expect(await passkeys.request(here)).toBeNull()
    await registered()
    expect(await passkeys.list()).toMatchObject([{ name: 'My phone', isBackedUp: false }])
    await passkeys.verify(here, await phone.get(await asked()))
    expect(await passkeys.list()).toMatchObject([{ lastUsedAt: clock.now, counter: 1 }])
  })

  test('is asked for without a word about who made it, and not from a device that has one', async () => {
    expect(JSON.parse(await passkeys.creation(here))).toMatchObject({
      attestation: 'none',
      excludeCredentials: [],
      rp: { id: 'alice.example' },
    })
    await registered()
    expect(JSON.parse(await passkeys.creation(here))).toMatchObject({ excludeCredentials: [{ id: phone.id }] })
  })

  test.each<readonly [string, (options: string) => Promise<string>]>([
    ['for another browser', async () => phone.create(await passkeys.creation(visitor('elsewhere')))],
    [
      'for a sign-in',
      async (options) => {
        await registered()
        return phone.create(options.replace(challengeOf(options), challengeOf(await asked())))
      },
    ],
    ['by another site', (options) => phone.create(options, { origin: 'https://evil.example' })],
    ['for another site', (options) => phone.create(options, { rpId: 'evil.example' })],
    ['without looking who it is', (options) => phone.create(options, { flags: 0x41 })],
    ['for nobody', (options) => phone.create(options.replace(challengeOf(options), 'AAAA'))],
    [
      'too late',
      (options) => {
        clock.now += PASSKEY_DEADLINE_MS
        return phone.create(options)
      },
    ],
  ])('that was made %s is not taken', async (_, make) => {
    const made = await make(await passkeys.creation(here))
    const before = await passkeys.list()
    await expect(passkeys.add(here, made, 'x')).rejects.toMatchObject(NOT_ASKED_FOR)
    expect(await passkeys.list()).toEqual(before)
  })
})

describe('a passkey', () => {
  test.each<readonly [string, (options: string) => Promise<string>]>([
    ['in another browser', async () => phone.get(await asked(visitor('elsewhere')))],
    ['to make a new one', async (options) => phone.get(options.replace(challengeOf(options), challengeOf(await passkeys.creation(here))))],
    ['by another site', (options) => phone.get(options, { origin: 'https://evil.example' })],
    ['for another site', (options) => phone.get(options, { rpId: 'evil.example' })],
    ['without looking who it is', (options) => phone.get(options, { flags: 0x01 })],
    ['that is not known', async (options) => (await Authenticator.make(ORIGIN)).get(options)],
    ['with a signature of another', async (options) => (await Authenticator.make(ORIGIN, phone.id)).get(options)],
    [
      'too late',
      (options) => {
        clock.now += PASSKEY_DEADLINE_MS
        return phone.get(options)
      },
    ],
  ])('that was asked %s opens nothing', async (_, answer) => {
    await registered()
    await expect(passkeys.verify(here, await answer(await asked()))).rejects.toMatchObject(REFUSED)
  })

  test('that counts backwards was copied, and opens nothing', async () => {
    await registered()
    await passkeys.verify(here, await phone.get(await asked()))
    phone.counter = 0
    await expect(passkeys.verify(here, await phone.get(await asked()))).rejects.toMatchObject(REFUSED)
  })

  test('that was removed opens nothing', async () => {
    await registered()
    const answer = await phone.get(await asked())
    await passkeys.remove(phone.id)
    await expect(passkeys.verify(here, answer)).rejects.toMatchObject(REFUSED)
  })

  test.each(['', 'null', '[]', '{}', '{"id":"x","response":null}'])('is not %j', async (text) => {
    await registered()
    await expect(passkeys.verify(here, text)).rejects.toMatchObject({ error: expect.stringMatching(/BadPasskey|AuthenticationRequired/) })
  })
})
