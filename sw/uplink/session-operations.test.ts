import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Log } from '../operations/log.ts'
import { openStore, type Store } from '../store/open.ts'
import { ScriptedRoom, SmallPod, until } from './testing.ts'

let store: Store
let log: Log
beforeEach(async () => {
  store = await openStore(crypto.randomUUID())
  log = new Log()
  log.attach(store)
})
afterEach(() => {
  vi.restoreAllMocks()
  store.close()
})

const noted = async () => (await log.read()).map((entry) => `${entry.level}: ${entry.kind === 'request' ? entry.path : entry.message}`)

test('documents that changed reach the room at once', async () => {
  const pod = new SmallPod()
  pod.land()
  const room = new ScriptedRoom(pod)
  await room.join()
  pod.documents = () => ({ '/xrpc/com.atproto.server.describeServer': '{"blobUploadLimit":5}' })
  await room.session.tellDocuments()
  const { head } = await room.next('documents')
  expect(head.documents).toEqual({ '/xrpc/com.atproto.server.describeServer': '{"blobUploadLimit":5}' })
})

test('documents that change while hello is under way come with the next one', async () => {
  const room = new ScriptedRoom(new SmallPod())
  room.say({ t: 'challenge', host: 'pod.test', nonce: 'n', bound: false, policy: 'open' })
  await room.next('hello')
  await room.session.tellDocuments()
  expect(room.words.at(-1)).toEqual({ close: 'Rejoin' })
  expect(room.all('documents')).toEqual([])
})

test('what browsers are answered by while the tab is closed is left with the room, and again when it is another', async () => {
  const pod = new SmallPod()
  pod.land()
  let until = 1
  const forRoom = async () => ({ accounts: '{}', sessions: [{ digest: 'd', until }] })
  const room = new ScriptedRoom(Object.assign(pod, { fedcm: { forRoom } }))
  await room.join()
  expect((await room.next('fedcm')).head).toEqual({ t: 'fedcm', accounts: '{}', sessions: [{ digest: 'd', until: 1 }] })
  await room.session.tellFedCm()
  until = 2
  await room.session.tellFedCm()
  expect(room.all('fedcm').map(({ head }) => head.sessions[0]?.until)).toEqual([1, 2])
})

test('of two changes the later one is left with the room, however long a look takes', async () => {
  const pod = new SmallPod()
  pod.land()
  const looks: Array<() => void> = []
  const forRoom = async () => {
    const seen = looks.length
    await new Promise<void>((resolve) => looks.push(resolve))
    return { accounts: String(seen), sessions: [] }
  }
  const room = new ScriptedRoom(Object.assign(pod, { fedcm: { forRoom } }))
  await room.join()
  const told = [room.session.tellFedCm(), room.session.tellFedCm()]
  for (const n of [0, 1, 2]) (await until(() => looks[n]))()
  await Promise.all(told)
  expect(room.all('fedcm').at(-1)?.head.accounts).toBe('2')
})

test('being online, and why not, is in the log', async () => {
  const pod = new SmallPod()
  pod.land()
  const online = new ScriptedRoom(pod, { log })
  await online.join()
  const refused = new ScriptedRoom(new SmallPod(), { log })
  refused.say({ t: 'refused', error: 'ClaimRefused', message: 'not this token' })
  expect(await noted()).toEqual(['warning: refused: not this token', 'info: online'])
})

test('a request that fails outside of the pod is in the log by the id that the client was given', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const pod = new SmallPod()
  pod.land()
  pod.answer = () => Promise.reject(new Error('fell over'))
  const room = new ScriptedRoom(pod, { log })
  await room.join()
  room.request(1)
  const { head } = await room.next('response')
  const id = head.headers.find(([name]) => name === 'x-request-id')?.[1]
  const [entry] = await until(() => (vi.mocked(console.error).mock.calls.length > 0 ? log.read() : undefined))
  expect(entry).toMatchObject({ kind: 'failure', request: id, message: expect.stringContaining('fell over') })
})
