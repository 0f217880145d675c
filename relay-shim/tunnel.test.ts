import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { XrpcError } from '../wire/errors.ts'
import type { RoomFrame } from '../wire/frames.ts'
import {
  CHUNK_BYTES,
  IMPORT_DEADLINE_MS,
  MAX_IN_FLIGHT,
  REJOIN_GRACE_MS,
  REPLAYABLE_BODY_BYTES,
  REQUEST_DEADLINE_MS,
  STREAM_WINDOW_BYTES,
} from '../wire/limits.ts'
import { Tunnel } from './tunnel.ts'
import type { RequestFrame } from './testing/tab.ts'

interface Sent {
  readonly head: RoomFrame
  readonly payload: Uint8Array | undefined
}

let tunnel: Tunnel
let sent: Sent[]
const send = (head: RoomFrame, payload?: Uint8Array): void => void sent.push({ head, payload })
const framesOf = <T extends RoomFrame['t']>(t: T): Array<Extract<RoomFrame, { t: T }>> =>
  sent.map(({ head }) => head).filter((head) => head.t === t) as Array<Extract<RoomFrame, { t: T }>>
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

beforeEach(() => {
  sent = []
  tunnel = new Tunnel(() => Date.now())
  tunnel.ready(send)
})
afterEach(() => void vi.useRealTimers())

const get = (path: string, init: RequestInit = {}): Promise<Response> =>
  tunnel.forward(new Request(`https://pod.example${path}`, init), path)
const post = (path: string, body: BodyInit, headers: Record<string, string> = {}): Promise<Response> =>
  get(path, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
const answer = ({ id }: { readonly id: number }, text: string, status = 200): void =>
  tunnel.receive({ t: 'response', id, status, headers: [['content-type', 'text/plain']], body: 'whole' }, new TextEncoder().encode(text))()
const lastRequest = (): RequestFrame => framesOf('request').at(-1)!
const thrown = (promise: Promise<unknown>): Promise<XrpcError> =>
  promise.then(
    () => Promise.reject(new Error('not thrown')),
    (cause: XrpcError) => cause,
  )
const errorOf = async (response: Response): Promise<unknown> => [response.status, ((await response.json()) as { error: string }).error]
const chunks = (count: number, size = CHUNK_BYTES): ReadableStream<Uint8Array> => {
  let left = count
  return new ReadableStream(
    { pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(size)) : controller.close()) },
    { highWaterMark: 0 },
  )
}

describe('requests and answers', () => {
  test('400 in flight, answered in any order: each client gets its own answer', async () => {
    const responses = Array.from({ length: 400 }, (_, n) => get(`/xrpc/n${n}`))
    await settled()
    const frames = framesOf('request')
    expect(new Set(frames.map(({ id }) => id)).size).toBe(400)
    expect(new Set(frames.map(({ key }) => key)).size).toBe(400)
    for (const frame of frames.toReversed()) answer(frame, frame.path)
    const texts = await Promise.all(responses.map(async (response) => (await response).text()))
    expect(texts).toEqual(Array.from({ length: 400 }, (_, n) => `/xrpc/n${n}`))
  })

  test('a short body travels in the request frame', async () => {
    const response = post('/xrpc/x', '{"a":1}')
    await settled()
    expect(lastRequest()).toMatchObject({ method: 'POST', body: 'whole', retry: false })
    expect(new TextDecoder().decode(sent.at(-1)!.payload)).toBe('{"a":1}')
    answer(lastRequest(), 'ok')
    expect(await (await response).text()).toBe('ok')
  })

  test('forwarding headers of the client do not reach the tab, nor cookies of the tab the client', async () => {
    const response = get('/', {
      headers: { 'x-forwarded-for': '1.2.3.4', 'cf-connecting-ip': '1.2.3.4', 'x-tabpod-answered-by': 'me', authorization: 'Bearer x' },
    })
    await settled()
    expect(lastRequest().headers).toEqual([['authorization', 'Bearer x']])
    const headers: Array<[string, string]> = [
      ['set-cookie', 'a=b'],
      ['content-encoding', 'gzip'],
      ['dpop-nonce', 'n'],
    ]
    tunnel.receive({ t: 'response', id: lastRequest().id, status: 200, headers, body: 'none' }, new Uint8Array())()
    expect([...(await response).headers]).toEqual([['dpop-nonce', 'n']])
  })

  test.each([204, 304])('a status of %s has no body, whatever the tab sends', async (status) => {
    const response = get('/')
    await settled()
    answer(lastRequest(), 'text', status)
    expect(await (await response).text()).toBe('')
  })

  test('an answer to a request that does not exist is ignored', () => answer({ id: 12345 }, 'late'))

  test('headers that are no headers are the tab’s failure, not the room’s', async () => {
    const response = get('/')
    await settled()
    tunnel.receive({ t: 'response', id: lastRequest().id, status: 200, headers: [['bad header', 'x']], body: 'none' }, new Uint8Array())()
    expect(await errorOf(await response)).toEqual([502, 'UpstreamFailure'])
  })

  test('paths and headers that would break the frame are refused before they are sent', async () => {
    expect(await thrown(get(`/${'x'.repeat(20_000)}`))).toMatchObject({ status: 414 })
    expect(await thrown(get('/', { headers: { a: 'x'.repeat(20_000) } }))).toMatchObject({ status: 431 })
    expect(sent).toEqual([])
  })

  test(`request ${MAX_IN_FLIGHT + 1} is turned away, and one more fits when one was answered`, async () => {
    const all = Array.from({ length: MAX_IN_FLIGHT }, () => get('/'))
    await settled()
    expect(await thrown(get('/'))).toMatchObject({ status: 503, error: 'Overloaded', headers: { 'retry-after': '1' } })
    answer(lastRequest(), '')
    await all.at(-1)
    void get('/')
    await settled()
    expect(framesOf('request')).toHaveLength(MAX_IN_FLIGHT + 1)
  })
})

describe('streams', () => {
  test('an upload stops at the window and goes on with credit', async () => {
    void post('/xrpc/up', chunks(16))
    await vi.waitFor(() => expect(framesOf('body')).toHaveLength(STREAM_WINDOW_BYTES / CHUNK_BYTES))
    await settled()
    expect(framesOf('body')).toHaveLength(STREAM_WINDOW_BYTES / CHUNK_BYTES)
    tunnel.credit(lastId(), 2 * CHUNK_BYTES)
    await vi.waitFor(() => expect(framesOf('body')).toHaveLength(STREAM_WINDOW_BYTES / CHUNK_BYTES + 2))
    tunnel.credit(lastId(), 8 * CHUNK_BYTES)
    await vi.waitFor(() => expect(framesOf('body').at(-1)!.end).toBe(true))
    expect(sent.filter(({ head }) => head.t === 'body').reduce((sum, { payload }) => sum + payload!.length, 0)).toBe(16 * CHUNK_BYTES)
  })

  test('a download is credited only as far as the client reads', async () => {
    const response = get('/xrpc/down')
    await settled()
    const { id } = lastRequest()
    tunnel.receive({ t: 'response', id, status: 200, headers: [], body: 'stream' }, new Uint8Array())()
    for (let n = 0; n < STREAM_WINDOW_BYTES / CHUNK_BYTES; n += 1) tunnel.body(id, new Uint8Array(CHUNK_BYTES), false)
    const reader = (await response).body!.getReader()
    await settled()
    const unread = framesOf('credit').length
    expect(unread).toBeLessThanOrEqual(2)
    for (let n = 0; n < 4; n += 1) await reader.read()
    await settled()
    expect(framesOf('credit').length).toBeGreaterThanOrEqual(unread + 3)
    expect(framesOf('credit').length).toBeLessThanOrEqual(unread + 4)
  })

  test('a tab that overruns its window breaks the protocol', async () => {
    void get('/xrpc/down')
    await settled()
    const { id } = lastRequest()
    tunnel.receive({ t: 'response', id, status: 200, headers: [], body: 'stream' }, new Uint8Array())
    tunnel.body(id, new Uint8Array(STREAM_WINDOW_BYTES), false)
    expect(() => tunnel.body(id, new Uint8Array(1), false)).toThrow('overran')
  })

  test('a client that stops reading cancels the tab’s work', async () => {
    const response = get('/xrpc/down')
    await settled()
    const { id } = lastRequest()
    tunnel.receive({ t: 'response', id, status: 200, headers: [], body: 'stream' }, new Uint8Array())()
    tunnel.body(id, new Uint8Array(10), false)
    const reader = (await response).body!.getReader()
    await reader.read()
    await reader.cancel()
    tunnel.body(id, new Uint8Array(10), false)
    await vi.waitFor(() => expect(framesOf('cancel')).toMatchObject([{ of: 'request', id }]))
  })

  test('a client that leaves before the answer cancels the request', async () => {
    const leaving = new AbortController()
    void get('/xrpc/slow', { signal: leaving.signal })
    await settled()
    leaving.abort()
    await vi.waitFor(() => expect(framesOf('cancel')).toMatchObject([{ of: 'request', id: lastId() }]))
  })

  test('a body the tab breaks off ends as an error, never as a short body', async () => {
    const response = get('/xrpc/down')
    await settled()
    const { id } = lastRequest()
    tunnel.receive({ t: 'response', id, status: 200, headers: [], body: 'stream' }, new Uint8Array())()
    tunnel.body(id, new Uint8Array(10), false)
    tunnel.cancelled({ t: 'cancel', of: 'response', id, reason: 'gone' })
    await expect((await response).arrayBuffer()).rejects.toThrow()
  })

  const lastId = (): number => lastRequest().id
})

describe('a broken uplink', () => {
  test('unanswered requests are sent again on the next one, with the same key and retry: true', async () => {
    const response = post('/xrpc/write', 'once')
    await settled()
    const first = lastRequest()
    tunnel.lost()
    tunnel.ready(send)
    expect(lastRequest()).toMatchObject({ key: first.key, retry: true, body: 'whole' })
    expect(framesOf('request')).toHaveLength(2)
    answer(lastRequest(), 'written')
    expect(await (await response).text()).toBe('written')
  })

  test('an answer that has come is not asked for again, though it waits for its turn', async () => {
    const response = get('/')
    await settled()
    const deliver = tunnel.receive({ t: 'response', id: lastRequest().id, status: 200, headers: [], body: 'whole' }, new Uint8Array(3))
    tunnel.lost()
    tunnel.ready(send)
    deliver()
    expect((await (await response).arrayBuffer()).byteLength).toBe(3)
    expect(framesOf('request')).toHaveLength(1)
  })

  test('requests that come while the tab reloads wait for it', async () => {
    tunnel.lost()
    const response = get('/xrpc/x')
    await settled()
    expect(sent).toEqual([])
    tunnel.ready(send)
    expect(lastRequest()).toMatchObject({ path: '/xrpc/x', retry: false })
    answer(lastRequest(), 'ok')
    expect((await response).status).toBe(200)
  })

  test('when no tab comes back in time the client hears when to try again, and later ones hear it at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const response = get('/xrpc/x')
    await settled()
    tunnel.lost()
    vi.advanceTimersByTime(REJOIN_GRACE_MS)
    expect((await response).headers.get('retry-after')).toBe('30')
    expect(await errorOf(await response)).toEqual([503, 'PodAsleep'])
    expect(await thrown(get('/xrpc/x'))).toMatchObject({ status: 503, error: 'PodAsleep' })
  })

  test('a streamed upload cannot be sent again: 503 at once', async () => {
    const response = post('/xrpc/up', chunks(16))
    await vi.waitFor(() => expect(framesOf('body').length).toBeGreaterThan(0))
    tunnel.lost()
    expect(await errorOf(await response)).toEqual([503, 'Interrupted'])
  })

  test('a body that announces no length is replayable up to the limit and streamed above it', async () => {
    void post('/xrpc/a', chunks(REPLAYABLE_BODY_BYTES / CHUNK_BYTES))
    await vi.waitFor(() => expect(lastRequest().body).toBe('whole'))
    void post('/xrpc/b', chunks(REPLAYABLE_BODY_BYTES / CHUNK_BYTES + 1))
    await vi.waitFor(() => expect(lastRequest().body).toBe('stream'))
  })
})

describe('deadlines', () => {
  test('a repo that is imported has more time after its last byte, and while the tab still reads', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const settledPaths: string[] = []
    const paths = ['/xrpc/com.atproto.repo.importRepo', '/xrpc/x.y.z']
    for (const path of paths) void post(path, new Uint8Array(2 * REPLAYABLE_BODY_BYTES)).then(() => settledPaths.push(path))
    for (let n = 0; n < 5; n += 1) await settled()
    const requests = framesOf('request')
    expect(requests).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(REQUEST_DEADLINE_MS - 1000)
    for (const { id } of requests) tunnel.credit(id, CHUNK_BYTES)
    await vi.advanceTimersByTimeAsync(REQUEST_DEADLINE_MS - 1000)
    expect(settledPaths).toEqual([])
    await vi.advanceTimersByTimeAsync(IMPORT_DEADLINE_MS - REQUEST_DEADLINE_MS)
    expect(settledPaths).toEqual(['/xrpc/x.y.z'])
    await vi.advanceTimersByTimeAsync(REQUEST_DEADLINE_MS)
    expect(settledPaths).toEqual(paths.toReversed())
  })

  test('a request the tab does not answer ends in 504 and a cancel', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const response = get('/xrpc/slow')
    await settled()
    vi.advanceTimersByTime(REQUEST_DEADLINE_MS)
    expect(await errorOf(await response)).toEqual([504, 'UpstreamTimeout'])
    expect(framesOf('cancel')).toHaveLength(1)
    answer(lastRequest(), 'too late')
  })

  test('an answer of which nothing more comes is broken off, and the tab hears that nobody waits for it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const response = get('/xrpc/down')
    await settled()
    const { id } = lastRequest()
    tunnel.receive({ t: 'response', id, status: 200, headers: [], body: 'stream' }, new Uint8Array())()
    tunnel.body(id, new Uint8Array(10), false)
    const reader = (await response).body!.getReader()
    expect((await reader.read()).value).toHaveLength(10)
    const next = reader.read()
    next.catch(() => {})
    await settled()
    vi.advanceTimersByTime(REQUEST_DEADLINE_MS)
    await expect(next).rejects.toThrow()
    expect(framesOf('cancel')).toMatchObject([{ of: 'request', id }])
  })

  test('an upload that moves on is not timed out by its length', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const response = post('/xrpc/up', chunks(40))
    for (let n = 0; n < 4; n += 1) {
      for (let turn = 0; turn < 200; turn += 1) await settled()
      vi.advanceTimersByTime(REQUEST_DEADLINE_MS * 0.6)
      tunnel.credit(lastRequest().id, 8 * CHUNK_BYTES)
    }
    for (let turn = 0; turn < 200; turn += 1) await settled()
    expect(framesOf('body').at(-1)!.end).toBe(true)
    answer(lastRequest(), 'all')
    expect((await response).status).toBe(200)
  })
})
