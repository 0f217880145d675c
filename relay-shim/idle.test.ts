/** What keeps a room awake: a timer that runs, a promise that waits. After whatever happened in it, an idle room has neither, or it would be paid for all night. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { UPLINK_PATH } from '../wire/frames.ts'
import { Room, SUBSCRIBE_PATH } from './room.ts'
import { MemoryPort, type MemorySocket } from './testing/memory-port.ts'
import { create, SigningPod } from './testing/signing-pod.ts'
import { newKeys, TestTab, type TabKeys } from './testing/tab.ts'

let port: MemoryPort
let room: Room
let pod: SigningPod
let keys: TabKeys

beforeEach(async () => {
  pod = await SigningPod.create()
  keys = await newKeys(pod.identity().signingKey)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  port = new MemoryPort()
  room = await Room.open(port)
})
afterEach(() => void vi.useRealTimers())

const connect = async (): Promise<{ readonly tab: TestTab; readonly socket: MemorySocket }> => {
  const socket = port.socket()
  const tab = new TestTab(keys, (bytes) => void setImmediate(() => room.onMessage(socket, bytes)))
  socket.send = (bytes) => void setImmediate(() => tab.receive(bytes))
  tab.onRequest = ({ id }) => tab.answer(id, 'here')
  await room.onConnect(socket, new Request(`https://pod.example${UPLINK_PATH}`))
  return { tab, socket }
}
const get = async (path: string): Promise<string> => (await room.onRequest(new Request(`https://pod.example${path}`))).text()
const online = async (): Promise<void> => {
  while (!(await get('/xrpc/_health')).includes('"online":true')) await new Promise(setImmediate)
}

test('a room whose tab has joined, whose subscribers listen and whose requests are answered waits for nothing', async () => {
  const { tab } = await connect()
  await tab.join()
  await online()
  const subscriber = port.socket()
  await room.onConnect(subscriber, new Request(`https://pod.example${SUBSCRIBE_PATH}?cursor=0`))
  for (const commit of [await pod.begin(), await pod.write([create('a.b.c', 'one', { text: 'hi' })])]) {
    const [event, body] = pod.next(commit)
    tab.send({ t: 'event', event, size: body.length }, body)
    await tab.next('accepted')
  }
  expect(await get('/xrpc/x.y.z')).toBe('here')
  expect(subscriber.sent).toHaveLength(2)
  expect(vi.getTimerCount()).toBe(0)
})

test('nor does one whose tab left, or was refused, or was replaced', async () => {
  const older = await connect()
  await older.tab.join()
  const newer = await connect()
  await newer.tab.join()
  await online()
  expect(older.socket.closed?.reason).toBe('Replaced')
  const refused = await connect()
  refused.tab.send({ t: 'ready' })
  expect(await refused.tab.next('refused')).toMatchObject({ error: 'BadFrame' })
  const left = await connect()
  for (const { socket } of [older, refused, left]) {
    port.connected.delete(socket)
    room.onClose(socket)
  }
  expect(vi.getTimerCount()).toBe(0)
})
