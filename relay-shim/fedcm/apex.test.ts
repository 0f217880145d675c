import { describe, expect, test, vi } from 'vitest'
import { readSettings } from '../settings/settings.ts'
import { MemoryShim } from '../testing/memory-shim.ts'
import { newKeys } from '../testing/tab.ts'

const PATH = '/.well-known/web-identity'
const ALICE = 'alice.pods.example.com'
const BOB = 'bob.pods.example.com'

const shimOf = (env: Record<string, string> = {}): MemoryShim =>
  new MemoryShim({ TABPOD_HOSTS: '*.pods.example.com, own.example', TABPOD_POLICY: 'open', ...env })

const join = async (shim: MemoryShim, host: string) => {
  const connected = await shim.connect(host, await newKeys())
  await connected.tab.join({ did: `did:web:${encodeURIComponent(host)}`, documents: { [PATH]: `{"of":"${host}"}` } })
  return connected
}

/** Which pod browsers find at that host; null: none. */
const found = async (shim: MemoryShim, host: string): Promise<unknown> => {
  const answer = await shim.ask(host, PATH)
  return answer.ok ? answer.json() : null
}
const named = (host: string) => ({
  provider_urls: [`https://${host}/fedcm/config.json`],
  accounts_endpoint: `https://${host}/fedcm/accounts`,
  login_url: `https://${host}/fedcm/login`,
})

describe('at the domain above the pods browsers find', () => {
  test.each(['pods.example.com', 'example.com'])('the one that was bound first, also after shim and rooms slept: %s', async (above) => {
    const shim = shimOf()
    expect(await found(shim, above)).toBeNull()
    shim.port(ALICE).now = () => 2000
    shim.port(BOB).now = () => 1000
    await join(shim, ALICE)
    await vi.waitFor(async () => expect(await found(shim, above)).toEqual(named(ALICE)))
    await join(shim, BOB)
    await vi.waitFor(async () => expect(await found(shim, above)).toEqual(named(BOB)))
    for (const host of ['_operator', ALICE, BOB]) shim.evict(host)
    expect(await found(shim, above)).toEqual(named(BOB))
  })

  test('the next one when that has gone', async () => {
    const shim = shimOf()
    shim.port(ALICE).now = () => 1000
    shim.port(BOB).now = () => 2000
    const { tab } = await join(shim, ALICE)
    await join(shim, BOB)
    await vi.waitFor(async () => expect(await found(shim, 'example.com')).toEqual(named(ALICE)))
    tab.send({ t: 'release' })
    await vi.waitFor(async () => expect(await found(shim, 'example.com')).toEqual(named(BOB)))
  })

  test('the one that the operator has named, whether it is bound or not, and nothing else of it', async () => {
    const shim = shimOf({ TABPOD_FEDCM_APEX: `example.com=${BOB}, other.example` })
    await join(shim, ALICE)
    expect(await found(shim, 'example.com')).toEqual(named(BOB))
    expect((await shim.ask('example.com', '/')).status).toBe(421)
    expect((await shim.ask('example.com', PATH, { method: 'POST' })).status).toBe(404)
    expect(await found(shim, 'other.example')).toBeNull()
  })

  test('of a pod that is the domain itself, its own', async () => {
    const shim = shimOf({ TABPOD_HOSTS: '*.own.example, own.example' })
    await join(shim, 'own.example')
    await join(shim, 'a.own.example')
    expect(await found(shim, 'own.example')).toEqual({ of: 'own.example' })
  })

  test('pods at another port than the usual one, which browsers leave out when they ask', async () => {
    const shim = shimOf({ TABPOD_HOSTS: '*.pods.example.com:8443' })
    await join(shim, `${ALICE}:8443`)
    await vi.waitFor(async () => expect(await found(shim, 'example.com')).toEqual(named(`${ALICE}:8443`)))
    const other = shimOf({
      TABPOD_HOSTS: '*.example.com:8443, own.example:8443',
      TABPOD_FEDCM_APEX: 'example.com=bob.example.com:8443, own.example=own.example:8443',
    })
    expect(await found(other, 'example.com')).toEqual(named('bob.example.com:8443'))
    expect(await found(other, 'own.example')).toEqual(named('own.example:8443'))
  })

  test('one where that domain is a handle, too', async () => {
    const shim = shimOf({ TABPOD_HANDLES: 'example.com=did:web:alice.pods.example.com' })
    await join(shim, ALICE)
    await vi.waitFor(async () => expect(await found(shim, 'example.com')).toEqual(named(ALICE)))
    expect(await (await shim.ask('example.com', '/.well-known/atproto-did')).text()).toBe('did:web:alice.pods.example.com')
  })

  test('nothing where no pods are below it', async () => {
    const shim = shimOf()
    await join(shim, ALICE)
    for (const host of ['example', 'example.org', 'xpods.example.com', 'com.example'])
      expect([host, await found(shim, host)]).toEqual([host, null])
  })
})

test.each([
  ['example.com=alice.example.org', /must be domain=pod/],
  ['example.com=example.com', /must be domain=pod/],
  ['a b', /must be domain=pod/],
  ['example.com=a.example.com, example.com', /names example.com twice/],
])('the setting is checked: %s', (written, words) => {
  expect(() => readSettings({ TABPOD_FEDCM_APEX: written })).toThrow(words)
})

test('a room that nobody asks for says nothing', async () => {
  const shim = shimOf()
  await join(shim, 'own.example')
  expect(shim.ports.has('_operator')).toBe(false)
})
