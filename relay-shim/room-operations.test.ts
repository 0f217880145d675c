/** The room as its operator sees it: limits, readiness, relays, the age of what it serves. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { UPLINK_PATH } from '../wire/frames.ts'
import { CRAWL_INTERVAL_MS, RELAY_OWNER_LOOK_MS } from '../wire/limits.ts'
import type { RoomSettings } from './settings/settings.ts'
import { Room, SUBSCRIBE_PATH } from './room.ts'
import { type FakeRelay, startFakeRelay } from './testing/fake-relay.ts'
import { MemoryPort, type MemorySocket } from './testing/memory-port.ts'
import { create, SigningPod } from './testing/signing-pod.ts'
import { newKeys, TestTab } from './testing/tab.ts'

let port: MemoryPort
let room: Room
let pod: SigningPod

const open = async (settings: Partial<RoomSettings> = {}): Promise<void> => {
  port = new MemoryPort({ settings })
  room = await Room.open(port)
  pod = await SigningPod.create()
}
beforeEach(() => open())

const connect = async (standing: 'active' | 'vacant' = 'active'): Promise<{ tab: TestTab; socket: MemorySocket; asked: string[] }> => {
  const socket = port.socket()
  const asked: string[] = []
  const tab = new TestTab(await newKeys(pod.identity().signingKey), (bytes) => void setImmediate(() => room.onMessage(socket, bytes)))
  socket.send = (bytes) => void setImmediate(() => tab.receive(bytes))
  await room.onConnect(socket, new Request(`https://pod.example${UPLINK_PATH}`))
  tab.onRequest = ({ id, path }) => {
    asked.push(path)
    tab.answer(id, path)
  }
  await tab.join({ standing })
  await vi.waitFor(async () => expect((await get('/health')).body).toMatchObject({ online: true }))
  return { tab, socket, asked }
}
const get = async (path: string, init?: RequestInit) => {
  const response = await room.onRequest(new Request(`https://pod.example${path}`, init))
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: response.headers.get('content-type')?.startsWith('application/json') ? (JSON.parse(text) as unknown) : text,
  }
}
const leave = (socket: MemorySocket): void => {
  port.connected.delete(socket)
  room.onClose(socket)
}
const write = async (tab: TestTab, commit = pod.write([create('a.b.c', `k${pod.event}`, { text: 'hi' })])): Promise<void> => {
  const [event, body] = pod.next(await commit)
  tab.send({ t: 'event', event, size: body.length }, body)
  expect(await tab.next('accepted')).toMatchObject({ event })
}

describe('limits', () => {
  const CREATE = '/xrpc/com.atproto.repo.createRecord'

  test('a client that asked too often is answered by the room, and its body is read, and the tab hears nothing of it', async () => {
    await open({ rateLimits: 0.001 })
    const { asked } = await connect()
    for (let n = 0; n < 3; n += 1) expect((await get('/xrpc/x.y.z')).headers.get('ratelimit-remaining')).toBe(String(2 - n))
    const request = new Request(`https://pod.example${CREATE}`, { method: 'POST', body: '{}' })
    const refused = await room.onRequest(request)
    expect([refused.status, refused.headers.get('x-tabpod-answered-by'), request.bodyUsed]).toEqual([429, 'room', true])
    expect(refused.headers.get('access-control-allow-origin')).toBe('*')
    expect(refused.headers.get('retry-after')).not.toBeNull()
    expect(asked).toHaveLength(3)
  })

  test('who watches the room is never refused, nor is a preflight', async () => {
    await open({ rateLimits: 0.0001 })
    await get('/xrpc/x.y.z')
    expect((await get('/xrpc/x.y.z')).status).toBe(429)
    for (const path of ['/xrpc/_tabpod/status', '/xrpc/_health', '/health']) expect((await get(path)).status).toBe(200)
    expect((await room.onRequest(new Request('https://pod.example/xrpc/x.y.z', { method: 'OPTIONS' }))).status).toBe(204)
  })

  test('what a commit writes is paid by the account, and told in the answer to the request that wrote it', async () => {
    await open({ rateLimits: 1 })
    const { tab } = await connect()
    await write(tab, pod.begin())
    for (let n = 0; n < 9; n += 1)
      await write(tab, pod.write(Array.from({ length: 75 }, (_, i) => create('a.b.c', `k${pod.event}-${i}`, { text: 'hi' }))))
    tab.onRequest = async ({ id }) => {
      const [event, body] = pod.next(await pod.write([create('a.b.c', 'asked-for', { text: 'hi' })]))
      tab.send({ t: 'event', event, size: body.length }, body)
      tab.answer(id, 'written')
    }
    const { headers } = await get(CREATE, { method: 'POST', body: '{}' })
    // 3,000 less one for the address are fewer than 5,000 less 676 × 3.
    expect([headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).toEqual(['5000', '2972'])
  })
})

describe('/health and /ready', () => {
  const read = async () => {
    const [health, ready] = [await get('/health'), await get('/ready')]
    return [health.status, health.body, ready.status, ready.body]
  }

  test('of a free room: alive, and nobody to write to', async () => {
    expect(await read()).toMatchObject([200, { online: false, rev: null, standing: null }, 503, { ready: false, error: 'NoPodHere' }])
    expect((await get('/ready')).headers.get('retry-after')).toBe('30')
  })

  test('of a vacant pod: a tab is there, but no account', async () => {
    await connect('vacant')
    expect(await read()).toMatchObject([200, { online: true, standing: 'vacant' }, 503, { ready: false, error: 'NoAccountHere' }])
  })

  test('of an open tab: ready; of a closed one: asleep', async () => {
    const { tab, socket } = await connect()
    await write(tab, pod.begin())
    expect(await read()).toMatchObject([200, { online: true, rev: pod.head().rev }, 200, { ready: true, standing: 'active' }])
    leave(socket)
    expect(await read()).toMatchObject([200, { online: false, rev: pod.head().rev }, 503, { ready: false, error: 'PodAsleep' }])
  })

  test('say since when the room is awake: a room that slept is younger', async () => {
    const awakeSince = async () => ((await get('/health')).body as { awakeSince: string }).awakeSince
    const before = await awakeSince()
    expect(new Date(before).toISOString()).toBe(before)
    port.clockOffsetMs = 60_000
    expect(await awakeSince()).toBe(before)
    room = await Room.open(port)
    expect((await awakeSince()) > before).toBe(true)
  })

  test('are asked with GET, and never kept by a cache', async () => {
    const refused = await get('/ready', { method: 'POST' })
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    for (const path of ['/health', '/ready']) expect((await get(path)).headers.get('cache-control')).toBe('no-store')
  })
})

describe('the mirror of a closed tab', () => {
  test('says when the tab was there last, also after the room slept', async () => {
    const { tab, socket } = await connect()
    await write(tab, pod.begin())
    const path = '/xrpc/com.atproto.sync.getLatestCommit?did=did:web:pod.example'
    expect((await get(path)).headers.has('x-tabpod-tab-seen')).toBe(false)
    port.clockOffsetMs = 60_000
    tab.send({ t: 'credit', of: 'request', id: 1, bytes: 1 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    const left = port.now()
    leave(socket)
    port.clockOffsetMs = 3_600_000
    room = await Room.open(port)
    const { headers } = await get(path)
    expect(Math.abs(Date.parse(headers.get('x-tabpod-tab-seen') ?? '') - left)).toBeLessThan(5_000)
    expect(Number(headers.get('x-tabpod-mirror-age'))).toBeGreaterThanOrEqual(3_600)
    expect(headers.get('x-tabpod-mirror-rev')).toBe(pod.head().rev)
  })
})

describe('relays', () => {
  test('find the account active, hours after its tab was closed, in answers that say how old they are', async () => {
    const { tab, socket } = await connect()
    await write(tab, pod.begin())
    leave(socket)
    port.clockOffsetMs += 9 * 3_600_000
    room = await Room.open(port)
    const did = encodeURIComponent('did:web:pod.example')
    const status = await get(`/xrpc/com.atproto.sync.getRepoStatus?did=${did}`)
    expect(status.body).toEqual({ did: 'did:web:pod.example', active: true, rev: pod.head().rev })
    expect(Number(status.headers.get('x-tabpod-mirror-age'))).toBeGreaterThanOrEqual(9 * 3600)
    expect((await get('/xrpc/com.atproto.sync.listRepos')).body).toMatchObject({ repos: [{ did: 'did:web:pod.example', active: true }] })
    const follower = port.socket()
    await room.onConnect(follower, new Request(`https://pod.example${SUBSCRIBE_PATH}?cursor=0`))
    await vi.waitFor(() => expect([follower.sent.length, follower.closed]).toEqual([1, null]))
  })

  let relay: FakeRelay
  beforeEach(async () => {
    relay = await startFakeRelay()
    await open({ relays: [relay.url] })
  })
  afterEach(() => relay.stop())

  test('are asked when a pod goes online, and not again when its worker is replaced', async () => {
    const { socket } = await connect()
    await vi.waitFor(() => expect(relay.asked).toEqual(['pod.example']))
    leave(socket)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(relay.asked).toHaveLength(1)
  })

  test('are asked when a commit goes out that nobody listens to, and not while somebody does', async () => {
    const { tab } = await connect()
    await vi.waitFor(() => expect(relay.asked).toHaveLength(1))
    await write(tab, pod.begin())
    relay.look = { status: 200, body: { hostname: 'pod.example', status: 'active' } }
    port.clockOffsetMs += CRAWL_INTERVAL_MS
    await write(tab)
    await vi.waitFor(() => expect(relay.asked).toHaveLength(2))
    const listener = port.socket()
    await room.onConnect(listener, new Request(`https://pod.example${SUBSCRIBE_PATH}`))
    port.clockOffsetMs += CRAWL_INTERVAL_MS
    await write(tab)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(relay.asked).toHaveLength(2)
    room.onClose(listener)
    await write(tab)
    await vi.waitFor(() => expect(relay.asked).toHaveLength(3))
  })

  test('hear nothing of a pod without an account, even when its owner looks', async () => {
    const { tab } = await connect('vacant')
    tab.send({ t: 'relays', crawl: true })
    expect(await tab.next('relays')).toMatchObject({ relays: [{ url: relay.url, askedAt: null, checkedAt: null }] })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([relay.asked, relay.looks]).toEqual([[], []])
  })

  test('the owner is told how they see the pod: what is known at once, and then what they say now', async () => {
    const { tab } = await connect()
    expect(await tab.next('relays')).toMatchObject({ relays: [{ url: relay.url, status: null, error: null }] })
    relay.look = { status: 200, body: { hostname: 'pod.example', status: 'active', seq: 1 } }
    port.clockOffsetMs += RELAY_OWNER_LOOK_MS
    tab.send({ t: 'relays', crawl: true })
    expect(await tab.next('relays')).toMatchObject({ relays: [{ status: null }] })
    expect(await tab.next('relays')).toMatchObject({ relays: [{ status: 'active', seq: 1 }] })
    expect(relay.asked).toHaveLength(1)
  })

  test('that lack an event are told apart from those that have all', async () => {
    const { tab } = await connect()
    await tab.next('relays')
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    const first = await tab.next('accepted')
    await write(tab)
    const look = async (seq: number) => {
      relay.look = { status: 200, body: { hostname: 'pod.example', status: 'active', seq } }
      port.clockOffsetMs += RELAY_OWNER_LOOK_MS
      tab.send({ t: 'relays', crawl: false })
      await tab.next('relays')
      return (await tab.next('relays')).relays[0]
    }
    const lacking = await look(first.seq)
    expect(lacking?.lacksSince).toBeGreaterThanOrEqual(Math.floor(first.seq / 1000))
    expect((await look((port.now() + 1) * 1000))?.lacksSince).toBeNull()
    // It never had any: what is kept of the first event is its time.
    expect((await look(-1))?.lacksSince).toBe(Math.floor(first.seq / 1000))
  })
})
