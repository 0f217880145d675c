/** Tabs that were admitted and speak the protocol in their own way: what they send ends their connection or is refused, and the room goes on. */
import fc from 'fast-check'
import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeFrame } from '../../wire/codec.ts'
import { encodeEvent } from '../../wire/event.ts'
import { UPLINK_PATH, type TabFrame } from '../../wire/frames.ts'
import {
  CHUNK_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_UNADMITTED,
  MAX_UNCHECKED_BYTES,
  MAX_UPLOADS,
  STREAM_WINDOW_BYTES,
  UPLOAD_IDLE_MS,
} from '../../wire/limits.ts'
import { Room } from '../room.ts'
import { MemoryPort, type MemorySocket } from '../testing/memory-port.ts'
import { DID, SigningPod } from '../testing/signing-pod.ts'
import { newKeys, signedHello, TestTab, type TabKeys } from '../testing/tab.ts'

let port: MemoryPort
let room: Room
let pod: SigningPod
let keys: TabKeys

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

const connect = async (with_ = keys): Promise<Connected> => {
  const socket = port.socket()
  const tab = new TestTab(with_, (bytes) => room.onMessage(socket, bytes))
  socket.send = (bytes) => setImmediate(() => tab.receive(bytes))
  await room.onConnect(socket, new Request(`https://pod.example${UPLINK_PATH}`))
  return { tab, socket }
}
const joined = async (): Promise<Connected> => {
  const connected = await connect()
  await connected.tab.join()
  return connected
}
const get = (path: string, init?: RequestInit): Promise<Response> => room.onRequest(new Request(`https://pod.example${path}`, init))
const codeOf = async (tab: TestTab): Promise<string> => (await tab.next('refused')).error
/** It answers others, and takes a new tab of the same pod. */
const expectSound = async (): Promise<void> => {
  expect((await get('/health')).status).toBe(200)
  const { tab, socket } = await joined()
  tab.onRequest = ({ id }) => tab.answer(id, 'sound')
  expect(await (await get('/xrpc/a.b.c')).text()).toBe('sound')
  room.onClose(socket)
  port.connected.delete(socket)
}

describe('frames', () => {
  test('of any shape and in any order end the connection or do nothing', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const id = fc.oneof(fc.constantFrom(1, 2, 3), fc.maxSafeNat(), fc.integer(), fc.double())
    const number = fc.oneof(fc.maxSafeNat(), fc.constantFrom(-1, 2 ** 53, Infinity, NaN, 0.5), fc.nat(5_000_001))
    const of = fc.constantFrom('request', 'response', 'blob', 'snapshot', 'repair', 'egress-request', 'egress-response', 'x', '__proto__')
    const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'bafy', 'a'.repeat(70_000)))
    const head = fc.oneof(
      fc.record({ t: fc.constantFrom('body'), of, id, end: fc.boolean() }),
      fc.record({ t: fc.constantFrom('credit'), of, id, bytes: number }),
      fc.record({ t: fc.constantFrom('cancel'), of, id, reason: name }),
      fc.record({ t: fc.constantFrom('event'), event: number, size: number }),
      fc.record({ t: fc.constantFrom('event-part'), event: number }),
      fc.record({ t: fc.constantFrom('blob'), id, cid: name, mime: name, size: number }),
      fc.record({ t: fc.constantFrom('snapshot', 'repair'), id, head: fc.record({ rev: name, commit: name, data: name }) }),
      fc.record({
        t: fc.constantFrom('response'),
        id,
        status: number,
        headers: fc.array(fc.tuple(name, name)),
        body: fc.constantFrom('none', 'whole', 'stream'),
      }),
      fc.record({
        t: fc.constantFrom('egress'),
        id,
        method: name,
        url: name,
        headers: fc.array(fc.tuple(name, name)),
        body: fc.constantFrom('none', 'whole', 'stream'),
      }),
      fc.record({ t: fc.constantFrom('documents'), handle: name, documents: fc.dictionary(name, name) }),
      fc.record({ t: fc.constantFrom('ready', 'hello', 'mail', 'relays', 'constructor') }),
      fc.anything(),
    )
    const message = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.tuple(head, fc.uint8Array({ maxLength: 300 })).map(([value, payload]) => encodeFrame(value as TabFrame, payload)),
      },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 12 }), async (messages) => {
        const { tab, socket } = await joined()
        tab.receive = () => {}
        for (const bytes of messages) if (!socket.closed) room.onMessage(socket, bytes)
        await new Promise((resolve) => setImmediate(resolve))
        room.onClose(socket)
        port.connected.delete(socket)
        expect((await get('/health')).status).toBe(200)
      }),
      { numRuns: 150 },
    )
    // Nothing of it was a surprise.
    expect(error.mock.calls.map(([what]) => what)).toEqual([])
    error.mockRestore()
    await expectSound()
  }, 60_000)

  test('above the size of a message are refused', async () => {
    const { tab, socket } = await joined()
    room.onMessage(socket, new Uint8Array(MAX_MESSAGE_BYTES + 1))
    expect(await codeOf(tab)).toBe('BadFrame')
  })

  test('that grant more than was sent end the connection: nobody makes the room send without end', async () => {
    const { tab } = await joined()
    const asked = new Promise<number>((resolve) => (tab.onRequest = ({ id }) => resolve(id)))
    const init: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      body: new Blob([new Uint8Array(4 * STREAM_WINDOW_BYTES)]).stream(),
      duplex: 'half',
    }
    void get('/xrpc/up', init)
    tab.send({ t: 'credit', of: 'request', id: await asked, bytes: Number.MAX_SAFE_INTEGER })
    expect(await codeOf(tab)).toBe('BadFrame')
  })

  test('that credit streams nobody opened do nothing', async () => {
    const { tab } = await joined()
    for (const of of ['request', 'response', 'blob', 'snapshot', 'egress-request', 'egress-response'] as const)
      tab.send({ t: 'credit', of, id: 77, bytes: Number.MAX_SAFE_INTEGER })
    await expectSound()
  })
})

describe('more than the room can hold', () => {
  test('of events that wait to be checked is refused, and the tab may come again', async () => {
    const { tab } = await joined()
    const body = new Uint8Array(CHUNK_BYTES)
    for (let event = 1; event <= MAX_UNCHECKED_BYTES / CHUNK_BYTES + 1; event += 1) tab.send({ t: 'event', event, size: body.length }, body)
    expect(await codeOf(tab)).toBe('Overloaded')
  })

  test('of answers, documents and other small things likewise', async () => {
    const { tab } = await joined()
    // The lane is held by a snapshot that does not come.
    tab.send({ t: 'snapshot', id: 1, head: { rev: '3kaaaaaaaaaaa', commit: 'b', data: 'b' } })
    const documents = { '/x': 'x'.repeat(60_000) }
    for (let n = 0; n < MAX_UNCHECKED_BYTES / 60_000; n += 1) tab.send({ t: 'documents', handle: 'a.test', documents })
    expect(await codeOf(tab)).toBe('Overloaded')
  })

  test('of uploads is refused one by one, and the others go on', async () => {
    const { tab } = await joined()
    for (let id = 1; id <= MAX_UPLOADS + 1; id += 1) tab.send({ t: 'blob', id, cid: `b${id}`, mime: 'a/b', size: 1000 })
    expect(await tab.next('blob-refused')).toMatchObject({ cid: `b${MAX_UPLOADS + 1}`, error: 'TooManyUploads' })
    tab.send({ t: 'body', of: 'blob', id: 1, end: true }, new Uint8Array(1000))
    expect(await tab.next('blob-refused')).toMatchObject({ cid: 'b1', error: 'BadBlob' })
  })
})

describe('what never ends', () => {
  test('a snapshot that stops coming is given up, and the events behind it go on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { tab } = await joined()
    tab.send({ t: 'snapshot', id: 1, head: { rev: '3kaaaaaaaaaaa', commit: 'b', data: 'b' } })
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    await vi.advanceTimersByTimeAsync(UPLOAD_IDLE_MS)
    expect(await tab.next('snapshot-refused')).toMatchObject({ error: 'Interrupted' })
    vi.useRealTimers()
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    expect(await tab.next('accepted')).toMatchObject({ event })
  })

  test('a snapshot of the older tab keeps no newer one out', async () => {
    const older = await joined()
    older.tab.send({ t: 'snapshot', id: 1, head: { rev: '3kaaaaaaaaaaa', commit: 'b', data: 'b' } })
    const newer = await connect()
    expect(await newer.tab.join()).toMatchObject({ t: 'welcome' })
    expect(await codeOf(older.tab)).toBe('Replaced')
  })

  test('and a stranger, who is not admitted, interrupts nobody', async () => {
    const { tab } = await joined()
    tab.send({ t: 'snapshot', id: 1, head: { rev: '3kaaaaaaaaaaa', commit: 'b', data: 'b' } })
    const strangers = await newKeys()
    const stranger = await connect(strangers)
    stranger.tab.send(await signedHello(strangers, await stranger.tab.next('challenge')))
    expect(await codeOf(stranger.tab)).toBe('NotYours')
    expect(tab.received.map(({ head }) => head.t)).not.toContain('snapshot-refused')
  })

  test('connections that say nothing make room for one that does', async () => {
    const silent: Connected[] = []
    for (let n = 0; n < MAX_UNADMITTED + 5; n += 1) silent.push(await connect())
    expect(await codeOf(silent[0]!.tab)).toBe('TooManyConnections')
    expect(silent.at(-1)!.socket.closed).toBeNull()
    await expectSound()
  })
})

describe('bombs', () => {
  const nested = (depth: number): Uint8Array => {
    const bytes = new Uint8Array(depth + 1).fill(0x81)
    bytes[depth] = 0xf6
    return bytes
  }
  /** CBOR heads that promise far more than comes. */
  const promising = (major: number): Uint8Array => Uint8Array.of(major | 27, 0, 0, 0, 0x7f, 255, 255, 255, 255)

  test.each([
    ['nested a million deep', nested(1_000_000)],
    ['a list of 2^39 items', promising(0x80)],
    ['a map of 2^39 entries', promising(0xa0)],
    ['a text of 2^39 bytes', promising(0x60)],
    ['bytes of 2^39', promising(0x40)],
    ['a tag of a tag of a tag', new Uint8Array(100_000).fill(0xc6)],
    ['no CBOR', Uint8Array.of(0xff, 0xff)],
    ['of an unknown kind', encode({ kind: 'x' })],
    ['with a CID that is no SHA-256', encode({ kind: 'sync', did: DID, rev: 'x', blocks: new Uint8Array(10) })],
  ])('an event %s is rejected, and the next one counts', async (_, body) => {
    const { tab } = await joined()
    const parts = Math.ceil(body.length / CHUNK_BYTES)
    tab.send({ t: 'event', event: 1, size: body.length }, body.slice(0, CHUNK_BYTES))
    for (let part = 1; part < parts; part += 1)
      tab.send({ t: 'event-part', event: 1 }, body.slice(part * CHUNK_BYTES, (part + 1) * CHUNK_BYTES))
    expect((await tab.next('rejected')).error).toMatch(/^(BadEvent|OutOfSync)$/)
    const [event, good] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: good.length }, good)
    expect(await tab.next('accepted')).toMatchObject({ event })
  })

  test.each([
    [
      'of another hash',
      CID.createV1(0x71, { code: 0x13, size: 64, digest: new Uint8Array(64), bytes: Uint8Array.of(0x13, 64, ...new Uint8Array(64)) }),
    ],
    [
      'of another codec',
      CID.createV1(0x70, { code: 0x12, size: 32, digest: new Uint8Array(32), bytes: Uint8Array.of(0x12, 32, ...new Uint8Array(32)) }),
    ],
    [
      'that holds its bytes itself',
      CID.createV1(0x55, { code: 0, size: 3, digest: new Uint8Array(3), bytes: Uint8Array.of(0, 3, 0, 0, 0) }),
    ],
  ])('a commit with a CID %s is rejected by a code', async (_, cid) => {
    const { tab } = await joined()
    const body = encodeEvent({
      kind: 'commit',
      repo: DID,
      commit: cid,
      rev: '3kaaaaaaaaaaa',
      since: null,
      ops: [],
      blocks: new Uint8Array(10),
      blobs: [],
    })
    tab.send({ t: 'event', event: 1, size: body.length }, body)
    expect((await tab.next('rejected')).error).not.toBe('InternalServerError')
  })

  test.each([
    ['a length beyond all blocks', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)],
    ['a header nested deep', Uint8Array.of(0xff, 0x07, ...nested(1022))],
    ['a header of nothing', Uint8Array.of(0)],
    ['a block larger than any', Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0x7f)],
  ])('a snapshot with %s is refused', async (_, bytes) => {
    const { tab } = await joined()
    tab.send({ t: 'snapshot', id: 1, head: { rev: '3kaaaaaaaaaaa', commit: 'b', data: 'b' } })
    tab.send({ t: 'body', of: 'snapshot', id: 1, end: true }, bytes)
    expect((await tab.next('snapshot-refused')).error).toBe('BadBlocks')
  })
})
