/** Headers on their way into the tunnel and out of it. Who may say what: docs/protocol.md, "Requests". */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HeaderList } from '../../wire/frames.ts'
import type { RawAnswer } from '../testing/raw-client.ts'
import { requestText, RUNTIMES, setStage, type Stage } from './stage.ts'

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage(runtime)
  }, 120_000)
  afterAll(() => stage?.stop())

  describe('of a client', () => {
    const seenOf = async (headers: readonly string[], path = '/xrpc/a.b.c'): Promise<Record<string, string>> => {
      const asked = await stage.askedBy(() => stage.say(requestText(stage.host, `GET ${path}`, headers)))
      return Object.fromEntries(asked[0]?.headers ?? [])
    }

    test('that speak for a proxy, the runtime or the room do not reach the tab', async () => {
      const forged =
        'X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Prefix Forwarded Via X-Real-IP True-Client-IP Client-IP X-Client-IP X-Cluster-Client-IP ' +
        'Fastly-Client-IP CF-Connecting-IP CF-IPCountry X-Original-URL X-Rewrite-URL X-Tabpod-Answered-By X-Tabpod-Key X-Partykit-Props MF-Loopback TE Trailer ' +
        'Keep-Alive Proxy-Authorization Expect'
      expect(Object.keys(await seenOf([...forged.split(' ').map((name) => `${name}: 1`), 'Accept: x']))).toEqual([
        'accept',
        'accept-encoding',
      ])
    })

    // The proxy of `wrangler dev` swallows Connection before the room can see what it names.
    test.skipIf(runtime === 'wrangler')(
      'that Connection names are about this connection, and go no further (wrangler dev hides Connection from the room)',
      async () => {
        const seen = await seenOf(['Connection: close, X-Hop', 'X-Hop: 1', 'X-End: 1'])
        expect(seen).toMatchObject({ 'x-end': '1' })
        expect(seen).not.toHaveProperty('x-hop')
      },
    )

    test('that come twice are one list, so that neither hides behind the other', async () => {
      expect(await seenOf(['Authorization: Bearer a', 'Authorization: Bearer b'])).toMatchObject({ authorization: 'Bearer a, Bearer b' })
    })

    test('with names of an object’s own are names like others', async () => {
      const seen = await stage.askedBy(() => stage.say(requestText(stage.host, 'GET /xrpc/a.b.c', ['__proto__: x', 'constructor: y'])))
      expect(seen[0]?.headers).toEqual(
        expect.arrayContaining([
          ['__proto__', 'x'],
          ['constructor', 'y'],
        ]),
      )
    })

    test('that go on in the next line, or hide a line break, make no second header', async () => {
      for (const line of ['A: b\r\n C: d', 'A: b\rC: d', 'A: b\nC: d']) {
        const asked = await stage.askedBy(() => stage.say(requestText(stage.host, 'GET /xrpc/fold', [line])))
        for (const { headers } of asked) for (const [, value] of headers) expect(value).not.toMatch(/[\r\n]/)
      }
    })

    test('a cookie reaches the tab only if it is one that the room writes, no other beside it, and that of FedCM where it is for', async () => {
      const both = 'Cookie: a=b; __Host-tabpod-device=dev-1.x; __Host-tabpod-fedcm=dev-1.y; c=d'
      for (const path of ['/xrpc/a.b.c', '/oauth/authorize', '/account', '/indieauth/token'])
        expect([path, (await seenOf([both], path))['cookie']]).toEqual([path, '__Host-tabpod-device=dev-1.x'])
      expect(await seenOf([both], '/fedcm/accounts')).toMatchObject({ cookie: '__Host-tabpod-device=dev-1.x; __Host-tabpod-fedcm=dev-1.y' })
      expect(await seenOf(['Cookie: __Host-tabpod-fedcm=a; __Host-tabpod-fedcm=b'], '/fedcm/accounts')).not.toHaveProperty('cookie')
      for (const cookies of [
        'a=b',
        'tabpod-device=1',
        'x__Host-tabpod-device=1',
        '__Host-tabpod-device=1; __Host-tabpod-device=2',
        '__Host-tabpod-device="1"',
        '__Host-tabpod-device=',
        `__Host-tabpod-device=${'x'.repeat(161)}`,
      ]) {
        expect(await seenOf([`Cookie: ${cookies}`]), cookies).not.toHaveProperty('cookie')
      }
    })

    test('cookies of other services of the host cost nothing, however many they are', async () => {
      const crumbs = Array.from({ length: 100 }, (_, n) => `Cookie: c${n}=${'x'.repeat(100)}`)
      expect(await seenOf([...crumbs, 'Accept: x'])).not.toHaveProperty('cookie')
    })
  })

  describe('of a tab', () => {
    const answeredWith = async (headers: HeaderList, status = 200): Promise<RawAnswer | null> => {
      const { answer } = stage
      stage.answer = ({ id }, tab) => tab.send({ t: 'response', id, status, headers, body: 'whole' }, new TextEncoder().encode('body'))
      try {
        return await stage.say(requestText(stage.host, 'GET /xrpc/a.b.c', ['Connection: close']))
      } finally {
        stage.answer = answer
      }
    }

    test('that a browser would keep for the whole host, or a proxy take for an order, do not reach the client', async () => {
      const refused: HeaderList = [
        ['set-cookie', 'a=b; Domain=example'],
        ['strict-transport-security', 'max-age=0'],
        ['clear-site-data', '"*"'],
        ['service-worker-allowed', '/'],
        ['nel', '{}'],
        ['report-to', '{}'],
        ['alt-svc', 'h3=":443"'],
        ['x-accel-redirect', '/internal'],
        ['x-sendfile', '/etc/passwd'],
        ['cdn-cache-control', 'max-age=1'],
        ['cf-cache-status', 'HIT'],
        ['server', 'evil'],
        ['content-encoding', 'gzip'],
        ['transfer-encoding', 'chunked'],
        ['connection', 'close, x-hop'],
        ['x-hop', '1'],
        ['x-tabpod-mirror-rev', 'x'],
      ]
      const answer = await answeredWith([...refused, ['content-length', '1'], ['x-tabpod-answered-by', 'mirror']])
      expect(answer).toMatchObject({ status: 200, body: 'body', headers: { 'x-tabpod-answered-by': 'tab' } })
      for (const [name] of refused) expect(answer?.headers[name] ?? null).toBeOneOf([null, 'close'])
    })

    test('that are about its own answer do: a page’s policy, where to go, who may read it', async () => {
      const own: HeaderList = [
        ['content-security-policy', "default-src 'none'"],
        ['location', 'https://app.example/'],
        ['access-control-allow-origin', 'https://app.example'],
        ['cache-control', 'no-store'],
        ['www-authenticate', 'DPoP'],
        ['x-note', 'caf\u00e9'],
      ]
      expect((await answeredWith(own, 401))?.headers).toMatchObject({
        'content-security-policy': "default-src 'none'",
        'www-authenticate': 'DPoP',
      })
    })

    test('a browser is given two cookies, of which the tab names the values and nothing else', async () => {
      const cookieFor = async (value: string) => (await answeredWith([['x-tabpod-device', value]]))?.headers['set-cookie']
      expect(await cookieFor('dev-1.x')).toBe('__Host-tabpod-device=dev-1.x; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=34560000')
      expect(await cookieFor('')).toBe('__Host-tabpod-device=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0')
      for (const value of ['a; Domain=example', 'a, b=c', 'a b', 'a=b', '"a"', 'x'.repeat(161)])
        expect(await cookieFor(value), value).toBeUndefined()
      const answer = await answeredWith([
        ['x-tabpod-device', 'first'],
        ['set-cookie', 'a=b'],
        ['X-Tabpod-Device', 'second'],
      ])
      expect(answer?.headers['set-cookie']).toBe('__Host-tabpod-device=second; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=34560000')
      expect(answer?.headers).not.toHaveProperty('x-tabpod-device')
      const other = await answeredWith([['x-tabpod-fedcm', 'dev-1.y']])
      expect(other?.headers['set-cookie']).toBe('__Host-tabpod-fedcm=dev-1.y; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=34560000')
      expect(other?.headers).not.toHaveProperty('x-tabpod-fedcm')
    })

    test.each([
      ['a line break in a value', 'a', 'b\r\nset-cookie: c=d'],
      ['characters that are line breaks when they are cut to bytes', 'a', 'b\u010d\u010aset-cookie: c=d'],
      ['a null byte', 'a', 'b\0c'],
      ['characters beyond bytes', 'a', '😀'],
      ['a line break in a name', 'a\r\nb', 'c'],
      ['a colon in a name', 'a:b', 'c'],
      ['no name', '', 'c'],
    ])('with %s are none: 502, and nothing of them', async (_, name, value) => {
      const answer = await answeredWith([[name, value]])
      expect(answer).toMatchObject({ status: 502, body: expect.stringContaining('UpstreamFailure') })
      expect(answer?.headers).not.toHaveProperty('set-cookie')
    })

    test.each([
      ['longer', '500'],
      ['shorter', '50'],
    ])('that announce a %s body than comes end in a broken transfer, never in a body that looks whole', async (_, length) => {
      const { answer } = stage
      stage.answer = ({ id }, tab) => {
        tab.send({
          t: 'response',
          id,
          status: 200,
          headers: [
            ['content-length', length],
            ['content-type', 'video/mp4'],
          ],
          body: 'stream',
        })
        tab.send({ t: 'body', of: 'response', id, end: false }, new Uint8Array(100))
        tab.send({ t: 'body', of: 'response', id, end: true })
      }
      const read = fetch(`${stage.room.origin}/xrpc/a.b.c`).then(async (response) => {
        if (response.status >= 500) throw new Error('the runtime said so before the head was out')
        return (await response.arrayBuffer()).byteLength
      })
      await expect(read).rejects.toThrow()
      stage.answer = answer
    })
  })
})
