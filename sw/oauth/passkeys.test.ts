import 'fake-indexeddb/auto'
import { encode } from 'cborg'
import { beforeEach, describe, expect, test } from 'vitest'
import { PASSKEY_DEADLINE_MS } from '../../wire/oauth-limits.ts'
import { openStore } from '../store/open.ts'
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
  phone = await Authenticator.make()
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
    ['that is not known', async (options) => (await Authenticator.make()).get(options)],
    ['with a signature of another', async (options) => (await Authenticator.make(phone.id)).get(options)],
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

const challengeOf = (options: string): string => (JSON.parse(options) as { challenge: string }).challenge

interface Changed {
  readonly origin?: string
  readonly rpId?: string
  /** UP 0x01, UV 0x04, AT 0x40. */
  readonly flags?: number
}

/** A device that does what it is told. @see https://www.w3.org/TR/webauthn-3/#sctn-authenticator-data */
class Authenticator {
  readonly #rawId: Uint8Array<ArrayBuffer>
  readonly #pair: CryptoKeyPair
  counter = 0

  /** @param id of another: it passes for that one */
  static async make(id?: string): Promise<Authenticator> {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
    return new Authenticator(
      id === undefined ? crypto.getRandomValues(new Uint8Array(32)) : Uint8Array.from(Buffer.from(id, 'base64url')),
      pair,
    )
  }

  private constructor(rawId: Uint8Array<ArrayBuffer>, pair: CryptoKeyPair) {
    this.#rawId = rawId
    this.#pair = pair
  }

  get id(): string {
    return base64url(this.#rawId)
  }

  async create(options: string, { flags = 0x45, ...changed }: Changed = {}): Promise<string> {
    const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', this.#pair.publicKey)
    const publicKey = new Map<number, unknown>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x, 'base64url')],
      [-3, Buffer.from(y, 'base64url')],
    ])
    const credential = Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.#rawId.length]), this.#rawId, encode(publicKey)])
    const authData = Buffer.concat([await this.#data(flags, changed), credential])
    const attestationObject = encode({ fmt: 'none', attStmt: {}, authData: Uint8Array.from(authData) })
    return this.#credential({
      attestationObject: base64url(attestationObject),
      clientDataJSON: base64url(clientData('webauthn.create', options, changed)),
    })
  }

  async get(options: string, { flags = 0x05, ...changed }: Changed = {}): Promise<string> {
    this.counter += 1
    const authenticatorData = await this.#data(flags, changed)
    const client = clientData('webauthn.get', options, changed)
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', client))
    const signed = Uint8Array.from(Buffer.concat([authenticatorData, hash]))
    const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.#pair.privateKey, signed))
    return this.#credential({
      authenticatorData: base64url(authenticatorData),
      clientDataJSON: base64url(client),
      signature: base64url(der(raw)),
    })
  }

  #credential(response: Record<string, string>): string {
    return JSON.stringify({ id: this.id, rawId: this.id, type: 'public-key', clientExtensionResults: {}, response })
  }

  async #data(flags: number, { rpId = 'alice.example' }: Changed): Promise<Uint8Array<ArrayBuffer>> {
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(rpId))
    return Uint8Array.from([...new Uint8Array(hash), flags, 0, 0, 0, this.counter])
  }
}

const clientData = (type: string, options: string, { origin = ORIGIN }: Changed): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(JSON.stringify({ type, challenge: challengeOf(options), origin, crossOrigin: false }))

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** As authenticators write signatures. */
const der = (raw: Uint8Array): Uint8Array => {
  const integers = [...integer(raw.subarray(0, 32)), ...integer(raw.subarray(32))]
  return Uint8Array.from([0x30, integers.length, ...integers])
}

const integer = (part: Uint8Array): number[] => {
  const bytes = Array.from(part)
  while (bytes[0] === 0 && (bytes[1] ?? 0) < 0x80) bytes.shift()
  if ((bytes[0] ?? 0) >= 0x80) bytes.unshift(0)
  return [0x02, bytes.length, ...bytes]
}
