/** Clients that take their time, on purpose: each connection ends after a time that has a name, and nobody else waits for it. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { BODY_DEADLINE_MS, CHUNK_BYTES, READ_AWAY_DEADLINE_MS, STREAM_WINDOW_BYTES } from '../../wire/limits.ts'
import { RawClient } from '../testing/raw-client.ts'
import type { RequestFrame, TestTab } from '../testing/tab.ts'
import { requestText, RUNTIMES, setStage, type Stage } from './stage.ts'

/** The runtimes' own, for the head of a request (kj and hyper: 15 s). */
const HEAD_DEADLINE_MS = 15_000
/** Two busy cores. */
const SLACK_MS = 10_000
const DOWNLOAD_BYTES = 50 * 1024 * 1024

/** Says `drop` every second until the other side ends it; resolves with how long that took, in ms. */
const trickle = async (port: number, head: string, drop: string): Promise<{ readonly heldMs: number; readonly client: RawClient }> => {
  const client = new RawClient(port)
  const begunAt = performance.now()
  client.write(head)
  const timer = setInterval(() => client.write(drop), 1000)
  await client.closed
  clearInterval(timer)
  return { heldMs: performance.now() - begunAt, client }
}

/** As long a download as the client wants, within the window. */
const download = ({ id }: RequestFrame, tab: TestTab): void => {
  let left = DOWNLOAD_BYTES
  let window = STREAM_WINDOW_BYTES
  const pour = (): void => {
    for (; left > 0 && window >= CHUNK_BYTES; left -= CHUNK_BYTES, window -= CHUNK_BYTES)
      tab.send({ t: 'body', of: 'response', id, end: left === CHUNK_BYTES }, new Uint8Array(CHUNK_BYTES))
  }
  const { onFrame } = tab
  tab.onFrame = (head, payload) => {
    onFrame(head, payload)
    if (head.t !== 'credit' || head.id !== id) return
    window += head.bytes
    pour()
  }
  tab.send({ t: 'response', id, status: 200, headers: [['content-type', 'application/vnd.ipld.car']], body: 'stream' })
  pour()
}

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stage: Stage
  const cancelled: string[] = []
  beforeAll(async () => {
    stage = await setStage(runtime)
    stage.answer = (frame, tab) => {
      if (frame.path.startsWith('/xrpc/big')) download(frame, tab)
      else if (frame.body !== 'stream') tab.answer(frame.id, 'ok')
    }
    stage.tab.onFrame = (head) => {
      if (head.t === 'cancel') cancelled.push(head.reason)
    }
  }, 120_000)
  afterAll(() => stage?.stop())

  const post = (path: string, length: string): string => requestText(stage.host, `POST ${path}`, [length])
  const expectWithin = (heldMs: number, limitMs: number): void => {
    expect(heldMs).toBeGreaterThan(limitMs - 1000)
    expect(heldMs).toBeLessThan(limitMs + SLACK_MS)
  }

  // Side by side: each of them is a wait.
  test.concurrent('a head that comes byte by byte ends with its connection, and so does a connection that says nothing', async () => {
    const [slow, silent] = await Promise.all([
      trickle(stage.room.port, `GET /xrpc/slow HTTP/1.1\r\nHost: ${stage.host}\r\nX: `, 'x'),
      trickle(stage.room.port, '', ''),
    ])
    for (const { heldMs } of [slow, silent]) expectWithin(heldMs, HEAD_DEADLINE_MS)
    expect(stage.asked.map(({ path }) => path)).not.toContain('/xrpc/slow')
  }, 60_000)

  test.concurrent.each([
    ['announced', 'Content-Length: 1000', 'x'],
    ['in chunks', 'Transfer-Encoding: chunked', '1\r\nx\r\n'],
  ])(
    'a body that comes byte by byte, %s, is 408 when its time is over, and the tab hears nothing of it',
    async (_, length, drop) => {
      const { heldMs, client } = await trickle(stage.room.port, post('/xrpc/slow', length), drop)
      expectWithin(heldMs, BODY_DEADLINE_MS)
      expect(await client.answers()).toMatchObject([{ status: 408 }])
      expect(stage.asked.map(({ path }) => path)).not.toContain('/xrpc/slow')
    },
    60_000,
  )

  test.concurrent('a long body that comes byte by byte is given up, and the tab hears so', async () => {
    const { heldMs, client } = await trickle(stage.room.port, post('/xrpc/slow-stream', 'Content-Length: 10000000'), 'x')
    expectWithin(heldMs, BODY_DEADLINE_MS)
    expect(await client.answers()).toMatchObject([{ status: 504 }])
    await vi.waitFor(() => expect(cancelled).toContain('no answer in time'))
  }, 60_000)

  test.concurrent('an answer does not wait for the body of what was refused', async () => {
    const { heldMs, client } = await trickle(stage.room.port, post('/nothing-here', 'Content-Length: 1000'), 'x')
    expect(heldMs).toBeLessThan(READ_AWAY_DEADLINE_MS + SLACK_MS)
    expect(await client.answers()).toMatchObject([{ status: 404 }])
  }, 60_000)

  test.concurrent('a download that is not read ends, and the tab need not hold it ready any more; meanwhile others are served', async () => {
    const client = new RawClient(stage.room.port)
    client.socket.pause()
    client.write(requestText(stage.host, 'GET /xrpc/big'))
    const answered = setInterval(
      () => void fetch(`${stage.room.origin}/xrpc/other`).then((response) => expect(response.status).toBe(200)),
      1000,
    )
    const begunAt = performance.now()
    while (!cancelled.includes('the client stopped reading') && performance.now() - begunAt < BODY_DEADLINE_MS + SLACK_MS)
      await new Promise((resolve) => setTimeout(resolve, 100))
    clearInterval(answered)
    expect(cancelled).toContain('the client stopped reading')
    expectWithin(performance.now() - begunAt, BODY_DEADLINE_MS)
    client.socket.resume()
    await client.closed
    expect(client.heard.length).toBeLessThan(DOWNLOAD_BYTES)
  }, 60_000)
})
