/** Requests that are too long, lie about their length, or mean to be read in two ways. Where a runtime itself says no, its answer is the one expected. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RawClient } from '../testing/raw-client.ts'
import { requestText, RUNTIMES, setStage, type Stage } from './stage.ts'

const PATH = '/xrpc/a.b.c'
const x = (count: number): string => 'x'.repeat(count)
const lines = (count: number, line: (n: number) => string): string[] => Array.from({ length: count }, (_, n) => line(n))
/** Any answer that says no, or none. */
const NO = 'no'
type Expected = number | typeof NO
type Attack = readonly [what: string, line: string, headers: readonly string[], body: string, partykit: Expected, wrangler: Expected]

/** None of these may reach the tab. */
const REFUSED: readonly Attack[] = [
  ['a path of 17,000 characters', `GET ${PATH}?${x(17_000)}`, [], '', 414, 414],
  ['a path of 200,000 characters', `GET ${PATH}?${x(200_000)}`, [], '', 431, 414],
  ['a header of 17,000 characters', `GET ${PATH}`, [`A: ${x(17_000)}`], '', 431, 431],
  ['a header of 200,000 characters', `GET ${PATH}`, [`A: ${x(200_000)}`], '', 431, 431],
  ['129 headers', `GET ${PATH}`, lines(129, (n) => `h${n}: 1`), '', 431, 431],
  ['2,500 headers', `GET ${PATH}`, lines(2500, (n) => `h${n}: 1`), '', 431, 431],
  ['headers of 70,000 characters together', `GET ${PATH}`, lines(7, (n) => `h${n}: ${x(10_000)}`), '', 431, 431],
  ['headers of 300,000 quotes, which JSON doubles', `GET ${PATH}`, lines(30, (n) => `h${n}: ${'"'.repeat(10_000)}`), '', 431, 431],
  ['a method that no pod knows', `BREW ${PATH}`, [], '', 501, 501],
  ['a method of 40 characters', `${'X'.repeat(40)} ${PATH}`, [], '', 501, 501],
  ['TRACE, which would show what proxies have added', `TRACE ${PATH}`, [], '', 501, 501],
  ['CONNECT', 'CONNECT other.example:443', [], '', NO, NO],
  ['a length below zero', `POST ${PATH}`, ['Content-Length: -1'], 'abc', 400, 400],
  ['a length with a sign', `POST ${PATH}`, ['Content-Length: +3'], 'abc', 400, 400],
  ['a length in hexadecimal', `POST ${PATH}`, ['Content-Length: 0x3'], 'abc', NO, 400],
  ['a length beyond all numbers', `POST ${PATH}`, ['Content-Length: 99999999999999999999999'], 'abc', 400, 400],
  ['two lengths', `POST ${PATH}`, ['Content-Length: 3', 'Content-Length: 4'], 'abcd', NO, 400],
  ['a list of lengths', `POST ${PATH}`, ['Content-Length: 3, 4'], 'abcd', NO, 400],
  ['a transfer encoding that is none', `POST ${PATH}`, ['Transfer-Encoding: xchunked'], '3\r\nabc\r\n0\r\n\r\n', NO, 400],
  [
    'two transfer encodings',
    `POST ${PATH}`,
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    '3\r\nabc\r\n0\r\n\r\n',
    NO,
    400,
  ],
  ['chunks that are none', `POST ${PATH}`, ['Transfer-Encoding: chunked'], 'zz\r\nabc\r\n0\r\n\r\n', 400, NO],
  [
    'a chunk with a line of 100,000 characters',
    `POST ${PATH}`,
    ['Transfer-Encoding: chunked'],
    `3;${x(100_000)}\r\nabc\r\n0\r\n\r\n`,
    400,
    NO,
  ],
  ['two hosts', `GET ${PATH}`, ['Host: other.example'], '', NO, NO],
  ['a null byte in a header', `GET ${PATH}`, ['A: b\0c'], '', 400, 400],
  ['a null byte in the path', `GET ${PATH}\0d`, [], '', 400, 400],
  [
    'a socket by POST',
    'POST /xrpc/_tabpod/uplink',
    ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
    '',
    NO,
    400,
  ],
]

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage(runtime)
  }, 120_000)
  afterAll(() => stage?.stop())

  test.each(REFUSED)('%s: is refused, and the tab hears nothing of it', async (_, line, headers, body, partykit, wrangler) => {
    const expected = runtime === 'partykit' ? partykit : wrangler
    const asked = await stage.askedBy(async () => {
      const answer = await stage.say(requestText(stage.host, line, headers, body))
      if (expected === NO) expect(answer?.status ?? 400).toBeGreaterThanOrEqual(400)
      else expect(answer?.status).toBe(expected)
    })
    expect(asked).toEqual([])
  })

  test('a body whose end never comes reaches the tab as one that broke off, never as a shorter one', async () => {
    const asked = await stage.askedBy(async () => {
      const short = requestText(stage.host, `POST ${PATH}`, ['Content-Length: 100', 'Connection: close'], 'abc')
      await Promise.race([stage.say(short), new Promise((resolve) => setTimeout(resolve, 500))])
    })
    expect(asked).toEqual([])
  })

  test('bytes beyond the announced length are no part of the body, nor a request of somebody else', async () => {
    const asked = await stage.askedBy(() => stage.say(requestText(stage.host, `POST ${PATH}`, ['Content-Length: 3'], 'abcGARBAGE')))
    expect(asked.map(({ path, headers }) => [path, Object.fromEntries(headers)['content-length']])).toEqual([[PATH, '3']])
  })

  test('a long body to an address that takes none is not waited for: the answer comes at once, and the connection ends', async () => {
    for (const [path, status] of [
      ['/health', 405],
      ['/nothing-here', 404],
      ['/xrpc/_tabpod/status', 405],
    ] as const) {
      const client = new RawClient(stage.room.port)
      client.write(requestText(stage.host, `POST ${path}`, ['Content-Length: 1000000000'], x(1000)))
      expect(await client.answers()).toMatchObject([{ status }])
      await client.closed
    }
  })

  test('what claims to be compressed passes as it is: the tab sees both bytes and header', async () => {
    const [asked] = await stage.askedBy(() =>
      stage.say(requestText(stage.host, `POST ${PATH}`, ['Content-Encoding: gzip', 'Content-Length: 3'], 'abc')),
    )
    expect(Object.fromEntries(asked!.headers)).toMatchObject({ 'content-encoding': 'gzip', 'content-length': '3' })
  })

  test('a long body that the tab refuses at once is answered, every time, though its client is still sending', async () => {
    stage.answer = ({ id }, tab) => {
      tab.send({ t: 'cancel', of: 'request', id, reason: 'too large' })
      tab.answer(id, 'too large', 413)
    }
    const body = x(5_000_000)
    const statuses: number[] = []
    for (let n = 0; n < 40; n += 1) statuses.push((await fetch(`${stage.room.origin}${PATH}`, { method: 'POST', body })).status)
    expect(statuses).toEqual(Array.from({ length: 40 }, () => 413))
  })
})
