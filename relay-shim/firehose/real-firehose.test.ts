/** The firehose of the built room under `partykit dev` and `wrangler dev`: what only real sockets can show. */
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeOptions } from '@ipld/dag-cbor'
import { Firehose as Consumer } from '@atproto/sync'
import type { IdResolver } from '@atproto/identity'
import { decodeFirst } from 'cborg'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { PodEvent } from '../../wire/event.ts'
import { MAX_SUBSCRIBERS } from '../../wire/firehose-limits.ts'
import { SUBSCRIBE_PATH } from '../room.ts'
import { type RealRoom, startRealRoom } from '../testing/real-room.ts'
import { create, DID } from '../testing/signing-pod.ts'
import { joinAsSigningPod, SIGNING_HOST, type SigningTab } from '../testing/signing-tab.ts'

const TOKEN = 'a-token-of-many-characters'
const MIB = 1024 * 1024
const IDENTITY: PodEvent = { kind: 'identity', did: DID, handle: 'alice.pod.example' }
/** One in so many events of a long run is a signed commit; the rest cost the test nothing to make. */
const COMMIT_EVERY = 50

let room: RealRoom
let tab: SigningTab
const sockets: WebSocket[] = []

interface Listener {
  readonly socket: WebSocket
  readonly seqs: number[]
  readonly errors: string[]
}

const seqOf = (data: Uint8Array): number | { readonly error: string } => {
  const [header, rest] = decodeFirst(data, decodeOptions) as [{ op: number; t?: string }, Uint8Array]
  const [body] = decodeFirst(rest, decodeOptions) as [{ seq: number; error: string; name: string }, Uint8Array]
  return header.op === 1 && header.t !== '#info' ? body.seq : { error: body.error ?? body.name }
}

const open = (cursor?: number): Listener => {
  const query = cursor === undefined ? '' : `?cursor=${cursor}`
  const socket = new WebSocket(`ws://127.0.0.1:${room.port}${SUBSCRIBE_PATH}${query}`, { headers: { host: SIGNING_HOST } })
  const listener: Listener = { socket, seqs: [], errors: [] }
  sockets.push(socket)
  socket.on('error', () => {})
  socket.on('message', (data: Buffer) => {
    const seq = seqOf(data)
    if (typeof seq === 'number') listener.seqs.push(seq)
    else listener.errors.push(seq.error)
  })
  return listener
}
const listen = async (cursor?: number): Promise<Listener> => {
  const listener = open(cursor)
  await new Promise((resolve, reject) => listener.socket.once('open', resolve).once('error', reject))
  return listener
}

let records = 0
/** Of about `bytes` bytes. */
const write = async (bytes = 100): Promise<PodEvent> =>
  tab.pod.write([create('a.b.c', `k${(records += 1)}`, { $type: 'a.b.c', text: 'x'.repeat(bytes) })])
/** Whole numbers below `end` that a seed brings back. @see https://en.wikipedia.org/wiki/Lehmer_random_number_generator */
class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  below(end: number): number {
    this.#state = (this.#state * 48_271) % 2_147_483_647
    return this.#state % end
  }
}

/** Comes back with its cursor whenever its connection ends, which the dice do too; `isDone` tells it when to stop. */
const follow = async (
  cursor: number,
  dice: Dice | null,
  isDone: (seqs: readonly number[]) => boolean,
): Promise<{ seqs: number[]; dials: number }> => {
  const seqs: number[] = []
  let dials = 0
  while (!isDone(seqs)) {
    dials += 1
    const { socket, seqs: heard } = open(seqs.at(-1) ?? cursor)
    const patience = dice ? 1 + dice.below(800) : Number.POSITIVE_INFINITY
    const isAbrupt = dice?.below(2) === 0
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      socket.on('message', () => {
        // What comes after the decision to leave was not read.
        if (heard.length < patience && !isDone(heard.slice(-1))) return
        socket.removeAllListeners('message')
        if (isAbrupt) socket.terminate()
        else socket.close()
      })
    })
    seqs.push(...heard)
    if (dice?.below(4) === 0) await sleep(dice.below(200))
  }
  return { seqs, dials }
}

describe.each(['partykit', 'wrangler'] as const)('on %s', (runtime) => {
  beforeAll(async () => {
    records = 0
    room = await startRealRoom(runtime, TOKEN, {})
    tab = await joinAsSigningPod(room, TOKEN)
  }, 120_000)
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.terminate()
  })
  afterAll(async () => {
    tab?.close()
    await room?.stop()
  })

  test('a consumer that reconnects at random moments of a run of 10,000 events misses nothing and sees nothing twice, nor does @atproto/sync', async () => {
    const start = await tab.publish(IDENTITY)
    const official: number[] = []
    const faults: unknown[] = []
    let isOver = false
    const consumer = new Consumer({
      service: `ws://127.0.0.1:${room.port}`,
      headers: { host: SIGNING_HOST },
      // Nobody serves the documents of pod.example; signatures are the business of other tests.
      idResolver: { did: { resolve: async () => ({ id: DID }) }, handle: { resolve: async () => DID } } as unknown as IdResolver,
      unauthenticatedCommits: true,
      unauthenticatedHandles: true,
      getCursor: () => official.at(-1) ?? start,
      handleEvent: async ({ seq }) => void official.push(seq),
      onError: (error) => void (isOver || faults.push(error)),
    })
    void consumer.start()
    const last = { seq: Number.POSITIVE_INFINITY }
    const isDone = (seqs: readonly number[]) => (seqs.at(-1) ?? 0) >= last.seq
    const followers = Promise.all([7, 8].map((seed) => follow(start, new Dice(seed), isDone)))

    const published: Array<Promise<number>> = []
    const dice = new Dice(1)
    while (published.length < 10_000) {
      published.push(tab.publish(published.length % COMMIT_EVERY === 0 ? await write() : IDENTITY))
      // The pace changes: bursts, and moments in which everybody is live.
      if (dice.below(100) === 0) await published.at(-1)
      if (dice.below(1000) === 0) await sleep(dice.below(300))
    }
    const seqs = await Promise.all(published)
    last.seq = seqs.at(-1)!
    await tab.publish(IDENTITY)

    const heard = await followers
    for (const each of heard) {
      expect(each.seqs.filter((seq) => seq <= last.seq)).toEqual(seqs)
      expect(each.dials).toBeGreaterThan(10)
    }
    await vi.waitFor(() => expect(official.at(-1)).toBeGreaterThan(last.seq), 60_000)
    expect(official.filter((seq) => seq <= last.seq)).toEqual(seqs)
    isOver = true
    await consumer.destroy()
    expect(faults).toEqual([])
  }, 400_000)

  test('1,000 subscribers get every event once and in order, some more may come, and then nobody', async () => {
    const cursor = await tab.publish(IDENTITY)
    const listeners: Listener[] = []
    while (listeners.length < 1000)
      listeners.push(...(await Promise.all(Array.from({ length: 50 }, (_, n) => listen(n % 2 ? cursor : undefined)))))
    const seqs: number[] = []
    for (let n = 0; n < 40; n++) seqs.push(await tab.publish(n % 4 === 0 ? await write(2_000) : IDENTITY))
    await vi.waitFor(() => expect(listeners.filter((each) => each.seqs.length < seqs.length)).toEqual([]), {
      timeout: 60_000,
      interval: 250,
    })
    for (const each of listeners) expect(each.seqs).toEqual(seqs)

    while (listeners.length < MAX_SUBSCRIBERS) listeners.push(await listen())
    const refused = open()
    const status = await new Promise((resolve, reject) => {
      refused.socket
        .once('unexpected-response', (_, response) => resolve(response.statusCode))
        .once('open', () => reject(new Error('taken in')))
    })
    expect(status).toBe(503)
    listeners[0]?.socket.close()
    await vi.waitFor(() => listen(), 10_000)
  }, 400_000)

  test('subscribers that never read fill the room’s memory neither by replays nor live; one that reads gets everything where the runtime tells who does', async () => {
    const from = await tab.publish(IDENTITY)
    const seqs: number[] = []
    for (let n = 0; n < 40; n++) seqs.push(await tab.publish(await write(200_000)))
    const before = (await room.residentBytes()) ?? 0
    const deaf: Listener[] = []
    for (let n = 0; n < 100; n++) {
      const listener = await listen(n % 2 ? from : undefined)
      listener.socket.pause()
      deaf.push(listener)
    }
    const last = { seq: Number.POSITIVE_INFINITY }
    const reader = runtime === 'wrangler' ? follow(from, null, (heard) => (heard.at(-1) ?? 0) >= last.seq) : null
    for (let n = 0; n < 15; n++) seqs.push(await tab.publish(await write(200_000)))
    last.seq = seqs.at(-1)!
    if (reader) expect((await reader).seqs).toEqual(seqs)
    const after = (await room.residentBytes()) ?? 0
    // All that was asked for is 50 × 11 MB and 50 × 3 MB. Where the runtime does not tell what was read, more is held before it counts as too much.
    expect(after - before).toBeLessThan((runtime === 'wrangler' ? 200 : 350) * MIB)
  }, 400_000)

  test('a subscriber that reads again after a pause gets everything it missed', async () => {
    const listener = await listen()
    listener.socket.pause()
    const seqs: number[] = []
    for (let n = 0; n < 40; n++) seqs.push(await tab.publish(await write(200_000)))
    listener.socket.resume()
    await vi.waitFor(() => expect(listener.seqs).toEqual(seqs), 30_000)
    seqs.push(await tab.publish(IDENTITY))
    await vi.waitFor(() => expect(listener.seqs).toEqual(seqs), 10_000)
    expect(listener.errors).toEqual([])
  }, 120_000)

  test('a client’s ping is answered', async () => {
    const { socket } = await listen()
    const pong = new Promise((resolve) => socket.once('pong', (data: Buffer) => resolve(data.toString())))
    socket.ping('are you there')
    expect(await pong).toBe('are you there')
  })
  test('a client that closes its connection without a code hears so at once', async () => {
    const { socket } = await listen()
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const closedAt = performance.now()
    socket.close()
    expect(await closed).not.toBe(1006)
    expect(performance.now() - closedAt).toBeLessThan(8_000)
  }, 30_000)
})
