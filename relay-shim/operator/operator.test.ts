/** The operator's half of a shim, in memory: reports, orders, and the door that keeps all others out. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { REPORT_INTERVAL_MS, ROOMS_PER_PAGE } from '../../wire/limits.ts'
import { OPERATOR_GUESSES } from '../../wire/rate-limits.ts'
import {
  FORGET_PATH,
  KICK_PATH,
  LOOK_PATH,
  OPERATOR_PATH,
  READMIT_PATH,
  type RoomList,
  type RoomReport,
  ROOMS_PATH,
} from '../../wire/operator.ts'
import { MemoryShim } from '../testing/memory-shim.ts'
import { create, SigningPod } from '../testing/signing-pod.ts'
import { newKeys, signedHello, type TestTab } from '../testing/tab.ts'
import { REGISTRY } from './inside.ts'

const TOKEN = 'the-operators-own-token'
const HOST = 'pod.example'
const ENV = { TABPOD_HOSTS: '*', TABPOD_POLICY: 'open', TABPOD_OPERATOR_TOKEN: TOKEN }

let shim: MemoryShim
beforeEach(() => void (shim = new MemoryShim(ENV)))

const asked = async (path: string, init: RequestInit = {}, token: string | null = TOKEN, host = 'any.example') => {
  const headers = { ...(token !== null && { authorization: `Bearer ${token}` }), ...(init.headers as Record<string, string> | undefined) }
  const response = await shim.ask(host, path, { ...init, headers })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as { error?: string } & Record<string, unknown>,
  }
}
const order = (path: string, body: object, token: string | null = TOKEN) =>
  asked(path, { method: 'POST', body: JSON.stringify(body) }, token)
const rooms = async (query = ''): Promise<readonly RoomReport[]> => ((await asked(ROOMS_PATH + query)).body as unknown as RoomList).rooms
const room = async (host = HOST): Promise<RoomReport | undefined> => (await rooms()).find((each) => each.host === host)

const join = async (host = HOST, pod?: SigningPod) => {
  const keys = await newKeys((pod ?? (await SigningPod.create())).identity().signingKey)
  const connected = await shim.connect(host, keys)
  await connected.tab.join({ did: `did:web:${host}` })
  await vi.waitFor(async () => expect(await room(host)).toMatchObject({ online: true }))
  return { ...connected, keys }
}
const write = async (tab: TestTab, pod: SigningPod): Promise<void> => {
  const [event, body] = pod.next(await (pod.repo ? pod.write([create('a.b.c', `k${pod.event}`, { text: 'hi' })]) : pod.begin()))
  tab.send({ t: 'event', event, size: body.length }, body)
  expect(await tab.next('accepted')).toMatchObject({ event })
}

describe('the list', () => {
  test('shows each room with a pod: whose it is, whether its tab is open, what it holds', async () => {
    const pod = await SigningPod.create()
    const { tab, socket } = await join(HOST, pod)
    await join('alice.pods.example')
    await write(tab, pod)
    expect(await rooms()).toMatchObject([
      { host: 'alice.pods.example', did: 'did:web:alice.pods.example', online: true, subscribers: 0, kick: null },
      { host: HOST, did: 'did:web:pod.example', handle: 'alice.test', standing: 'active', online: true },
    ])
    await shim.leave(HOST, socket)
    await vi.waitFor(async () => expect(await room()).toMatchObject({ online: false, rev: pod.head().rev }))
    expect((await room())!.bytes).toBeGreaterThan(500)
    expect((await room())!.seenAt).toBeGreaterThan(Date.now() - 60_000)
  })

  test('knows nothing of a name that was only asked for', async () => {
    await shim.ask('nobody.example', '/xrpc/_health')
    expect(await rooms()).toEqual([])
  })

  test('goes on where a part of it ended, and finds by the start of a name', async () => {
    const registry = shim.port(REGISTRY)
    const report = { at: 1 } as RoomReport
    for (let n = 0; n < ROOMS_PER_PAGE + 5; n += 1) {
      const host = `pod-${String(n).padStart(3, '0')}.example`
      registry.storage.rows.set(`room:${host}`, { ...report, host } as never)
    }
    const first = (await asked(ROOMS_PATH)).body as unknown as RoomList
    const second = (await asked(`${ROOMS_PATH}?after=${first.next}`)).body as unknown as RoomList
    expect([first.rooms.length, second.rooms.length, second.next]).toEqual([ROOMS_PER_PAGE, 5, null])
    expect((await rooms('?prefix=POD-10')).map(({ host }) => host)).toEqual([
      'pod-100.example',
      'pod-101.example',
      'pod-102.example',
      'pod-103.example',
      'pod-104.example',
    ])
  })

  test('hears of a growing room once in a while, also when the room sleeps between its writes', async () => {
    const pod = await SigningPod.create()
    const { tab } = await join(HOST, pod)
    const told = async () => (await room())!.at
    const first = await told()
    for (let n = 0; n < 3; n += 1) {
      await write(tab, pod)
      shim.evict(HOST)
    }
    expect(await told()).toBe(first)
    shim.port(HOST).clockOffsetMs = REPORT_INTERVAL_MS + 1000
    await write(tab, pod)
    await vi.waitFor(async () => expect(await told()).toBeGreaterThan(first))
  })

  test('learns from a room that woke without its tab that the tab is gone', async () => {
    const { socket } = await join()
    // A crash: nobody tells the room, nor the registry.
    shim.port(HOST).connected.delete(socket)
    shim.evict(HOST)
    expect(await room()).toMatchObject({ online: true })
    await shim.ask(HOST, '/xrpc/_health')
    await vi.waitFor(async () => expect(await room()).toMatchObject({ online: false }))
  })

  test('is nobody’s business where no operator has a token', async () => {
    shim = new MemoryShim({ ...ENV, TABPOD_OPERATOR_TOKEN: '' })
    const { tab } = await shim.connect(HOST, await newKeys())
    await tab.join({ did: 'did:web:pod.example' })
    expect([(await asked(ROOMS_PATH)).status, (await asked(OPERATOR_PATH)).status]).toEqual([404, 404])
    expect(shim.ports.has(REGISTRY)).toBe(false)
  })
})

describe('a kick', () => {
  test('sends the tab away with the reason, and shuts the room for a while', async () => {
    const { tab, socket, keys } = await join()
    const { body } = await order(KICK_PATH, { host: HOST, reason: 'Too much of it.', ms: 60_000 })
    expect(body).toMatchObject({ host: HOST, online: false, kick: { reason: 'Too much of it.' } })
    expect(await tab.next('refused')).toMatchObject({ error: 'Kicked', message: 'Too much of it.' })
    expect(socket.closed).toMatchObject({ reason: 'Kicked' })
    shim.evict(HOST)
    const again = await shim.connect(HOST, keys)
    again.tab.send(await signedHello(keys, await again.tab.next('challenge')))
    expect(await again.tab.next('refused')).toMatchObject({ error: 'Kicked' })
    shim.port(HOST).clockOffsetMs = 61_000
    expect(await (await shim.connect(HOST, keys)).tab.join()).toMatchObject({ t: 'welcome' })
  })

  test('can be taken back', async () => {
    const { keys } = await join()
    await order(KICK_PATH, { host: HOST, reason: '', ms: 60_000 })
    expect((await order(READMIT_PATH, { host: HOST })).body).toMatchObject({ kick: null })
    expect(await (await shim.connect(HOST, keys)).tab.join()).toMatchObject({ t: 'welcome' })
  })

  test('changes nothing of what the room holds', async () => {
    const pod = await SigningPod.create()
    const { tab } = await join(HOST, pod)
    await write(tab, pod)
    await order(KICK_PATH, { host: HOST, reason: '', ms: 0 })
    expect(await room()).toMatchObject({ rev: pod.head().rev, did: 'did:web:pod.example' })
  })
})

describe('forgetting', () => {
  test('clears the room, which is free then, and leaves the list without it', async () => {
    const pod = await SigningPod.create()
    const { tab } = await join(HOST, pod)
    await write(tab, pod)
    expect(await order(FORGET_PATH, { host: HOST, confirm: HOST })).toMatchObject({ status: 200, body: {} })
    expect(await tab.next('refused')).toMatchObject({ error: 'Forgotten' })
    expect(await rooms()).toEqual([])
    expect(await (await shim.ask(HOST, '/xrpc/_tabpod/status')).json()).toMatchObject({ bound: false, did: null, rev: null })
    await join(HOST)
  })

  test('works of a pod whose tab is closed, and needs the host name twice', async () => {
    const { socket } = await join()
    await shim.leave(HOST, socket)
    expect(await order(FORGET_PATH, { host: HOST, confirm: 'pod.exampel' })).toMatchObject({ status: 400, body: { error: 'NotConfirmed' } })
    expect(await rooms()).toHaveLength(1)
    await order(FORGET_PATH, { host: HOST, confirm: HOST })
    expect(await rooms()).toEqual([])
  })

  test('of a pod that went by itself meanwhile is told as such', async () => {
    const { tab } = await join()
    const row = shim.port(REGISTRY).storage.rows.get(`room:${HOST}`)!
    tab.send({ t: 'release' })
    await tab.next('released')
    await vi.waitFor(async () => expect(await rooms()).toEqual([]))
    shim.port(REGISTRY).storage.rows.set(`room:${HOST}`, row)
    expect(await order(KICK_PATH, { host: HOST, reason: '', ms: 0 })).toMatchObject({ status: 404, body: { error: 'RoomGone' } })
    expect(await order(LOOK_PATH, { host: HOST })).toMatchObject({ status: 404, body: { error: 'RoomNotFound' } })
  })
})

describe('the operator’s door', () => {
  test('opens to the token alone, and lets no other site read', async () => {
    await join()
    expect(await asked(ROOMS_PATH, {}, null)).toMatchObject({ status: 401, body: { error: 'AuthRequired' } })
    const wrong = await asked(ROOMS_PATH, {}, `${TOKEN}x`)
    expect(wrong).toMatchObject({ status: 401, body: { error: 'AuthFailed' } })
    const right = await asked(ROOMS_PATH)
    expect(right.status).toBe(200)
    for (const { headers } of [wrong, right]) {
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('access-control-allow-origin')).toBeNull()
    }
    for (const path of [KICK_PATH, FORGET_PATH, READMIT_PATH, LOOK_PATH])
      expect((await order(path, { host: HOST, confirm: HOST, reason: '', ms: 0 }, 'guess')).status).toBe(401)
    expect(await room()).toMatchObject({ online: true })
  })

  test('is shut to whoever guesses, for an hour, also when the registry slept; wrong orders are no guesses', async () => {
    for (let n = 0; n < OPERATOR_GUESSES.points; n += 1) expect((await asked(ROOMS_PATH, {}, `guess ${n}`)).status).toBe(401)
    shim.evict(REGISTRY)
    const { status, headers } = await asked(ROOMS_PATH)
    expect([status, Number(headers.get('retry-after')) > 3000]).toEqual([429, true])
    shim.port(REGISTRY).clockOffsetMs = OPERATOR_GUESSES.windowMs + 1000
    expect((await asked(ROOMS_PATH)).status).toBe(200)
  })

  test.each([
    ['no JSON', '{'],
    ['no host', '{}'],
    ['a time that is none', JSON.stringify({ host: HOST, reason: '', ms: -1 })],
    ['a reason that is a book', JSON.stringify({ host: HOST, reason: 'x'.repeat(301), ms: 0 })],
  ])('refuses an order with %s', async (_, body) => {
    expect(await asked(KICK_PATH, { method: 'POST', body })).toMatchObject({ status: 400, body: { error: 'InvalidRequest' } })
  })

  test('refuses what is no order', async () => {
    expect((await asked(KICK_PATH, { method: 'POST', body: 'x'.repeat(10_000) })).status).toBe(413)
    expect((await asked(KICK_PATH)).status).toBe(405)
    expect((await asked(`${OPERATOR_PATH}/else`)).status).toBe(404)
    expect(await order(KICK_PATH, { host: 'nobody.example', reason: '', ms: 0 })).toMatchObject({
      status: 404,
      body: { error: 'RoomNotFound' },
    })
    expect(shim.ports.has('nobody.example')).toBe(false)
  })

  test('what rooms say to each other cannot be said from outside', async () => {
    await join()
    const mark = { 'x-tabpod-inside': '1' }
    const body = JSON.stringify({ host: HOST, report: null })
    for (const path of [
      '/~inside/report',
      '/~inside/forget',
      '/%7Einside/forget',
      '/x/../~inside/forget',
      '//~inside/forget',
      `${OPERATOR_PATH}/../../~inside/forget`,
    ])
      for (const headers of [{}, mark]) {
        for (const host of [HOST, 'any.example']) expect((await shim.ask(host, path, { method: 'POST', body, headers })).status).toBe(404)
        expect((await asked(path, { method: 'POST', body, headers })).status).toBe(404)
      }
    // With the right token, too, the mark is nobody's to bring.
    expect((await asked(ROOMS_PATH, { headers: mark })).status).toBe(404)
    expect((await shim.ask(REGISTRY, '/~inside/report', { method: 'POST', body })).status).toBe(400)
    expect(await room()).toMatchObject({ online: true })
  })
})
