import { P256Keypair } from '@atproto/crypto'
import { calculateJwkThumbprint } from 'jose'
import { base64url } from 'multiformats/bases/base64'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeEvent } from '../wire/event.ts'
import { recoveryMessage, UPLINK_PATH, type RoomStatus } from '../wire/frames.ts'
import { JOIN_DEADLINE_MS, MAX_SEEN_PER_SECOND, REJOIN_GRACE_MS, REQUEST_DEADLINE_MS } from '../wire/limits.ts'
import { Room, SUBSCRIBE_PATH } from './room.ts'
import { MemoryPort, type MemorySocket } from './testing/memory-port.ts'
import { create, SigningPod } from './testing/signing-pod.ts'
import { newKeys, signedHello, TestTab, type TabKeys } from './testing/tab.ts'

let port: MemoryPort
let room: Room
let keys: TabKeys
let pod: SigningPod

beforeEach(async () => {
  port = new MemoryPort()
  room = await Room.open(port)
  pod = await SigningPod.create()
  keys = await newKeys(pod.identity().signingKey)
})
afterEach(() => void vi.useRealTimers())

interface Connected {
  readonly tab: TestTab
  readonly socket: MemorySocket
}

/** Frames arrive in later tasks, as they do on a wire, and in `room` as it is then. */
const connect = async (with_: TabKeys = keys): Promise<Connected> => {
  const socket = port.socket()
  const tab = new TestTab(with_, (bytes) => void setImmediate(() => room.onMessage(socket, bytes)))
  socket.send = (bytes) => {
    socket.sent.push(bytes)
    setImmediate(() => tab.receive(bytes))
  }
  await room.onConnect(socket, new Request(`https://pod.example${UPLINK_PATH}`))
  tab.onRequest = (frame) => tab.answer(frame.id, `tab: ${frame.path}`)
  return { tab, socket }
}
const get = (path: string, init?: RequestInit): Promise<Response> => room.onRequest(new Request(`https://pod.example${path}`, init))
const status = async (): Promise<RoomStatus> => (await (await get('/xrpc/_tabpod/status')).json()) as RoomStatus
const online = (): Promise<void> => vi.waitFor(async () => expect((await status()).online).toBe(true))
const answeredBy = (response: Response): string | null => response.headers.get('x-tabpod-answered-by')

describe('joining', () => {
  test('challenge, hello, welcome, ready: then requests reach the tab', async () => {
    const { tab } = await connect()
    expect(await tab.join()).toEqual({ t: 'welcome', mirror: null, event: 0, services: { appview: null, plc: null, mail: false } })
    await online()
    expect(await status()).toMatchObject({ bound: true, did: 'did:web:pod.example', handle: 'alice.test', rev: null })
    const response = await get('/xrpc/com.example.method?a=%2F')
    expect([await response.text(), answeredBy(response)]).toEqual(['tab: /xrpc/com.example.method?a=%2F', 'tab'])
  })

  test('a tab that went without a goodbye is given up with the first request it leaves unanswered', async () => {
    const { tab, socket } = await connect()
    await tab.join()
    await online()
    tab.onRequest = () => {}
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const answer = get('/xrpc/com.example.method')
    await vi.advanceTimersByTimeAsync(REQUEST_DEADLINE_MS + 1)
    expect((await answer).status).toBe(504)
    expect(socket.closed).toMatchObject({ reason: 'Silent' })
    await vi.advanceTimersByTimeAsync(REJOIN_GRACE_MS + 1)
    expect((await get('/xrpc/com.example.method')).status).toBe(503)
  })

  test('a pod that is deleted leaves nothing behind, and the address is free for another', async () => {
    const { tab, socket } = await connect()
    await tab.join()
    await online()
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    await tab.next('accepted')
    tab.send({ t: 'release' })
    await tab.next('released')
    expect(await tab.next('refused')).toMatchObject({ error: 'Released' })
    await vi.waitFor(() => expect(socket.closed).not.toBeNull())
    expect(await status()).toMatchObject({ bound: false, did: null, rev: null })
    expect((await get(`/xrpc/com.atproto.sync.getLatestCommit?did=did:web:pod.example`)).status).not.toBe(200)
    room = await Room.open(port)
    const other = await connect(await newKeys((await SigningPod.create()).identity().signingKey))
    expect(await other.tab.join()).toMatchObject({ t: 'welcome', mirror: null, event: 0 })
  })

  test('a tab that was not admitted gets no request, and what it sends is not heard', async () => {
    const { tab, socket } = await connect()
    tab.send({ t: 'ready' })
    expect(await tab.next('refused')).toMatchObject({ error: 'BadFrame' })
    expect(socket.closed).not.toBeNull()
    expect((await status()).online).toBe(false)
  })

  test('a second claimer is refused with a reason and the first stays', async () => {
    const first = await connect()
    await first.tab.join()
    await online()
    const second = await connect(await newKeys())
    second.tab.send(await signedHello(await newKeys(), await second.tab.next('challenge')))
    expect(await second.tab.next('refused')).toMatchObject({ error: 'NotYours' })
    expect(await (await get('/xrpc/x.y.z')).text()).toBe('tab: /xrpc/x.y.z')
  })

  test('a hello recorded on one connection is worth nothing on another', async () => {
    const first = await connect()
    const hello = await signedHello(keys, await first.tab.next('challenge'))
    const second = await connect()
    second.tab.send(hello)
    expect(await second.tab.next('refused')).toMatchObject({ error: 'BadSignature' })
    expect((await status()).bound).toBe(false)
  })

  test('a newer tab of the same pod replaces the older, which hears it', async () => {
    const older = await connect()
    await older.tab.join()
    await online()
    const newer = await connect()
    await newer.tab.join()
    expect(await older.tab.next('refused')).toMatchObject({ error: 'Replaced' })
    expect(older.socket.closed?.reason).toBe('Replaced')
    newer.tab.onRequest = ({ id }) => newer.tab.answer(id, 'newer')
    await online()
    room.onClose(older.socket)
    expect(await (await get('/xrpc/x.y.z')).text()).toBe('newer')
  })

  test('a request the older tab left unanswered is sent to the newer with the same key', async () => {
    const older = await connect()
    await older.tab.join()
    await online()
    const taken = new Promise<string>((resolve) => (older.tab.onRequest = ({ key }) => resolve(key)))
    const response = get('/xrpc/x.y.z', { method: 'POST', body: 'write' })
    const key = await taken
    const newer = await connect()
    newer.tab.onRequest = (frame) => newer.tab.answer(frame.id, `${frame.key} ${frame.retry}`)
    await newer.tab.join()
    expect(await (await response).text()).toBe(`${key} true`)
  })

  test('a tab that does not answer the challenge in time is cut off', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { tab, socket } = await connect()
    vi.advanceTimersByTime(JOIN_DEADLINE_MS)
    expect(await tab.next('refused')).toMatchObject({ error: 'JoinTimeout' })
    expect(socket.closed).not.toBeNull()
  })

  test.each([
    ['an empty message', new Uint8Array(0)],
    ['a head longer than the frame', new Uint8Array([255, 255, 255, 255, 1])],
    ['a head that is no JSON', new Uint8Array([0, 0, 0, 1, 33])],
    ['an unknown frame', new Uint8Array([0, 0, 0, 9, ...new TextEncoder().encode('{"t":"x"}')])],
  ])('%s ends an admitted connection with BadFrame', async (_, bytes) => {
    const { tab, socket } = await connect()
    await tab.join()
    await online()
    room.onMessage(socket, bytes)
    expect(await tab.next('refused')).toMatchObject({ error: 'BadFrame' })
    expect((await status()).online).toBe(false)
  })
})

describe('a pod whose account does not live here yet', () => {
  test.each(['vacant', 'arriving'] as const)('is reached, and tells the world nothing', async (standing) => {
    const { tab } = await connect()
    await tab.join({ standing, documents: { '/.well-known/atproto-did': 'did:web:pod.example' } })
    await online()
    expect(await (await get('/xrpc/com.atproto.server.getSession')).text()).toBe('tab: /xrpc/com.atproto.server.getSession')
    expect(await (await get('/xrpc/com.atproto.sync.getRepo?did=did:web:pod.example')).text()).toMatch(/^tab: /)
    expect(answeredBy(await get('/.well-known/atproto-did'))).toBe('mirror')
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    expect(await tab.next('refused')).toMatchObject({ error: 'BadFrame' })
    expect((await status()).rev).toBeNull()
  })

  test.each([
    ['a snapshot', { t: 'snapshot', id: 1, head: { rev: '3kaaaaaaaaaaa', commit: 'b', data: 'b' } }],
    ['a blob', { t: 'blob', id: 1, cid: 'b', mime: 'text/plain', size: 1 }],
  ] as const)('sends no %s, after a sleep neither', async (_, frame) => {
    const { tab } = await connect()
    await tab.join({ standing: 'arriving' })
    await online()
    room = await Room.open(port)
    tab.send(frame)
    expect(await tab.next('refused')).toMatchObject({ error: 'BadFrame' })
  })

  test('says so while its tab is closed', async () => {
    const { tab, socket } = await connect()
    await tab.join({ standing: 'vacant' })
    await online()
    port.connected.delete(socket)
    room = await Room.open(port)
    const answers = await Promise.all(
      ['/xrpc/com.atproto.sync.getRepo?did=did:web:pod.example', '/xrpc/com.atproto.server.describeServer'].map((path) => get(path)),
    )
    expect(await Promise.all(answers.map(async (each) => [each.status, ((await each.json()) as { error: string }).error]))).toEqual([
      [400, 'RepoNotFound'],
      [503, 'PodAsleep'],
    ])
    expect((await get('/xrpc/_health')).status).toBe(200)
  })

  test('moves in: the same pod comes back under the DID of its account, and as active has a mirror', async () => {
    const vacant = await connect()
    await vacant.tab.join({ standing: 'vacant' })
    const { tab } = await connect()
    await tab.join({ standing: 'active' })
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    expect(await tab.next('accepted')).toMatchObject({ event })
  })
})

describe('a pod that was restored', () => {
  test('takes the room over by its recovery key, and the old tab hears that it was restored elsewhere', async () => {
    const recovery = await P256Keypair.create()
    const old = await connect()
    await old.tab.join({ recoveryKey: recovery.did() })
    await online()
    expect((await status()).recoveryKey).toBe(recovery.did())
    const fresh = await newKeys((await SigningPod.create()).identity().signingKey)
    const { tab } = await connect(fresh)
    const challenge = await tab.next('challenge')
    const did = 'did:web:pod.example'
    const message = recoveryMessage({
      host: challenge.host,
      nonce: challenge.nonce,
      did,
      uplinkKey: await calculateJwkThumbprint(fresh.jwk),
    })
    tab.send(await signedHello(fresh, challenge, { recovery: base64url.baseEncode(await recovery.sign(message)) }))
    expect(await tab.next('welcome')).toMatchObject({ event: 0 })
    expect(await old.tab.next('refused')).toMatchObject({ error: 'RestoredElsewhere' })
    const returned = await connect(keys)
    returned.tab.send(await signedHello(keys, await returned.tab.next('challenge')))
    expect(await returned.tab.next('refused')).toMatchObject({ error: 'RestoredElsewhere' })
  })
})

describe('documents', () => {
  test('of a new handle are served at once, and its #identity goes out', async () => {
    const { tab } = await connect()
    await tab.join()
    await online()
    const [first, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event: first, size: body.length }, body)
    await tab.next('accepted')
    const subscriber = port.socket()
    await room.onConnect(subscriber, new Request(`https://pod.example${SUBSCRIBE_PATH}`))
    const didDoc = { id: 'did:web:pod.example', alsoKnownAs: ['at://new.example'] }
    const identity = encodeEvent({ kind: 'identity', did: 'did:web:pod.example', handle: 'new.example' })
    tab.send({ t: 'documents', handle: 'new.example', documents: { '/xrpc/com.atproto.identity.resolveDid': JSON.stringify({ didDoc }) } })
    tab.send({ t: 'event', event: first + 1, size: identity.length }, identity)
    expect(await tab.next('accepted')).toMatchObject({ event: first + 1 })
    expect(await (await get('/xrpc/com.atproto.repo.describeRepo?repo=new.example')).json()).toMatchObject({
      handle: 'new.example',
      handleIsCorrect: true,
      didDoc,
    })
    expect(await (await get('/xrpc/com.atproto.identity.resolveHandle?handle=new.example')).json()).toEqual({ did: 'did:web:pod.example' })
    expect(await status()).toMatchObject({ handle: 'new.example' })
    expect(Buffer.from(subscriber.sent.at(-1)!).toString('latin1')).toMatch(/#identity.*new\.example/s)
  })
})

describe('events', () => {
  test('an answer is not delivered before the event that was sent ahead of it is in the mirror', async () => {
    const { tab } = await connect()
    await tab.join()
    await online()
    const [event, body] = pod.next(await pod.begin())
    tab.onRequest = ({ id }) => {
      tab.send({ t: 'event', event, size: body.length }, body)
      tab.answer(id, 'written')
    }
    expect(await (await get('/xrpc/x.y.z', { method: 'POST', body: 'x' })).text()).toBe('written')
    expect((await status()).rev).toBe(pod.head().rev)
    expect(await tab.next('accepted')).toMatchObject({ event })
  })

  test('an event may come in parts', async () => {
    const { tab } = await connect()
    await tab.join()
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body.subarray(0, 10))
    tab.send({ t: 'event-part', event }, body.subarray(10, 20))
    tab.send({ t: 'event-part', event }, body.subarray(20))
    expect(await tab.next('accepted')).toMatchObject({ event })
  })

  test('an event that was not begun, or is longer than announced, breaks the protocol', async () => {
    const { tab } = await connect()
    await tab.join()
    tab.send({ t: 'event-part', event: 5 }, new Uint8Array(3))
    expect(await tab.next('refused')).toMatchObject({ error: 'BadFrame' })
    const again = await connect()
    await again.tab.join()
    again.tab.send({ t: 'event', event: 1, size: 2 }, new Uint8Array(3))
    expect(await again.tab.next('refused')).toMatchObject({ error: 'BadFrame' })
  })

  test('a commit by another key is rejected and nothing of it is served', async () => {
    const { tab } = await connect()
    await tab.join()
    const forger = await SigningPod.create()
    const [event, body] = forger.next(await forger.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    expect(await tab.next('rejected')).toMatchObject({ event, error: 'BadSignature' })
    expect((await status()).rev).toBeNull()
  })

  test('what the mirror answers the owner sees, ten times a second at most', async () => {
    const { tab } = await connect()
    await tab.join()
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    await tab.next('accepted')
    const path = '/xrpc/com.atproto.sync.getLatestCommit?did=did:web:pod.example'
    for (let n = 0; n < 3 * MAX_SEEN_PER_SECOND; n += 1) expect(answeredBy(await get(path))).toBe('mirror')
    expect(await tab.next('seen')).toEqual({ t: 'seen', method: 'GET', path, status: 200 })
    const seconds = 2
    expect(tab.received.filter(({ head }) => head.t === 'seen').length).toBeLessThan(seconds * MAX_SEEN_PER_SECOND)
  })

  test('a tab that joins again hears how far the mirror is', async () => {
    const first = await connect()
    await first.tab.join()
    for (const commit of [await pod.begin(), await pod.write([create('app.bsky.feed.post', '3k', { text: 'hi' })])]) {
      const [event, body] = pod.next(commit)
      first.tab.send({ t: 'event', event, size: body.length }, body)
    }
    const second = await connect()
    expect(await second.tab.join()).toMatchObject({ t: 'welcome', mirror: pod.head(), event: 2 })
  })
})

describe('a room that slept', () => {
  test('goes on with the tab that is still connected, without a new challenge', async () => {
    const { tab } = await connect()
    await tab.join()
    await online()
    room = await Room.open(port)
    expect((await status()).online).toBe(true)
    expect(await (await get('/xrpc/x.y.z')).text()).toBe('tab: /xrpc/x.y.z')
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    expect(await tab.next('accepted')).toMatchObject({ event })
  })

  test('does not take a tab for admitted that was only challenged', async () => {
    await connect()
    room = await Room.open(port)
    expect((await status()).online).toBe(false)
  })
})

describe('with the tab closed', () => {
  test('an address without a pod says so', async () => {
    const response = await get('/xrpc/com.atproto.server.getSession')
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([503, 'NoPodHere'])
  })

  test('what needs the tab is 503 with Retry-After, readable across origins', async () => {
    const { tab, socket } = await connect()
    await tab.join()
    await online()
    // A room that slept meanwhile expects nobody back.
    port.connected.delete(socket)
    room = await Room.open(port)
    const response = await get('/xrpc/com.atproto.server.createSession', { method: 'POST', body: '{}' })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('30')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect([await response.json(), answeredBy(response)]).toMatchObject([{ error: 'PodAsleep' }, 'room'])
  })

  test('every answer of the protocol may be read from every origin: of mirror, room and tab, errors included', async () => {
    const { tab } = await connect()
    await tab.join()
    await online()
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    await tab.next('accepted')
    const paths = [
      '/xrpc/com.atproto.sync.getRepo?did=x',
      '/xrpc/_health',
      '/.well-known/did.json',
      '/oauth/nothing',
      '/xrpc/com.example.method',
    ]
    const answers = [...(await Promise.all(paths.map((path) => get(path)))), await get('/xrpc/_health', { method: 'POST' })]
    expect(answers.map(answeredBy)).toEqual(['mirror', 'room', 'mirror', 'tab', 'tab', 'room'])
    for (const { headers } of answers) {
      expect(headers.get('access-control-allow-origin')).toBe('*')
      for (const name of [
        'dpop-nonce',
        'www-authenticate',
        'ratelimit-reset',
        'retry-after',
        'atproto-repo-rev',
        'atproto-content-labelers',
      ])
        expect(headers.get('access-control-expose-headers')?.toLowerCase()).toContain(name)
    }
  })

  test('preflights are answered, with the headers that were asked for', async () => {
    const init = { method: 'OPTIONS', headers: { 'access-control-request-headers': 'authorization,dpop' } }
    const response = await get('/xrpc/com.atproto.repo.createRecord', init)
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization,dpop')
  })

  test('unknown addresses are a page for people and JSON for programs', async () => {
    const page = await get('/nowhere', { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
    const program = await get('/nowhere')
    expect([program.status, await program.json()]).toMatchObject([404, { error: 'NotFound' }])
  })

  test('and they are so while the tab is open too, which is not bothered with them', async () => {
    const { tab } = await connect()
    await tab.join()
    await online()
    const asked: string[] = []
    tab.onRequest = ({ path }) => void asked.push(path)
    const page = await get('/nowhere', { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('content-type'), answeredBy(page)]).toEqual([404, 'text/html; charset=utf-8', 'room'])
    expect(asked).toEqual([])
  })

  test('a request costs no write to storage', async () => {
    const { tab } = await connect()
    await tab.join()
    await online()
    const { writes } = port.storage
    for (const path of ['/xrpc/x.y.z', '/nowhere', '/xrpc/_health']) await get(path)
    expect(port.storage.writes).toBe(writes)
  })
})
