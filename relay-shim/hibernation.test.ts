/** Idle rooms on PartyKit and in wrangler's workerd: both really put them to sleep while their sockets stay open, and no test may take that for granted. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { UPLINK_PATH, UPLINK_PROTOCOL } from '../wire/frames.ts'
import { SUBSCRIBE_PATH } from './room.ts'
import { type RealRoom, startRealRoom } from './testing/real-room.ts'
import { create, DID, SigningPod } from './testing/signing-pod.ts'
import { newKeys, TestTab } from './testing/tab.ts'

const TOKEN = 'a-token-of-many-characters'
/** workerd puts a room to sleep 10 s after the last that happened in it, and looks every so often. */
const IDLE_MS = 16_000
const MAX_NAPS = 4

/** The DID of SigningPod is the did:web of this host. */
const HOST = 'pod.example'

describe.concurrent.each(['partykit', 'wrangler'] as const)('on %s', (runtime) => {
  let dev: RealRoom
  let tab: TestTab
  let pod: SigningPod
  const sockets: WebSocket[] = []

  const dial = async (path: string, onMessage: (bytes: Uint8Array) => void, protocols: string[] = []): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${dev.port}${path}`, protocols, { headers: { host: HOST } })
    sockets.push(socket)
    socket.on('message', (data: Buffer) => onMessage(new Uint8Array(data)))
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return socket
  }
  /** A consumer: how many messages it got. */
  const subscribe = async (query = ''): Promise<{ readonly messages: Uint8Array[]; readonly socket: WebSocket }> => {
    const messages: Uint8Array[] = []
    return { messages, socket: await dial(SUBSCRIBE_PATH + query, (bytes) => void messages.push(bytes)) }
  }
  const read = async (path: string): Promise<string> => (await dev.getAs(HOST, path)).body.toString()
  const awakeSince = async (): Promise<number> => {
    const { awakeSince } = JSON.parse(await read('/health')) as { awakeSince: string }
    return Date.parse(awakeSince)
  }
  /** Nothing happens for a while, then `wake`; again if that was too short for the runtime. Resolves when the room was woken by it. */
  const nap = async (wake: () => Promise<void>): Promise<void> => {
    for (let naps = 1; naps <= MAX_NAPS; naps += 1) {
      await sleep(IDLE_MS * naps)
      const before = Date.now()
      await wake()
      if ((await awakeSince()) >= before) return
    }
    throw new Error('the room never slept')
  }
  const write = async (rkey: string): Promise<void> => {
    const [event, body] = pod.next(await pod.write([create('a.b.c', rkey, { text: rkey })]))
    tab.send({ t: 'event', event, size: body.length }, body)
    expect(await tab.next('accepted')).toMatchObject({ event })
  }

  beforeAll(async () => {
    dev = await startRealRoom(runtime, TOKEN, {})
    pod = await SigningPod.create()
    tab = new TestTab(await newKeys(pod.identity().signingKey), (bytes) => uplink.send(bytes))
    const uplink = await dial(UPLINK_PATH, (bytes) => tab.receive(bytes), [UPLINK_PROTOCOL])
    tab.onRequest = ({ id, path }) => tab.answer(id, `tab: ${path}`)
    await tab.join({ claim: TOKEN })
    const [event, body] = pod.next(await pod.begin())
    tab.send({ t: 'event', event, size: body.length }, body)
    await tab.next('accepted')
  }, 120_000)
  afterAll(async () => {
    for (const socket of sockets) socket.terminate()
    await dev?.stop()
  })

  test('an idle room sleeps with its sockets open, and an event, a request and a replay find everything as it was', async () => {
    const [one, two] = [await subscribe(), await subscribe('?cursor=0')]
    await write('awake')
    await vi.waitFor(() => expect([one.messages.length, two.messages.length]).toEqual([1, 2]), 10_000)

    let events = 2
    await nap(async () => {
      await write(`woken-by-an-event-${events}`)
      events += 1
    })
    await vi.waitFor(() => expect([one.messages.length, two.messages.length]).toEqual([events - 1, events]), 10_000)

    await nap(async () => {
      expect(await read('/xrpc/x.y.z')).toBe('tab: /xrpc/x.y.z')
    })
    const replay = await subscribe('?cursor=0')
    await vi.waitFor(() => expect(replay.messages).toEqual(two.messages), 10_000)
    expect(one.messages).toEqual(two.messages.slice(1))
    expect(JSON.parse(await read(`/xrpc/com.atproto.sync.getLatestCommit?did=${DID}`))).toMatchObject({ rev: pod.head().rev })
    for (const socket of sockets) expect(socket.readyState).toBe(WebSocket.OPEN)
  }, 400_000)
})
