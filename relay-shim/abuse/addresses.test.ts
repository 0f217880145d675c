/** Host names and paths that may be read in two ways: which room is meant, and which of its doors. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { STATUS_PATH } from '../../wire/frames.ts'
import { requestText, RUNTIMES, setStage, type Stage } from './stage.ts'

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage(runtime)
  }, 120_000)
  afterAll(() => stage?.stop())

  const statusAs = async (host: string, line = `GET ${STATUS_PATH}`, headers: readonly string[] = []): Promise<unknown> => {
    const answer = await stage.say(requestText(host, line, headers))
    if (answer?.status !== 200) return answer?.status ?? null
    // A page: the name took the path away, too.
    return answer.body.startsWith('{') ? (JSON.parse(answer.body) as { host: string }).host : null
  }

  describe('the Host header', () => {
    test.each([
      ['POD.Example', 'pod.example'],
      ['pod.example:443', 'pod.example'],
      ['pod.example:8443', 'pod.example:8443'],
      ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ])('%s means the room %s', async (written, host) => expect(await statusAs(written)).toBe(host))

    test.each([
      'pod.example.',
      'pod..example',
      '.pod.example',
      '-pod.example',
      'pod_1.example',
      'pod.example:0',
      'pod.example:65536',
      'pod.example:99999999',
      '[::1]',
      '[::ffff:127.0.0.1]:80',
      `${'a.'.repeat(127)}example`,
      `${'a'.repeat(64)}.example`,
      '..',
      'pod.example, other.example',
      'pod example',
      '',
    ])('%s is no name and opens no room', async (written) => expect(Number(await statusAs(written))).toBeGreaterThanOrEqual(400))

    // `wrangler dev` reads what was written as a URL, and writes it anew; what comes out is judged like any other.
    test.each([
      'someone@pod.example',
      'pod.example/other',
      'pod.example#other',
      'pod.example?other',
      'p\u00f6d.example',
      'pod.example\tother',
      '%70od.example',
    ])('%s leads nowhere, or where a URL with it leads', async (written) => {
      const seen = await statusAs(written)
      if (typeof seen === 'string') expect(seen).toBe(new URL(`http://${written}`).host)
      else expect(seen ?? 400).toBeGreaterThanOrEqual(400)
    })

    test('nothing else that names a host is looked at', async () => {
      const headers = ['X-Forwarded-Host', 'X-Host', 'X-Original-Host', 'X-Forwarded-Server'].map((name) => `${name}: other.example`)
      expect(await statusAs('pod.example', `GET ${STATUS_PATH}`, [...headers, 'Forwarded: host=other.example'])).toBe('pod.example')
    })

    test('an absolute address does not overrule it', async () => {
      for (const origin of ['http://other.example', 'https://other.example', 'http://someone@other.example', '//other.example']) {
        const seen = await statusAs('pod.example', `GET ${origin}${STATUS_PATH}`)
        if (typeof seen === 'string') expect(seen).toBe('pod.example')
        else expect(seen).toBeGreaterThanOrEqual(400)
      }
    })
  })

  describe('the path', () => {
    /** However it is written, this room answers for itself, or nobody does. */
    test.each([
      '/parties/main/pod.example/xrpc/_tabpod/status',
      '/party/pod.example/xrpc/_tabpod/status',
      '/parties/TabpodRoom/pod.example/xrpc/_tabpod/status',
      '/parties/tabpod-room/pod.example/xrpc/_tabpod/status',
      '/%70arties/main/pod.example/xrpc/_tabpod/status',
      '/Parties/main/pod.example/xrpc/_tabpod/status',
      '//parties/main/pod.example/xrpc/_tabpod/status',
      '/x/../parties/main/pod.example/xrpc/_tabpod/status',
      '/xrpc/%2e%2e/parties/main/pod.example/xrpc/_tabpod/status',
      '/xrpc/%2e%2e%2fparties/main/pod.example/xrpc/_tabpod/status',
      '/parties%2fmain%2fpod.example%2fxrpc%2f_tabpod%2fstatus',
      '/parties\\main\\pod.example\\xrpc\\_tabpod\\status',
    ])('%s is no door to another room', async (path) => {
      const asked = await stage.askedBy(async () => {
        const answer = await stage.say(requestText(stage.host, `GET ${path}`))
        expect(answer?.body).not.toContain('"pod.example"')
      })
      // What is no file and no door is a pod’s own path, as it was written.
      for (const { path: seen } of asked) expect(seen).toMatch(/^\/xrpc\//)
    })

    test.each([
      ['/xrpc/../xrpc/_tabpod/status', 200],
      ['/xrpc/./_tabpod/status', 200],
      ['/xrpc\\_tabpod\\status', 200],
      ['/XRPC/_tabpod/status', 404],
      ['//xrpc/_tabpod/status', 404],
      ['/xrpc/_tabpod/status?_pk=uplink', 200],
    ])('%s is %s', async (path, status) => {
      expect(await stage.say(requestText(stage.host, `GET ${path}`))).toMatchObject({
        status,
        headers: { 'x-tabpod-answered-by': 'room' },
      })
    })

    test.each([
      '/xrpc/..%2f_tabpod/status',
      '/xrpc//_tabpod/status',
      '/xrpc/_tabpod/status;x',
      '/xrpc/_tabpod/status%00',
      '/xrpc/%5ftabpod/status',
      '/oauth/..%2f..%2fpages/owner.html',
    ])('%s is handed to the tab as it is written: nobody decodes twice', async (path) => {
      const asked = await stage.askedBy(() => stage.say(requestText(stage.host, `GET ${path}`)))
      expect(asked.map(({ path: seen }) => seen)).toEqual([path])
    })

    test.each([
      '/.env',
      '/.dev.vars',
      '/partykit.json',
      '/wrangler.jsonc',
      '/_tabpod/..%2f..%2f.env',
      '/..%5c..%5c.env',
      '/%2e%2e/.env',
      '/dist/room/partykit.js',
    ])('%s shows nothing of the machine', async (path) =>
      expect(await stage.say(requestText(stage.host, `GET ${path}`))).toMatchObject({ status: 404 }),
    )

    test('what a development server shows of its storage is switched off', async () => {
      for (const path of ['/cdn-cgi/explorer', '/cdn-cgi/explorer/api/workers/durable_objects/namespaces', '/cdn-cgi/local/explorer/api'])
        expect(await stage.say(requestText(stage.host, `GET ${path}`))).toMatchObject({ status: 404 })
    })
  })
})
