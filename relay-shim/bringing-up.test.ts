/** What a tab sends between `welcome` and `ready`, and what the room asks of it, over real frames. */
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { UPLINK_PATH } from '../wire/frames.ts'
import { writeCarEntry } from './mirror/car.ts'
import { Room } from './room.ts'
import { MemoryPort, type MemorySocket } from './testing/memory-port.ts'
import { create, DID, remove, SigningPod } from './testing/signing-pod.ts'
import { newKeys, signedHello, TestTab, type TabKeys } from './testing/tab.ts'

const POST = 'app.bsky.feed.post'

/** On a busy machine. */
const PATIENCE = { timeout: 15_000 }

let port: MemoryPort
let room: Room
let keys: TabKeys
let pod: SigningPod

beforeEach(async () => {
  port = new MemoryPort({ settings: { blobBudgetBytes: 10 } })
  room = await Room.open(port)
  pod = await SigningPod.create()
  keys = await newKeys(pod.identity().signingKey)
})

const connect = async (): Promise<{ tab: TestTab; socket: MemorySocket }> => {
  const socket = port.socket()
  const tab = new TestTab(keys, (bytes) => void setImmediate(() => room.onMessage(socket, bytes)))
  socket.send = (bytes) => void setImmediate(() => tab.receive(bytes))
  await room.onConnect(socket, new Request(`https://pod.example${UPLINK_PATH}`))
  return { tab, socket }
}
/** Up to `welcome`. */
const joined = async () => {
  const connected = await connect()
  connected.tab.send(await signedHello(keys, await connected.tab.next('challenge')))
  return { ...connected, welcome: await connected.tab.next('welcome') }
}
const get = (path: string) => room.onRequest(new Request(`https://pod.example/xrpc/${path}`))
const repo = async () => Buffer.from(await (await get(`com.atproto.sync.getRepo?did=${DID}`)).arrayBuffer())

const sendEvent = async (tab: TestTab, event: Awaited<ReturnType<SigningPod['write']>>): Promise<void> => {
  const [number, body] = pod.next(event)
  tab.send({ t: 'event', event: number, size: body.length }, body)
  await tab.next('accepted')
}
const sectionOf = (cid: string): Uint8Array => {
  const bytes = pod.blocks.get(cid)!
  const entry = new Uint8Array(bytes.length + 48)
  return entry.subarray(0, writeCarEntry(entry, 0, cid, bytes))
}
/** Answers each `want` until the room has what it wants. @returns how many blocks were sent */
const repair = async (tab: TestTab, id: number, replaces: string): Promise<number> => {
  let sent = 0
  tab.onFrame = (head) => {
    if (head.t !== 'want' || head.id !== id) return
    for (const cid of head.cids) tab.send({ t: 'body', of: 'repair', id, end: false }, sectionOf(cid))
    sent += head.cids.length
  }
  tab.send({ t: 'repair', id, head: pod.head(), replaces })
  await tab.next('snapshot-stored')
  return sent
}

describe('a repair', () => {
  const older = async (): Promise<string> => {
    const { tab } = await joined()
    await sendEvent(tab, await pod.begin())
    await sendEvent(tab, await pod.write(Array.from({ length: 40 }, (_, i) => create(POST, `k${i}`, { text: `${i}` }))))
    tab.send({ t: 'ready' })
    const { commit } = pod.head()
    await pod.write([create(POST, 'later', { text: 'later' })])
    return commit
  }

  test('brings the mirror up to the tab, and events go on from there', async () => {
    const commit = await older()
    const { tab, welcome } = await joined()
    expect(welcome.mirror?.commit).toBe(commit)
    expect(await repair(tab, 1, commit)).toBeLessThan(10)
    expect(await repo()).toEqual(Buffer.from(pod.car()))
    await sendEvent(tab, await pod.write([create(POST, 'last', { text: 'last' })]))
    expect(await repo()).toEqual(Buffer.from(pod.car()))
  })

  test('that an older tab has begun ends when a newer one comes', async () => {
    const commit = await older()
    const { tab: frozen } = await joined()
    frozen.send({ t: 'repair', id: 1, head: pod.head(), replaces: commit })
    await frozen.next('want')
    const { tab, welcome } = await joined()
    expect(await frozen.next('snapshot-refused')).toMatchObject({ error: 'Interrupted' })
    expect(welcome.mirror?.commit).toBe(commit)
    await repair(tab, 1, commit)
    expect(await repo()).toEqual(Buffer.from(pod.car()))
  })

  test('does not end for somebody else, who may not have the room', async () => {
    const commit = await older()
    const { tab } = await joined()
    tab.send({ t: 'repair', id: 1, head: pod.head(), replaces: commit })
    const { cids } = await tab.next('want')
    const stranger = await connect()
    stranger.tab.send(await signedHello(await newKeys(), await stranger.tab.next('challenge')))
    await new Promise((resolve) => setTimeout(resolve, 20))
    for (const cid of cids) tab.send({ t: 'body', of: 'repair', id: 1, end: false }, sectionOf(cid))
    await tab.next('want')
    expect(tab.received.map(({ head }) => head.t)).not.toContain('snapshot-refused')
    tab.send({ t: 'cancel', of: 'repair', id: 1, reason: 'enough' })
    expect(await tab.next('snapshot-refused')).toMatchObject({ error: 'Cancelled' })
    expect(await stranger.tab.next('refused')).toMatchObject({ error: 'NotYours' })
  })

  test('that the room has slept through is called off, and the old mirror serves', async () => {
    const commit = await older()
    const before = await repo()
    const { tab, socket } = await joined()
    tab.send({ t: 'repair', id: 1, head: pod.head(), replaces: commit })
    const { cids } = await tab.next('want')
    for (const each of port.connected) if (each !== socket) port.connected.delete(each)
    room = await Room.open(port)
    for (const cid of cids) tab.send({ t: 'body', of: 'repair', id: 1, end: false }, sectionOf(cid))
    expect(await tab.next('cancel')).toMatchObject({ of: 'repair', id: 1 })
    expect(await repo()).toEqual(before)
  })

  test('of a tab that sends what it was not asked for is refused, and the rest is not read', async () => {
    const commit = await older()
    const { tab } = await joined()
    tab.send({ t: 'repair', id: 1, head: pod.head(), replaces: commit })
    await tab.next('want')
    for (let i = 0; i < 9; i++) tab.send({ t: 'body', of: 'repair', id: 1, end: false }, new Uint8Array(128 * 1024))
    expect(await tab.next('snapshot-refused')).toMatchObject({ error: 'BadBlocks' })
    expect(await tab.next('cancel')).toMatchObject({ of: 'repair', id: 1 })
  })
})

describe('blobs', () => {
  const blobOf = async (text: string) => ({ text, cid: CID.createV1(raw.code, await sha256.digest(new TextEncoder().encode(text))) })
  type TestBlob = Awaited<ReturnType<typeof blobOf>>
  const picture = ({ text, cid }: TestBlob) => ({ text, picture: { $type: 'blob', ref: cid, mimeType: 'text/plain', size: text.length } })
  let lastId = 0
  const sendBlob = async (tab: TestTab, { text, cid }: TestBlob): Promise<void> => {
    const id = (lastId += 1)
    tab.send({ t: 'blob', id, cid: cid.toString(), mime: 'text/plain', size: text.length })
    tab.send({ t: 'body', of: 'blob', id, end: true }, new TextEncoder().encode(text))
    await tab.next('blob-stored')
  }
  const wantedOf = async (tab: TestTab, ...blobs: readonly TestBlob[]): Promise<readonly string[]> => {
    const id = (lastId += 1)
    tab.send({ t: 'blobs', id, cids: blobs.map(({ cid }) => cid.toString()) })
    const answer = await tab.next('blobs-wanted')
    expect(answer.id).toBe(id)
    return answer.cids
  }

  test('that are here, or had to make room for others, are not wanted', async () => {
    const { tab } = await joined()
    const [first, second, third] = [await blobOf('first'), await blobOf('second'), await blobOf('third')]
    await sendEvent(tab, await pod.begin())
    await sendBlob(tab, first)
    await sendBlob(tab, second)
    await sendEvent(tab, await pod.write([create(POST, 'a', picture(first)), create(POST, 'b', picture(second))]))
    expect((await get(`com.atproto.sync.getBlob?did=${DID}&cid=${second.cid}`)).status).toBe(200)
    expect(await wantedOf(tab, first, second, third)).toEqual([third.cid.toString()])
    tab.send({ t: 'ready' })
    // What the room asks for of itself it asks before it answers this.
    expect(await wantedOf(tab, third)).toEqual([third.cid.toString()])
    expect(tab.received.map(({ head }) => head.t)).not.toContain('blobs-wanted')
  })

  test('that never came, or not whole, are asked for at each join until they have, and no others', async () => {
    const [here, cutOff] = [await blobOf('here'), await blobOf('cut')]
    const first = await joined()
    await sendEvent(first.tab, await pod.begin())
    await sendBlob(first.tab, here)
    first.tab.send({ t: 'blob', id: 99, cid: cutOff.cid.toString(), mime: 'text/plain', size: 3 })
    await sendEvent(first.tab, await pod.write([create(POST, 'a', picture(here)), create(POST, 'b', picture(cutOff))]))
    for (let n = 0; n < 2; n++) {
      const { tab } = await joined()
      tab.send({ t: 'ready' })
      expect(await tab.next('blobs-wanted')).toEqual({ t: 'blobs-wanted', cids: [cutOff.cid.toString()] })
      if (n === 1) await sendBlob(tab, cutOff)
      room = await Room.open(port)
    }
    const { tab } = await joined()
    tab.send({ t: 'ready' })
    await vi.waitFor(() => expect([...port.storage.rows.keys()].filter((key) => key.startsWith('l:'))).toEqual([]), PATIENCE)
    expect(tab.received.map(({ head }) => head.t)).not.toContain('blobs-wanted')
  })

  test('that a snapshot mentions are asked for, but for those that are here', async () => {
    const [here, lost] = [await blobOf('here'), await blobOf('lost')]
    await pod.begin()
    await pod.write([create(POST, 'a', picture(here)), create(POST, 'b', picture(lost))])
    const { tab } = await joined()
    await sendBlob(tab, here)
    tab.send({ t: 'snapshot', id: 7, head: pod.head() })
    tab.send({ t: 'body', of: 'snapshot', id: 7, end: true }, pod.car())
    await tab.next('snapshot-stored')
    tab.send({ t: 'ready' })
    expect((await tab.next('blobs-wanted')).cids).toEqual([lost.cid.toString()])
  })

  test('whose record is gone are asked for no more', async () => {
    const lost = await blobOf('lost')
    const { tab } = await joined()
    await sendEvent(tab, await pod.begin())
    await sendEvent(tab, await pod.write([create(POST, 'a', picture(lost))]))
    expect([...port.storage.rows.keys()].filter((key) => key.startsWith('l:'))).toHaveLength(1)
    await sendEvent(tab, await pod.write([remove(POST, 'a')]))
    expect([...port.storage.rows.keys()].filter((key) => key.startsWith('l:'))).toEqual([])
  })
})
