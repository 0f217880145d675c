/** The built room in workerd, that of PartyKit and that of wrangler, with a Node client as its tab: what only the real runtimes can show. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { UPLINK_PROTOCOL } from '../wire/frames.ts'
import { CHUNK_BYTES, STREAM_WINDOW_BYTES } from '../wire/limits.ts'
import { type RealRoom, startRealRoom } from './testing/real-room.ts'
import { connectTab } from './testing/real-tab.ts'
import { create, DID, SigningPod } from './testing/signing-pod.ts'
import { type FakeRelay, startFakeRelay } from './testing/fake-relay.ts'
import { startSmtpSink, type SmtpSink } from './testing/smtp-sink.ts'
import { newKeys, signedHello, TestTab, type TabKeys } from './testing/tab.ts'

const MIB = 1024 * 1024
const BIG_BYTES = 50 * MIB
/** A type that the development server does not compress: compressed answers lose their length. */
const BIG_HEADERS: Array<[string, string]> = [
  ['content-type', 'application/vnd.ipld.car'],
  ['content-length', String(BIG_BYTES)],
]
const TOKEN = 'a-token-of-many-characters'

let dev: RealRoom
let sink: SmtpSink
let relay: FakeRelay
let keys: TabKeys
let tab: TestTab
const sockets: WebSocket[] = []

const connect = async (with_: TabKeys, host = dev.host): Promise<TestTab> => {
  const { tab, socket } = await connectTab(dev, host, with_)
  sockets.push(socket)
  expect(socket.protocol).toBe(UPLINK_PROTOCOL)
  return tab
}

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(dev.origin + path, init)

/** What a pod's worker does with bodies: counts those that come, keeps to the window with those that go. */
const serve = (served: TestTab): void => {
  const uploaded = new Map<number, number>()
  const window = new Map<number, { left: number; wake: () => void }>()
  served.onFrame = (head, payload) => {
    if (head.t === 'credit') {
      const stream = window.get(head.id)
      if (stream) stream.left += head.bytes
      stream?.wake()
    }
    if (head.t !== 'body') return
    const total = (uploaded.get(head.id) ?? 0) + payload.length
    uploaded.set(head.id, total)
    if (head.end) served.answer(head.id, String(total))
    else served.send({ t: 'credit', of: 'request', id: head.id, bytes: payload.length })
  }
  const download = async (id: number): Promise<void> => {
    const stream = { left: STREAM_WINDOW_BYTES, wake: () => {} }
    window.set(id, stream)
    served.send({ t: 'response', id, status: 200, headers: BIG_HEADERS, body: 'stream' })
    for (let sent = 0; sent < BIG_BYTES; sent += CHUNK_BYTES) {
      while (stream.left < CHUNK_BYTES) await new Promise<void>((resolve) => (stream.wake = resolve))
      stream.left -= CHUNK_BYTES
      served.send({ t: 'body', of: 'response', id, end: false }, new Uint8Array(CHUNK_BYTES).fill(sent / CHUNK_BYTES))
    }
    served.send({ t: 'body', of: 'response', id, end: true })
  }
  served.onRequest = (frame, payload) => {
    if (frame.path === '/xrpc/big') void download(frame.id)
    else if (frame.body !== 'stream') served.answer(frame.id, `${frame.method} ${frame.path} ${new TextDecoder().decode(payload)}`)
  }
}

describe.each(['partykit', 'wrangler'] as const)('on %s', (runtime) => {
  beforeAll(async () => {
    sink = await startSmtpSink()
    relay = await startFakeRelay()
    dev = await startRealRoom(runtime, TOKEN, {
      TABPOD_ALLOW_LOOPBACK_EGRESS: 'true',
      TABPOD_BLOB_BUDGET_MB: '1',
      TABPOD_RELAYS: relay.url,
      TABPOD_SMTP_URL: `smtp://pod%40x:p%3Aw@127.0.0.1:${sink.port}/`,
      TABPOD_SMTP_FROM: 'pod@shim.example',
    })
    keys = await newKeys((await SigningPod.create()).identity().signingKey)
    tab = await connect(keys)
    serve(tab)
    await tab.join({ claim: TOKEN })
    await vi.waitFor(async () => expect(await (await get('/xrpc/_tabpod/status')).json()).toMatchObject({ online: true }), 20_000)
  }, 120_000)
  afterAll(async () => {
    for (const socket of sockets) socket.terminate()
    await dev?.stop()
    sink?.stop()
    await relay?.stop()
  })

  describe('the tunnel', () => {
    test('forwards GET and POST with path, query and body as they came', async () => {
      expect(await (await get('/xrpc/a.b.c?x=%2F&x=2')).text()).toBe('GET /xrpc/a.b.c?x=%2F&x=2 ')
      expect(await (await get('/xrpc/a.b.c', { method: 'POST', body: 'body' })).text()).toBe('POST /xrpc/a.b.c body')
    })

    test('400 at once: none is stuck, none gets another’s answer', async () => {
      const texts = await Promise.all(Array.from({ length: 400 }, async (_, n) => (await get(`/xrpc/n${n}`)).text()))
      expect(texts).toEqual(Array.from({ length: 400 }, (_, n) => `GET /xrpc/n${n} `))
    }, 60_000)

    test('50 MB go up in pieces', async () => {
      const response = await get('/xrpc/up', { method: 'POST', body: new Uint8Array(BIG_BYTES) })
      expect([response.status, await response.text()]).toEqual([200, String(BIG_BYTES)])
    }, 60_000)

    test('50 MB come down in pieces, whole, in order and with their length', async () => {
      const response = await get('/xrpc/big')
      expect(response.headers.get('content-length')).toBe(String(BIG_BYTES))
      const bytes = new Uint8Array(await response.arrayBuffer())
      expect(bytes.length).toBe(BIG_BYTES)
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) expect(bytes[at]).toBe((at / CHUNK_BYTES) % 256)
    }, 60_000)
  })

  describe('memory', () => {
    test('a client that stops reading a download does not make the room hold it', async () => {
      const before = await dev.residentBytes()
      const response = await get('/xrpc/big')
      const reader = response.body!.getReader()
      await reader.read()
      // Long enough for a room without backpressure to take all of it in: 50 MB took it under 4 s at a load of 12, unread ones far less.
      await new Promise((resolve) => setTimeout(resolve, 3000))
      const after = await dev.residentBytes()
      await reader.cancel()
      if (before !== null && after !== null) expect(after - before).toBeLessThan(BIG_BYTES / 2)
    }, 30_000)
  })

  describe('blobs', () => {
    test('that had to make room are had from the tab again, and then from the mirror', async () => {
      const host = 'pod.example'
      const pod = await SigningPod.create()
      const owner = await connect(await newKeys(pod.keypair.did()), host)
      await owner.join({ claim: TOKEN })
      // Two do not fit into 1 MB, and one fits the window of a stream.
      const bytes = [1, 2].map((seed) => new Uint8Array(600_000).fill(seed))
      const cids = await Promise.all(bytes.map(async (each) => CID.createV1(0x55, await sha256.digest(each)).toString()))
      for (const [at, cid] of cids.entries()) {
        owner.send({ t: 'blob', id: at + 1, cid, mime: 'image/png', size: 600_000 })
        for (let from = 0; from < 600_000; from += CHUNK_BYTES)
          owner.send({ t: 'body', of: 'blob', id: at + 1, end: false }, bytes[at]!.subarray(from, from + CHUNK_BYTES))
        owner.send({ t: 'body', of: 'blob', id: at + 1, end: true })
        expect(await owner.next('blob-stored')).toMatchObject({ cid })
      }
      const image = (cid: string) => ({ image: { $type: 'blob', ref: CID.parse(cid), mimeType: 'image/png', size: 600_000 } })
      for (const commit of [await pod.begin(), await pod.write(cids.map((cid, at) => create('a.b.c', `k${at}`, image(cid))))]) {
        const [event, body] = pod.next(commit)
        owner.send({ t: 'event', event, size: body.length }, body)
        expect(await owner.next('accepted')).toMatchObject({ event })
      }
      owner.onRequest = ({ id }) => {
        owner.send({ t: 'response', id, status: 200, headers: [['content-length', '600000']], body: 'stream' })
        for (let from = 0; from < 600_000; from += CHUNK_BYTES)
          owner.send({ t: 'body', of: 'response', id, end: false }, bytes[0]!.subarray(from, from + CHUNK_BYTES))
        owner.send({ t: 'body', of: 'response', id, end: true })
      }
      const ask = async () => {
        const { status, headers, body } = await getAs(host, `/xrpc/com.atproto.sync.getBlob?did=${DID}&cid=${cids[0]}`)
        expect([status, headers['content-length'], body.equals(bytes[0]!)]).toEqual([200, '600000', true])
        return headers['x-tabpod-answered-by']
      }
      expect(await ask()).toBe('tab')
      await vi.waitFor(async () => expect(await ask()).toBe('mirror'), 5_000)
    }, 30_000)
  })

  describe('a did:web of another host', () => {
    test('is admitted once its document names key and room, and waits there as arriving until then', async () => {
      const host = `moved.localhost:${dev.port}`
      let pds = 'https://old.example'
      const elsewhere = createServer((_, response) => response.end(JSON.stringify(documentOf())))
      await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
      const did = `did:web:127.0.0.1%3A${(elsewhere.address() as AddressInfo).port}`
      const own = await newKeys((await SigningPod.create()).keypair.did())
      const documentOf = () => ({
        id: did,
        verificationMethod: [{ id: `${did}#atproto`, type: 'Multikey', publicKeyMultibase: own.signingKey.slice('did:key:'.length) }],
        service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: pds }],
      })
      try {
        await (await connect(own, host)).join({ did, standing: 'arriving', claim: TOKEN })
        const early = await connect(own, host)
        early.send(await signedHello(own, await early.next('challenge'), { did }))
        expect(await early.next('refused')).toMatchObject({ error: 'DidMismatch' })
        pds = `http://${host}`
        await (await connect(own, host)).join({ did })
        expect(await status({ host })).toMatchObject({ body: { did } })
      } finally {
        elsewhere.close()
      }
    })
  })

  describe('mail', () => {
    test('goes to the mail server that the operator named, and the tab hears of it', async () => {
      tab.send({ t: 'mail', id: 1, to: 'alice@home.example', purpose: 'reset-password', token: 'ABCDE-FGHIJ' })
      expect(await tab.next('mailed')).toEqual({ t: 'mailed', id: 1 })
      expect(sink.commands).toContain(`AUTH PLAIN ${btoa('\0pod@x\0p:w')}`)
      expect(sink.messages).toEqual([expect.stringContaining(`Subject: A new password for ${dev.host}`)])
    })

    test('that the server will not take is told of, too', async () => {
      sink.replies.set('RCPT', '550 nobody here')
      tab.send({ t: 'mail', id: 2, to: 'nobody@home.example', purpose: 'reset-password', token: 'ABCDE-FGHIJ' })
      expect(await tab.next('mailed')).toMatchObject({ id: 2, error: 'MailRefused' })
      sink.stop()
      tab.send({ t: 'mail', id: 3, to: 'nobody@home.example', purpose: 'reset-password', token: 'ABCDE-FGHIJ' })
      expect(await tab.next('mailed')).toMatchObject({ id: 3, error: 'MailFailed' })
      expect(dev.log()).not.toContain('p%3Aw')
    })
  })

  describe('operations', () => {
    test('a relay is asked to crawl when a pod goes online', async () => {
      await vi.waitFor(() => expect(relay.asked).toContain(dev.host))
    })

    test('rooms that others can reach are limited, those of this machine are not', async () => {
      const path = '/xrpc/com.atproto.server.createSession'
      const forged = (n: number) => ({ 'x-forwarded-for': `1.2.3.${n}`, 'cf-connecting-ip': `1.2.3.${n}` })
      for (let n = 0; n < 30; n += 1) {
        const { status, headers } = await getAs('limited.example', path, forged(n))
        expect([status, headers['ratelimit-remaining']]).toEqual([503, String(29 - n)])
      }
      const { status, headers, body } = await getAs('limited.example', path, forged(31))
      expect([status, JSON.parse(body.toString())]).toMatchObject([429, { error: 'RateLimitExceeded' }])
      expect(Number(headers['retry-after'])).toBeGreaterThan(200)
      expect((await get('/xrpc/a.b.c')).headers.has('ratelimit-limit')).toBe(false)
    })

    test('whoever watches a room learns whether its tab takes requests', async () => {
      expect([(await get('/health')).status, (await get('/ready')).status]).toEqual([200, 200])
      expect([(await getAs('limited.example', '/health')).status, (await getAs('limited.example', '/ready')).status]).toEqual([200, 503])
    })

    test('a client is not sent what it has', async () => {
      const path = `/xrpc/com.atproto.sync.getLatestCommit?did=${DID}`
      const { etag } = (await getAs('pod.example', path)).headers
      const again = await getAs('pod.example', path, { 'if-none-match': etag ?? '' })
      expect([again.status, again.body.length]).toEqual([304, 0])
    })
  })

  describe('routing', () => {
    test('each host name is a room of its own', async () => {
      const other = await status({ host: `other.localhost:${dev.port}` })
      expect(other).toMatchObject({ status: 200, body: { bound: false, host: `other.localhost:${dev.port}` } })
      expect(await status({ host: dev.host.toUpperCase() })).toMatchObject({ body: { bound: true } })
    })

    test('a Host header that is no host name opens no room', async () => {
      expect(await status({ host: '[::1]:1' })).toMatchObject({ status: 400 })
    })

    test('PartyKit’s own doors are closed', async () => {
      expect((await get(`/parties/main/${dev.host}/xrpc/_tabpod/status`)).status).toBe(404)
      expect((await get(`/party/${dev.host}`)).status).toBe(404)
    })

    test('headers that a runtime takes orders from are not taken from clients', async () => {
      for (const [name, value] of [
        ['x-partykit-room', 'other.example'],
        ['x-partykit-props', '{'],
      ] as const) {
        const response = await get('/xrpc/_tabpod/status', { headers: { [name]: value } })
        expect([response.status, await response.json()]).toMatchObject([200, { host: dev.host }])
      }
    })

    test('pages are served, and what is neither page nor protocol is not found', async () => {
      expect(await (await get('/')).text()).toBe('<!doctype html><title>page</title>')
      expect((await get('/nothing-here')).status).toBe(404)
    })

    test('the root says where the IndieAuth server is, to scripts of any origin', async () => {
      const { headers } = await get('/', { method: 'HEAD' })
      expect(headers.get('link')).toBe(
        '</indieauth/metadata>; rel="indieauth-metadata", </indieauth/authorize>; rel="authorization_endpoint", </indieauth/token>; rel="token_endpoint"',
      )
      expect([headers.get('access-control-allow-origin'), headers.get('access-control-expose-headers')]).toEqual(['*', 'Link'])
    })

    test('the service worker has the headers that let it serve the whole origin', async () => {
      const response = await get('/sw.js')
      expect(Object.fromEntries(response.headers)).toMatchObject({ 'service-worker-allowed': '/', 'cache-control': 'no-cache' })
      expect(response.headers.get('content-type')).toMatch(/^text\/javascript/)
    })

    test('sockets are for the uplink and the firehose only', async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${dev.port}/xrpc/other`, { headers: { host: dev.host } })
      await expect(new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))).rejects.toThrow('404')
    })

    test('a socket keeps its address, so a long one is refused', async () => {
      const path = `/xrpc/com.atproto.sync.subscribeRepos?x=${'x'.repeat(4000)}`
      const socket = new WebSocket(`ws://127.0.0.1:${dev.port}${path}`, { headers: { host: dev.host } })
      await expect(new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))).rejects.toThrow('414')
    })

    test('a client that closes its socket hears so at once', async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${dev.port}/xrpc/com.atproto.sync.subscribeRepos`, { headers: { host: dev.host } })
      const closed = new Promise((resolve) => socket.once('close', resolve))
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
      const closedAt = performance.now()
      socket.close(1000)
      expect(await closed).toBe(1000)
      expect(performance.now() - closedAt).toBeLessThan(5_000)
    })

    test('a client cannot pass for the uplink by naming its connection', async () => {
      const path = '/xrpc/com.atproto.sync.subscribeRepos?_pk=uplink'
      const socket = new WebSocket(`ws://127.0.0.1:${dev.port}${path}`, { headers: { host: dev.host } })
      sockets.push(socket)
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
      expect(await (await get('/xrpc/a.b.c')).text()).toBe('GET /xrpc/a.b.c ')
    })

    test('a claimer without the token hears why, and the room stays free', async () => {
      const host = `free.localhost:${dev.port}`
      const stranger = await connect(await newKeys(), host)
      stranger.join().catch(() => {})
      expect(await stranger.next('refused')).toMatchObject({ error: 'ClaimRequired' })
      expect(await status({ host })).toMatchObject({ body: { bound: false } })
    })
  })
})

const getAs: RealRoom['getAs'] = (...asked) => dev.getAs(...asked)

const status = async ({ host }: { readonly host: string }): Promise<{ status: number | undefined; body: unknown }> => {
  const response = await getAs(host, '/xrpc/_tabpod/status')
  return { status: response.status, body: JSON.parse(response.body.toString()) }
}
