import { decodeFirst } from 'cborg'
import { decodeOptions } from '@ipld/dag-cbor'
import { beforeEach, describe, expect, it } from 'vitest'
import type { PodEvent } from '../../wire/event.ts'
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
    replaying.setState({ role: 'subscriber', cursor: seqs[99]!, sent: seqs[99]! })
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
