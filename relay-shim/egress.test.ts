import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { FrameOf, RoomFrame, TabFrame } from '../wire/frames.ts'
import {
  CHUNK_BYTES,
  EGRESS_DEADLINE_MS,
  EGRESS_IDLE_MS,
  MAX_EGRESS_IN_FLIGHT,
  MAX_EGRESS_RESPONSE_BYTES,
  STREAM_WINDOW_BYTES,
} from '../wire/limits.ts'
import { Egress } from './egress.ts'
import { Fetches } from './fetches.ts'

const LONG = 3 * STREAM_WINDOW_BYTES
let server: Server
let origin: string
/** What the server does at a path; closed connections are counted. */
const pages: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/echo': (request, response) => void response.end(JSON.stringify(request.headers)),
  '/moved': (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
  '/odd': (_, response) => void response.writeHead(999).end(),
  '/long': (_, response) => void response.end(Buffer.alloc(LONG, 1)),
  '/silent': () => {},
  '/drips': (_, response) => {
    drips.push(response)
    response.write('x')
  },
  '/bomb': (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': String(BOMB.length) }).end(BOMB),
  '/stalls': (_, response) => void response.write('begun'),
  '/breaks': (_, response) => void response.write('begun', () => setTimeout(() => response.destroy(), 20)),
  '/count': (request, response) => {
    let length = 0
    request.on('data', (piece: Buffer) => (length += piece.length))
    request.on('end', () => response.end(`${request.headers['content-length']} ${length}`))
  },
}
let dropped = 0
const drips: ServerResponse[] = []
/** More than an answer may have, in less than a thousandth of it: gzip may have any number of members. */
const MEMBER_BYTES = 64 * 1024 * 1024
const MEMBER = gzipSync(Buffer.alloc(MEMBER_BYTES))
const BOMB = Buffer.concat(Array.from({ length: MAX_EGRESS_RESPONSE_BYTES / MEMBER_BYTES + 1 }, () => MEMBER))
beforeAll(async () => {
  server = createServer((request, response) => {
    response.on('close', () => void (response.writableFinished || (dropped += 1)))
    pages[request.url ?? '']?.(request, response)
  })
  // A client that is still unpacking takes the end of the connection for a broken answer (undici).
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
afterEach(() => void vi.useRealTimers())

/** A tab's view of its fetches. */
class Tab {
  readonly frames: Array<{ readonly head: RoomFrame; readonly payload: Uint8Array }> = []
  readonly fetches: Fetches

  constructor(egress = new Egress({ allowLoopback: true, names: null })) {
    this.fetches = new Fetches(egress, (head, payload = new Uint8Array()) => this.frames.push({ head, payload }))
  }

  ask(path: string, rest: Partial<FrameOf<TabFrame, 'egress'>> = {}, payload = new Uint8Array()): void {
    this.fetches.open({ t: 'egress', id: 1, method: 'GET', url: origin + path, headers: [], body: 'none', ...rest }, payload)
  }

  async next<T extends RoomFrame['t']>(t: T): Promise<{ readonly head: FrameOf<RoomFrame, T>; readonly payload: Uint8Array }> {
    return vi.waitFor(
      () => {
        const found = this.frames.find(({ head }) => head.t === t)
        if (!found) throw new Error(`no ${t} among ${this.frames.map(({ head }) => head.t).join(' ')}`)
        return found as { readonly head: FrameOf<RoomFrame, T>; readonly payload: Uint8Array }
      },
      { timeout: 5000, interval: 5 },
    )
  }

  streamed(): number {
    return this.frames.reduce((sum, { head, payload }) => (head.t === 'body' ? sum + payload.length : sum), 0)
  }
}

test('a short answer comes in one frame; cookies and names of the room do not travel', async () => {
  const tab = new Tab()
  // prettier-ignore
  tab.ask('/echo', { headers: [['accept', 'application/json'], ['cookie', 'a=b'], ['x-forwarded-for', '1.2.3.4']] })
  const { head, payload } = await tab.next('fetched')
  expect(head).toMatchObject({ id: 1, status: 200, body: 'whole' })
  const seen = JSON.parse(new TextDecoder().decode(payload)) as Record<string, string>
  expect(seen).toMatchObject({ accept: 'application/json' })
  expect(seen).not.toHaveProperty('cookie')
  expect(seen).not.toHaveProperty('x-forwarded-for')
})

test('a redirect is handed back, not followed', async () => {
  const tab = new Tab()
  tab.ask('/moved')
  const { head } = await tab.next('fetched')
  expect(head).toMatchObject({ status: 302 })
  expect(Object.fromEntries(head.headers)).toMatchObject({ location: 'http://169.254.169.254/' })
})

test.each([
  ['a status that HTTP does not have', '/odd', 'FetchFailed'],
  ['an address where nobody listens', 'http://127.0.0.1:1/', 'FetchFailed'],
  ['an address that is not public', 'https://10.0.0.1/', 'PrivateAddress'],
])('%s is refused with its name', async (_, url, error) => {
  const tab = new Tab()
  tab.ask('', { url: new URL(url, origin).href })
  expect((await tab.next('unfetched')).head).toMatchObject({ id: 1, error })
})

test('a long answer is sent as far as the window reaches, and goes on with each credit', async () => {
  const tab = new Tab()
  tab.ask('/long')
  expect((await tab.next('fetched')).head).toMatchObject({ body: 'stream' })
  await vi.waitFor(() => expect(tab.streamed()).toBe(STREAM_WINDOW_BYTES))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(tab.streamed()).toBe(STREAM_WINDOW_BYTES)
  for (let sent = STREAM_WINDOW_BYTES; sent < LONG; sent += STREAM_WINDOW_BYTES) {
    tab.fetches.credit(1, STREAM_WINDOW_BYTES)
    await vi.waitFor(() => expect(tab.streamed()).toBe(sent + STREAM_WINDOW_BYTES))
  }
  await vi.waitFor(() => expect(tab.frames.at(-1)?.head).toMatchObject({ t: 'body', of: 'egress-response', id: 1, end: true }))
  expect(tab.streamed()).toBe(LONG)
})

test('a tab that gives up ends the connection to the other server', async () => {
  const tab = new Tab()
  const before = dropped
  tab.ask('/stalls')
  await tab.next('fetched')
  tab.fetches.cancel(1)
  await vi.waitFor(() => expect(dropped).toBe(before + 1))
})

test('an answer that breaks off is cancelled, never ended', async () => {
  const tab = new Tab()
  tab.ask('/breaks')
  expect((await tab.next('cancel')).head).toMatchObject({ of: 'egress-response', id: 1 })
  expect(tab.frames.some(({ head }) => head.t === 'body' && head.end)).toBe(false)
})

test('a body is streamed to the other server, and credited as that takes it', async () => {
  const tab = new Tab()
  tab.ask('/count', { method: 'POST', body: 'stream' })
  for (let sent = 0; sent < STREAM_WINDOW_BYTES; sent += CHUNK_BYTES) tab.fetches.body(1, new Uint8Array(CHUNK_BYTES), false)
  expect((await tab.next('credit')).head).toMatchObject({ of: 'egress-request', id: 1 })
  tab.fetches.body(1, new Uint8Array(), true)
  const { head, payload } = await tab.next('fetched')
  expect([head.status, new TextDecoder().decode(payload)]).toEqual([200, `undefined ${STREAM_WINDOW_BYTES}`])
})

test('silence before the head and in the middle of the answer has an end', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const silent = new Tab()
  silent.ask('/silent')
  const stalling = new Tab()
  stalling.ask('/stalls')
  while (!stalling.frames.some(({ head }) => head.t === 'fetched')) await new Promise((resolve) => setImmediate(resolve))
  vi.advanceTimersByTime(EGRESS_DEADLINE_MS + 1)
  await new Promise((resolve) => setImmediate(resolve))
  expect(silent.frames.at(-1)?.head).toMatchObject({ t: 'unfetched', error: 'FetchTimeout' })
  vi.advanceTimersByTime(EGRESS_IDLE_MS)
  await new Promise((resolve) => setImmediate(resolve))
  expect(stalling.frames.at(-1)?.head).toMatchObject({ t: 'cancel', of: 'egress-response' })
})

test('an answer that comes byte by byte is given up, though it is never silent for long', async () => {
  const tab = new Tab()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  tab.ask('/drips')
  const isGivenUp = (): boolean => tab.frames.some(({ head }) => head.t === 'cancel')
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 500 && !isGivenUp(); turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  for (let drops = 0; drops < 4 && !isGivenUp(); drops += 1) {
    await turns()
    vi.advanceTimersByTime(EGRESS_IDLE_MS * 0.6)
    drips[0]?.write('x')
  }
  await turns()
  expect(tab.frames.at(-1)?.head).toMatchObject({ t: 'cancel', of: 'egress-response' })
})

test('what blows up when it is unpacked counts as what it is then', async () => {
  let streamed = 0
  const cancelled = new Promise<string>((resolve) => {
    const fetches = new Fetches(new Egress({ allowLoopback: true, names: null }), (head, payload = new Uint8Array()) => {
      if (head.t === 'cancel') resolve(head.reason)
      streamed += payload.length
      // A reader who keeps up, and keeps nothing.
      if (head.t === 'body') setImmediate(() => fetches.credit(1, payload.length))
    })
    fetches.open({ t: 'egress', id: 1, method: 'GET', url: `${origin}/bomb`, headers: [], body: 'none' }, new Uint8Array())
  })
  expect(await cancelled).toContain('longer than')
  expect(streamed).toBeGreaterThan(500 * BOMB.length)
  expect(streamed).toBeLessThanOrEqual(MAX_EGRESS_RESPONSE_BYTES)
}, 60_000)

test('too many at once are refused, and an ended uplink frees all of them', async () => {
  const egress = new Egress({ allowLoopback: true, names: null })
  const tab = new Tab(egress)
  for (let id = 1; id <= MAX_EGRESS_IN_FLIGHT; id += 1) tab.ask('/silent', { id })
  tab.ask('/echo', { id: MAX_EGRESS_IN_FLIGHT + 1 })
  expect((await tab.next('unfetched')).head).toMatchObject({ error: 'TooManyFetches' })
  tab.fetches.end()
  await new Promise((resolve) => setTimeout(resolve, 20))
  const next = new Tab(egress)
  next.ask('/echo')
  expect((await next.next('fetched')).head).toMatchObject({ status: 200 })
})
