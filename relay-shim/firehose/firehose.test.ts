import { decodeFirst } from 'cborg'
import { decodeOptions } from '@ipld/dag-cbor'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { PodEvent } from '../../wire/event.ts'
import {
  MAX_SUBSCRIBERS,
  MAX_SUBSCRIBERS_PER_ADDRESS,
  SUBSCRIBER_BUFFER_BYTES,
  SUBSCRIBER_FLOOR_BYTES,
  SUBSCRIBER_SHARE,
  SUBSCRIBER_STALL_MS,
  SUBSCRIBERS_BUFFER_BYTES,
  UNPROVEN_BYTES,
} from '../../wire/firehose-limits.ts'
import { $message } from '../../lexicons/com/atproto/sync/subscribeRepos.ts'
import { Mirror } from '../mirror/mirror.ts'
import { MemoryPort, type MemorySocket } from '../testing/memory-port.ts'
import { DID, SigningPod, create } from '../testing/signing-pod.ts'
import { Firehose } from './firehose.ts'

interface Message {
  readonly header: { readonly op: number; readonly t?: string }
  readonly body: Record<string, unknown>
}

const read = (frame: Uint8Array): Message => {
  const [header, rest] = decodeFirst(frame, decodeOptions)
  const [body, nothing] = decodeFirst(rest, decodeOptions)
  expect(nothing).toHaveLength(0)
  return { header, body }
}
const seqsOf = (socket: MemorySocket): number[] => socket.sent.map((frame) => read(frame).body.seq as number)

let port: MemoryPort
let firehose: Firehose
beforeEach(async () => {
  port = new MemoryPort()
  firehose = await Firehose.open(port)
})

const append = (event: PodEvent = { kind: 'identity', did: DID, handle: 'alice.test' }): number => {
  const numbered = firehose.number(event)
  void port.storage.put(numbered.rows)
  firehose.broadcast(numbered)
  return numbered.seq
}
const subscribe = (cursor?: number | string) => {
  const socket = port.socket()
  const query = cursor === undefined ? '' : `?cursor=${cursor}`
  return { socket, done: firehose.connect(socket, new Request(`https://pod.example/xrpc/com.atproto.sync.subscribeRepos${query}`)) }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('frames', () => {
  it('are what the lexicon says, for every kind of event', async () => {
    const mirror = await Mirror.open(port, firehose)
    const pod = await SigningPod.create()
    await mirror.bind(pod.identity())
    const { socket } = subscribe()
    await mirror.accept(...pod.next(await pod.begin()))
    await mirror.accept(...pod.next(await pod.write([create('app.bsky.feed.post', 'a', { $type: 'app.bsky.feed.post', text: 'a' })])))
    append()
    append({ kind: 'account', did: DID, active: false, status: 'deactivated' })
    append({ kind: 'sync', did: DID, rev: pod.head().rev, blocks: Uint8Array.of(1) })
    const messages = socket.sent.map(read)
    expect(messages.map(({ header }) => header)).toEqual(
      ['#commit', '#commit', '#identity', '#account', '#sync'].map((t) => ({ op: 1, t })),
    )
    for (const { header, body } of messages) {
      expect($message.safeParse({ $type: `com.atproto.sync.subscribeRepos${header.t}`, ...body }).success, header.t).toBe(true)
    }
    expect(messages[1]?.body).toMatchObject({ blobs: [], rebase: false, tooBig: false, since: messages[0]?.body.rev })
    expect(messages[1]?.body).not.toHaveProperty('kind')
  })
})

describe('the sequence', () => {
  it('is the time in microseconds, and grows even when the clock goes back or the storage is lost', async () => {
    const first = append()
    expect(Math.abs(first / 1000 - Date.now())).toBeLessThan(5_000)
    port.clockOffsetMs = -3_600_000
    expect(append()).toBe(first + 1)
    firehose = await Firehose.open(port)
    expect(append()).toBe(first + 2)
    port = new MemoryPort()
    firehose = await Firehose.open(port)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(append()).toBeGreaterThan(first + 2)
  })
})

describe('a subscriber', () => {
  it('without a cursor gets what is new only', async () => {
    append()
    const { socket, done } = subscribe()
    await done
    const seq = append()
    expect(seqsOf(socket)).toEqual([seq])
    firehose.closed(socket)
    append()
    expect(seqsOf(socket)).toEqual([seq])
  })

  it('gets every event after its cursor exactly once and in order, whatever is written meanwhile', async () => {
    const seqs: number[] = []
    for (let i = 0; i < 700; i++)
      seqs.push(append(i % 50 === 0 ? { kind: 'sync', did: DID, rev: 'x', blocks: new Uint8Array(200_000) } : undefined))
    firehose = await Firehose.open(port)
    let seed = 5
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
    const all: { socket: MemorySocket; cursor: number; done: Promise<void> }[] = []
    for (let i = 0; i < 400; i++) {
      if (i % 20 === 0) {
        const cursor = i === 0 ? 0 : seqs[random(seqs.length)]!
        all.push({ cursor, ...subscribe(cursor) })
      }
      for (let n = random(4); n > 0; n--) seqs.push(append())
      if (random(2)) await turn()
    }
    await Promise.all(all.map(({ done }) => done))
    seqs.push(append())
    for (const { socket, cursor } of all) expect(seqsOf(socket)).toEqual(seqs.filter((seq) => seq > cursor))
  })

  it('goes on after the room slept, live or in the middle of a replay', async () => {
    const seqs = Array.from({ length: 300 }, () => append())
    const live = subscribe()
    const replaying = port.socket()
    replaying.setState({ role: 'subscriber', cursor: seqs[99]!, address: 'unknown', unread: 0 })
    firehose = await Firehose.open(port)
    for (let i = 0; i < 5; i++) await turn()
    seqs.push(append())
    expect(seqsOf(replaying)).toEqual(seqs.slice(100))
    expect(seqsOf(live.socket)).toEqual(seqs.slice(-1))
  })

  it('is told of a cursor from the future, or none at all, and sent away', async () => {
    append()
    for (const [cursor, error] of [
      [(port.now() + 60_000) * 1000, 'FutureCursor'],
      ['abc', 'InvalidRequest'],
    ] as const) {
      const { socket, done } = subscribe(cursor)
      await done
      expect(socket.sent.map(read)).toMatchObject([{ header: { op: -1 }, body: { error } }])
      expect(socket.closed?.code).toBe(1008)
    }
  })

  it('comes to a room that lost its storage with a cursor of the time before: that is no future, and what comes next is for it', async () => {
    const last = append()
    port.storage.rows.clear()
    firehose = await Firehose.open(port)
    port.clockOffsetMs += 10
    const { socket, done } = subscribe(last)
    await done
    const next = append()
    const [info, event] = socket.sent.map(read)
    expect(info).toMatchObject({ header: { op: 1, t: '#info' }, body: { name: 'OutdatedCursor' } })
    expect(event?.body.seq).toBe(next)
    expect(next).toBeGreaterThan(last)
    expect(socket.closed).toBeNull()
  })

  it('is told when events after its cursor were pruned, and gets the oldest kept', async () => {
    const old = append()
    append()
    port.clockOffsetMs = port.settings.firehoseRetentionMs + 1000
    const kept = Array.from({ length: 64 }, () => append())
    await turn()
    await turn()
    const { socket, done } = subscribe(old)
    await done
    const messages = socket.sent.map(read)
    expect(messages[0]).toMatchObject({ header: { op: 1, t: '#info' }, body: { name: 'OutdatedCursor' } })
    const zero = subscribe(0)
    await zero.done
    // From memory it gets even what storage no longer has: nothing is held back that is there.
    expect(seqsOf(zero.socket).slice(-64)).toEqual(kept)
    firehose = await Firehose.open(port)
    const fresh = subscribe(0)
    await fresh.done
    expect(seqsOf(fresh.socket)).toEqual(kept)
  })
})

describe('the size budget', () => {
  const large = (): PodEvent => ({ kind: 'sync', did: DID, rev: 'x', blocks: new Uint8Array(300_000) })
  const keptBytes = () =>
    [...port.storage.rows].reduce((sum, [key, row]) => sum + (key.startsWith('e:') && row instanceof Uint8Array ? row.length : 0), 0)
  const settle = async () => {
    for (let i = 0; i < 20; i++) await turn()
  }

  beforeEach(async () => {
    port = new MemoryPort({ settings: { firehoseBudgetBytes: 4_000_000 } })
    firehose = await Firehose.open(port)
  })

  it('pushes out the oldest events, and a cursor before them is told that it missed some', async () => {
    const seqs: number[] = []
    for (let i = 0; i < 40; i++) {
      seqs.push(append(i % 2 ? large() : undefined))
      await settle()
      expect(keptBytes()).toBeLessThanOrEqual(4_000_000)
    }
    firehose = await Firehose.open(port)
    const { socket, done } = subscribe(seqs[2])
    await done
    const [info, ...rest] = socket.sent.map(read)
    expect(info).toMatchObject({ header: { op: 1, t: '#info' }, body: { name: 'OutdatedCursor' } })
    expect(rest.map(({ body }) => body.seq)).toEqual(seqs.slice(-rest.length))
    expect(rest.length).toBeGreaterThan(20)
    const known = subscribe(rest[3]!.body.seq as number)
    await known.done
    expect(known.socket.sent.map(read).map(({ body }) => body.seq)).toEqual(seqs.slice(-rest.length + 4))
  })

  it('is counted on by a room that lost its memory', async () => {
    for (let i = 0; i < 12; i++) append(large())
    await settle()
    firehose = await Firehose.open(port)
    for (let i = 0; i < 12; i++) append(large())
    await settle()
    expect(keptBytes()).toBeLessThanOrEqual(4_000_000)
    expect(keptBytes()).toBeGreaterThan(3_000_000)
  })

  it('leaves nothing of an event that was cut into pieces', async () => {
    for (let i = 0; i < 60; i++) append(large())
    await settle()
    firehose = await Firehose.open(port)
    const { socket, done } = subscribe(0)
    await done
    const whole = seqsOf(socket).length * Math.ceil(socket.sent[0]!.length)
    expect(keptBytes() - whole).toBeLessThan(300_000)
    expect(keptBytes() - whole).toBeGreaterThanOrEqual(0)
  })

  it('is looked after when the room opens, too, if nothing was said for longer than events are kept', async () => {
    for (let i = 0; i < 8; i++) append(large())
    await settle()
    port.clockOffsetMs = port.settings.firehoseRetentionMs + 1000
    firehose = await Firehose.open(port)
    await settle()
    expect(keptBytes()).toBe(0)
    expect(append()).toBeGreaterThan(0)
    await settle()
    expect(keptBytes()).toBeLessThan(1000)
  })
})

describe('a subscriber that does not read', () => {
  const commit = (bytes: number): PodEvent => ({ kind: 'sync', did: DID, rev: 'x', blocks: new Uint8Array(bytes) })
  const heldBy = (sockets: readonly MemorySocket[]) => sockets.reduce((sum, socket) => sum + (socket.unread() ?? 0), 0)

  it('gets no more than its share, and everything in order once it reads', async () => {
    const { socket } = subscribe()
    socket.reads = false
    const seqs = Array.from({ length: 100 }, () => append(commit(40_000)))
    expect(heldBy([socket])).toBeLessThanOrEqual(SUBSCRIBER_BUFFER_BYTES)
    await turn()
    seqs.push(append())
    socket.reads = true
    await vi.waitFor(() => expect(seqsOf(socket)).toEqual(seqs))
    seqs.push(append())
    expect(seqsOf(socket)).toEqual(seqs)
  })

  it('gets what is already gone from memory from storage', async () => {
    const { socket } = subscribe()
    socket.reads = false
    const seqs = Array.from({ length: 700 }, () => append(commit(20_000)))
    socket.reads = true
    await vi.waitFor(() => expect(seqsOf(socket)).toEqual(seqs), 5_000)
  })

  it('costs no readings of storage while it is waited for', async () => {
    const { socket } = subscribe()
    socket.reads = false
    for (let i = 0; i < 700; i++) append(commit(20_000))
    await turn()
    const list = vi.spyOn(port.storage, 'list')
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(list.mock.calls.length).toBeLessThan(3)
  })

  it('is told ConsumerTooSlow when it has read nothing for long, and holds nobody up', async () => {
    const { socket } = subscribe()
    const reader = subscribe().socket
    socket.reads = false
    const seqs = Array.from({ length: 40 }, () => append(commit(40_000)))
    expect(seqsOf(reader)).toEqual(seqs)
    await turn()
    expect(socket.closed).toBeNull()
    port.clockOffsetMs = SUBSCRIBER_STALL_MS + 1000
    await vi.waitFor(() => expect(socket.closed).toEqual({ code: 1008, reason: 'ConsumerTooSlow' }))
    expect(read(socket.sent.at(-1)!)).toMatchObject({ header: { op: -1 }, body: { error: 'ConsumerTooSlow' } })
    expect(firehose.hasSubscribers).toBe(true)
  })

  it('is told ConsumerTooSlow when what it needs next had to make room', async () => {
    port = new MemoryPort({ settings: { firehoseBudgetBytes: 20_000_000 } })
    firehose = await Firehose.open(port)
    const { socket } = subscribe()
    socket.reads = false
    for (let i = 0; i < 800; i++) {
      append(commit(40_000))
      if (i % 50 === 0) await turn()
    }
    await turn()
    socket.reads = true
    await vi.waitFor(() => expect(socket.closed?.reason).toBe('ConsumerTooSlow'))
  })

  it('is one of a thousand, and together they hold what one room can bear, while those who read get everything', async () => {
    for (let i = 0; i < 100; i++) append(commit(4_000))
    const idle = Array.from({ length: 1000 }, (_, n) => subscribe(n % 2 ? 0 : undefined).socket)
    for (const socket of idle) socket.reads = false
    const reader = subscribe().socket
    const seqs: number[] = []
    for (let i = 0; i < 200; i++) {
      seqs.push(append(commit(4_000)))
      if (i % 10 === 0) await turn()
    }
    expect(heldBy(idle)).toBeLessThanOrEqual(SUBSCRIBERS_BUFFER_BYTES + 1000 * SUBSCRIBER_FLOOR_BYTES)
    await vi.waitFor(() => expect(seqsOf(reader)).toEqual(seqs))
  })

  it('is sent away where the runtime does not tell what was read, once it cannot be trusted with more', async () => {
    const { socket } = subscribe()
    socket.reads = null
    const frame = append(commit(1_000_000))
    expect(seqsOf(socket)).toEqual([frame])
    for (let i = 0; i < 200 && !socket.closed; i++) append(commit(1_000_000))
    expect(socket.closed).toEqual({ code: 1008, reason: 'ConsumerTooSlow' })
    const bytes = socket.sent.reduce((sum, { length }) => sum + length, 0)
    expect(bytes).toBeGreaterThan(20_000_000)
    expect(bytes).toBeLessThanOrEqual(UNPROVEN_BYTES * SUBSCRIBER_SHARE)
  })

  it('goes on not being trusted after the room slept', async () => {
    const { socket } = subscribe()
    socket.reads = null
    for (let i = 0; i < 20; i++) append(commit(1_000_000))
    firehose = await Firehose.open(port)
    for (let i = 0; i < 100 && !socket.closed; i++) append(commit(1_000_000))
    const bytes = socket.sent.reduce((sum, { length }) => sum + length, 0)
    expect(bytes).toBeLessThanOrEqual(UNPROVEN_BYTES * SUBSCRIBER_SHARE)
  })
})

describe('the door', () => {
  const request = (address?: string) =>
    new Request('https://pod.example/xrpc/com.atproto.sync.subscribeRepos', { headers: address ? { 'cf-connecting-ip': address } : {} })

  it('lets in a thousand subscribers and not many more, and somebody again when one leaves', async () => {
    const sockets = Array.from({ length: MAX_SUBSCRIBERS }, () => subscribe().socket)
    expect(() => firehose.admit(request())).toThrow('subscribers already')
    const late = subscribe()
    await late.done
    expect(late.socket.sent.map(read)).toMatchObject([{ header: { op: -1 }, body: { error: 'TooManySubscribers' } }])
    expect(late.socket.closed?.code).toBe(1013)
    firehose.closed(sockets[0]!)
    expect(() => firehose.admit(request())).not.toThrow()
  })

  it('lets one address in only so often, where addresses are known, also after the room slept', async () => {
    port = new MemoryPort({ settings: { trustedProxy: 'cloudflare' } })
    firehose = await Firehose.open(port)
    for (let n = 0; n < MAX_SUBSCRIBERS_PER_ADDRESS; n++) void firehose.connect(port.socket(), request('192.0.2.1'))
    firehose = await Firehose.open(port)
    expect(() => firehose.admit(request('192.0.2.1'))).toThrow('Your address')
    expect(() => firehose.admit(request('192.0.2.2'))).not.toThrow()
    expect(() => firehose.admit(request())).not.toThrow()
  })
})
