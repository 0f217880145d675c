/** Tabs that are gone stay gone: whatever they had said before is done, and none of it makes the room wait for them. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { encodeFrame } from '../wire/codec.ts'
import { type TabFrame, UPLINK_PATH } from '../wire/frames.ts'
import { REQUEST_DEADLINE_MS } from '../wire/limits.ts'
import { Room } from './room.ts'
import { MemoryPort, type MemorySocket } from './testing/memory-port.ts'
import { SigningPod } from './testing/signing-pod.ts'
import { newKeys, TestTab } from './testing/tab.ts'

let port: MemoryPort
let room: Room
let pod: SigningPod

beforeEach(async () => {
  port = new MemoryPort()
  room = await Room.open(port)
  pod = await SigningPod.create()
})
afterEach(() => void vi.useRealTimers())

const connect = async (): Promise<{ readonly tab: TestTab; readonly socket: MemorySocket }> => {
  const socket = port.socket()
  const keys = await newKeys(pod.identity().signingKey)
  const tab = new TestTab(keys, (bytes) => void setImmediate(() => room.onMessage(socket, bytes)))
  socket.send = (bytes) => void setImmediate(() => tab.receive(bytes))
  await room.onConnect(socket, new Request(`https://pod.example${UPLINK_PATH}`))
  return { tab, socket }
}
const frame = (head: TabFrame, payload?: Uint8Array): Uint8Array => encodeFrame(head, payload)
const get = (path: string): Promise<Response> => room.onRequest(new Request(`https://pod.example${path}`))
const health = async (): Promise<unknown> => (await get('/health')).json()

test('a tab that left while its last event was being verified is not taken for ready behind it', async () => {
  const { tab, socket } = await connect()
  await tab.greet(await tab.next('challenge'))
  await tab.next('welcome')
  const [event, body] = pod.next(await pod.begin())
  room.onMessage(socket, frame({ t: 'event', event, size: body.length }, body))
  room.onMessage(socket, frame({ t: 'ready' }))
  port.connected.delete(socket)
  room.onClose(socket)
  await vi.waitFor(async () => expect(await health()).toMatchObject({ rev: pod.head().rev }))
  expect(await health()).toMatchObject({ online: false })
})

test('a tab that was given up stays so when the room has slept, though it never answered the close', async () => {
  const { tab, socket } = await connect()
  await tab.join()
  await vi.waitFor(async () => expect(await health()).toMatchObject({ online: true }))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  void get('/xrpc/com.example.method')
  await vi.advanceTimersByTimeAsync(REQUEST_DEADLINE_MS + 1)
  expect(socket.closed).toMatchObject({ reason: 'Silent' })
  // As long as nothing comes back, the runtimes count it among the sockets:
  // https://developers.cloudflare.com/durable-objects/api/state/#getwebsockets
  expect([...port.sockets('uplink')]).toContain(socket)
  room = await Room.open(port)
  expect(await health()).toMatchObject({ online: false })
})
