import { P256Keypair } from '@atproto/crypto'
import { readCarWithRoot, verifyRepo } from '@atproto/repo'
import { CID } from 'multiformats/cid'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { CommitEvent } from '../../wire/event.ts'
import { PACK_GARBAGE_BYTES, STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import { Firehose } from '../firehose/firehose.ts'
import { MemoryPort, type MemorySocket } from '../testing/memory-port.ts'
import { DID, SigningPod, create, remove, update } from '../testing/signing-pod.ts'
import { readCar, writeCar } from './car.ts'
import { Mirror } from './mirror.ts'
import { parseNode } from './node.ts'

const POST = 'app.bsky.feed.post'
const post = (text: string) => ({ $type: POST, text, createdAt: '2026-01-01T00:00:00.000Z' })

let port: MemoryPort
let firehose: Firehose
let mirror: Mirror
let pod: SigningPod
let subscriber: MemorySocket

beforeEach(async () => {
  port = new MemoryPort()
  pod = await SigningPod.create()
  await restart()
  await mirror.bind(pod.identity())
  subscriber = port.socket()
  await firehose.connect(subscriber, new Request('https://pod.example/xrpc/com.atproto.sync.subscribeRepos'))
})

/** What a room knows after it slept: what is in storage. */
const restart = async () => {
  firehose = await Firehose.open(port)
  mirror = await Mirror.open(port, firehose)
}
const accept = (event: CommitEvent) => mirror.accept(...pod.next(event))
const ask = async (path: string) => (await mirror.answer(new Request(`https://pod.example/xrpc/${path}`), { online: true, seenAt: 0 }))!
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer())
const exported = async (query = '') => bytesOf(await ask(`com.atproto.sync.getRepo?did=${DID}${query}`))
const getBlock = async (cid: string) => (await ask(`com.atproto.sync.getBlocks?did=${DID}&cids=${cid}`)).status
const recordStatus = async (path: string) => {
  const [collection, rkey] = path.split('/')
  return (await ask(`com.atproto.repo.getRecord?repo=${DID}&collection=${collection}&rkey=${rkey}`)).status
}
const keysOf = (kind: string) => [...port.storage.rows.keys()].filter((key) => key.startsWith(`${kind}:`))
async function* chunks(bytes: Uint8Array, size = 60_000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}
const snapshot = (car = pod.car(), size?: number) => mirror.storeSnapshot(pod.head(), chunks(car, size), mirror.head()?.commit)
/** The export is the repo: its records, and exactly the blocks in their order that a tab would send. */
const expectWhole = async () => {
  const car = await exported()
  expect(Buffer.from(car).equals(pod.car())).toBe(true)
  const { root, blocks } = await readCarWithRoot(car)
  const { creates } = await verifyRepo(blocks, root, DID, pod.keypair.did())
  expect(new Map(creates.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, cid.toString()]))).toEqual(pod.records)
}
/** Whether any row has these bytes. */
const isStored = (cid: string) => {
  const bytes = Buffer.from(pod.blocks.get(cid)!)
  return [...port.storage.rows].some(
    ([key, value]) => /^[bp]:/.test(key) && value instanceof Uint8Array && Buffer.from(value).includes(bytes),
  )
}
const fill = async (count: number, textOf: (i: number) => string) => {
  for (let from = 0; from < count; from += 200)
    await pod.write(
      Array.from({ length: Math.min(200, count - from) }, (_, i) =>
        create(POST, `k${String(from + i).padStart(4, '0')}`, post(textOf(from + i))),
      ),
    )
}

describe('storeSnapshot', () => {
  beforeEach(async () => {
    await accept(await pod.begin())
    await accept(await pod.write([create(POST, 'old', post('old'))]))
    await pod.write(Array.from({ length: 100 }, (_, i) => create(POST, `k${i}`, post(`${i % 50}`))))
  })

  it('takes the place of the mirror in one step, says so with #sync, and events go on from there', async () => {
    const sent = subscriber.sent.length
    expect(await snapshot(pod.car(), 777)).toEqual(pod.head())
    expect(subscriber.sent).toHaveLength(sent + 1)
    await expectWhole()
    await accept(await pod.write([remove(POST, 'k3'), create(POST, 'more', post('more'))]))
    expect(await recordStatus(`${POST}/k53`)).toBe(200)
    expect(keysOf('b:0')).toEqual([])
    await expectWhole()
  })

  it('leaves the old mirror whole when blocks are missing, too many, or in another order', async () => {
    const before = mirror.head()
    const { root, blocks } = await readCar(pod.car())
    const list = [...blocks].map(([cid, bytes]) => ({ cid, bytes }))
    const record = pod.records.get(`${POST}/k3`)
    const wrong = [
      pod.car().slice(0, -10),
      writeCar(
        root,
        list.filter(({ cid }) => cid !== record),
      ),
      writeCar(root, list.slice(0, 1)),
      writeCar(root, []),
      writeCar(root, [list[0]!, ...list.slice(1).reverse()]),
      Buffer.concat([pod.car(), writeCar(root, list.slice(0, 1)).slice(-500)]),
    ]
    for (const car of wrong) await expect(snapshot(new Uint8Array(car))).rejects.toMatchObject({ error: 'BadBlocks' })
    const surplus = (await readCar(pod.car())).blocks.get(pod.head().commit)!
    const entries = [...(await allEntries(pod.car())), { cid: pod.head().commit, bytes: surplus }]
    await expect(snapshot(writeCar(root, entries))).rejects.toMatchObject({ error: 'BadBlocks' })
    expect(mirror.head()).toEqual(before)
    expect(
      (await verifyRepo((await readCarWithRoot(await exported())).blocks, CID.parse(before!.commit), DID, pod.keypair.did())).creates,
    ).toHaveLength(1)
    expect(['b:1', 'r:1', 'p:1', 'i:1'].flatMap(keysOf)).toEqual([])
  })

  it('by another key of the same DID, as after a restore, goes on from what the old key signed', async () => {
    const restored = new SigningPod(await P256Keypair.create())
    await expect(snapshot()).resolves.toEqual(pod.head())
    await mirror.bind({ ...pod.identity(), signingKey: restored.keypair.did() })
    expect([mirror.lastEvent(), mirror.head()]).toEqual([0, pod.head()])
    await restored.begin()
    await restored.write([create(POST, 'k1', post('1'))])
    const sent = subscriber.sent.length
    await mirror.storeSnapshot(restored.head(), chunks(restored.car()))
    expect(subscriber.sent).toHaveLength(sent + 1)
    expect(Buffer.from(subscriber.sent.at(-1)!).toString('latin1')).toContain('#sync')
    await mirror.accept(...restored.next(await restored.write([create(POST, 'k2', post('2'))])))
    expect([mirror.lastEvent(), mirror.head()]).toEqual([1, restored.head()])
  })

  it('that was cut off with the room is swept when the room starts', async () => {
    let cutOff = () => {}
    const never = new Promise<void>((resolve) => (cutOff = resolve))
    async function* half() {
      yield pod.car().slice(0, -100)
      await never
    }
    const before = mirror.head()
    void mirror.storeSnapshot(pod.head(), half(), before!.commit).catch(() => {})
    await vi.waitFor(() => expect(port.storage.rows.get('discarded')).toEqual([1]))
    // As much of it as reached storage before the room was gone.
    await port.storage.put({
      'p:1:00000': new Uint8Array(9),
      'r:1:a/b': 'c',
      'i:1:': 1,
      'i:1:/00': new Uint8Array(9),
      'd:1:0': { offsets: [1] },
    })
    await restart()
    expect(mirror.head()).toEqual(before)
    // Nobody who asks waits for it.
    await expect.poll(() => [...port.storage.rows.keys()].filter((key) => /^[a-z]:1:/.test(key))).toEqual([])
    cutOff()
  })
})

const allEntries = async (car: Uint8Array) => {
  const { blocks } = await readCar(car)
  const { commit, data } = pod.head()
  const below = function* (cid: string): Generator<string> {
    yield cid
    const { subtrees, values } = parseNode(blocks.get(cid)!)
    for (const [i, subtree] of subtrees.entries()) {
      if (subtree !== null) yield* below(subtree)
      if (values[i] !== undefined) yield values[i]
    }
  }
  return [commit, ...below(data)].map((cid) => ({ cid, bytes: blocks.get(cid)! }))
}

describe('packs', () => {
  beforeEach(async () => {
    await pod.begin()
  })

  it('hold many blocks in few rows, and large blocks too', async () => {
    await fill(400, (i) => `text ${i} `.repeat(100))
    await pod.write([create(POST, 'large', post('x'.repeat(2 * STORAGE_VALUE_BYTES)))])
    await snapshot()
    expect(keysOf('p').length).toBeLessThan(12)
    expect(keysOf('b')).toHaveLength(1)
    await expectWhole()
    expect(await recordStatus(`${POST}/large`)).toBe(200)
    await accept(await pod.write([remove(POST, 'large')]))
    expect(await recordStatus(`${POST}/large`)).toBe(400)
    await restart()
    await expectWhole()
    await vi.waitFor(() => expect(port.storage.rows.size).toBeLessThan(500))
  })

  it('do not show what a commit took out, and forget the bytes of records at once', async () => {
    await fill(600, (i) => `text ${i} `.repeat(20))
    await snapshot()
    const path = `${POST}/k0300`
    const cid = pod.records.get(path)!
    const root = pod.head().data
    expect([await getBlock(cid), await getBlock(root), isStored(cid)]).toEqual([200, 200, true])
    await accept(await pod.write([remove(POST, 'k0300')]))
    expect([await getBlock(cid), await getBlock(root), await recordStatus(path)]).toEqual([400, 400, 400])
    await vi.waitFor(() => expect(isStored(cid)).toBe(false))
    expect(await getBlock(cid)).toBe(400)
    await expectWhole()
    await restart()
    expect([await getBlock(cid), await getBlock(root)]).toEqual([400, 400])
    await expectWhole()
  })

  it('forget tree nodes when enough of a pack has gone', async () => {
    await fill(1000, (i) => `${i}`)
    await snapshot()
    const before = (await readCar(pod.car())).blocks
    for (let i = 0; i < 1000; i += 20) await accept(await pod.write([create(POST, `k${String(i).padStart(4, '0')}x`, post(`${i} new`))]))
    const after = (await readCar(pod.car())).blocks
    const gone = [...before.keys()].filter((cid) => !after.has(cid))
    const goneBytes = gone.reduce((sum, cid) => sum + before.get(cid)!.length, 0)
    expect(goneBytes).toBeGreaterThan(PACK_GARBAGE_BYTES)
    await vi.waitFor(() => {
      const stored = gone.filter(isStored).reduce((sum, cid) => sum + before.get(cid)!.length, 0)
      expect(stored).toBeLessThan(PACK_GARBAGE_BYTES * keysOf('p').length)
    })
    await expectWhole()
  })

  it('go on erasing after the room was killed between the commit and that', async () => {
    await fill(600, (i) => `text ${i} `.repeat(20))
    await snapshot()
    const cid = pod.records.get(`${POST}/k0300`)!
    // A reader holds the bytes; the room dies before it is done.
    const reader = (await ask(`com.atproto.sync.getRepo?did=${DID}`)).body!.getReader()
    await reader.read()
    await accept(await pod.write([remove(POST, 'k0300')]))
    expect([await getBlock(cid), isStored(cid)]).toEqual([400, true])
    await restart()
    expect(await getBlock(cid)).toBe(400)
    await vi.waitFor(() => expect(isStored(cid)).toBe(false))
    await expectWhole()
  })

  it('keep a record that stands at several paths until the last of them goes', async () => {
    await fill(300, (i) => `${i % 3}`)
    await snapshot()
    const cid = pod.records.get(`${POST}/k0001`)!
    const same = [...pod.records].filter(([, each]) => each === cid).map(([path]) => path.slice(POST.length + 1))
    expect(same).toHaveLength(100)
    await accept(await pod.write(same.slice(0, 60).map((rkey) => remove(POST, rkey))))
    await expectWhole()
    await restart()
    await accept(await pod.write(same.slice(60, 99).map((rkey) => remove(POST, rkey))))
    expect([await getBlock(cid), await recordStatus(`${POST}/${same[99]}`)]).toEqual([200, 200])
    await expectWhole()
    await accept(await pod.write([remove(POST, same[99]!)]))
    expect(await getBlock(cid)).toBe(400)
    await vi.waitFor(() => expect(isStored(cid)).toBe(false))
    await accept(await pod.write([create(POST, 'again', post('1')), create(POST, 'again2', post('1'))]))
    expect(pod.records.get(`${POST}/again`)).toBe(cid)
    expect(await getBlock(cid)).toBe(200)
    await expectWhole()
    await accept(await pod.write([remove(POST, 'again')]))
    await restart()
    await expectWhole()
  })

  it('are exported as they were asked for, though commits change them under the reader; others do not see what went', async () => {
    await fill(600, (i) => `text ${i} `.repeat(200))
    await snapshot()
    await restart()
    const car = pod.car()
    const cid = pod.records.get(`${POST}/k0599`)!
    const reader = (await ask(`com.atproto.sync.getRepo?did=${DID}`)).body!.getReader()
    const parts = [(await reader.read()).value!]
    for (let i = 0; i < 600; i += 100)
      await accept(await pod.write(Array.from({ length: 100 }, (_, n) => remove(POST, `k${String(i + n).padStart(4, '0')}`))))
    expect([await getBlock(cid), isStored(cid)]).toEqual([400, true])
    for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value)
    expect(Buffer.concat(parts).equals(car)).toBe(true)
    await vi.waitFor(() => expect(isStored(cid)).toBe(false))
    await expectWhole()
    await vi.waitFor(() => expect(keysOf('p').length).toBeLessThan(3))
  })

  it('of a snapshot that another one replaces under the reader end the export with an error', async () => {
    await fill(600, (i) => `text ${i} `.repeat(400))
    await snapshot()
    const reader = (await ask(`com.atproto.sync.getRepo?did=${DID}`)).body!.getReader()
    await reader.read()
    await pod.write([create(POST, 'next', post('next'))])
    await snapshot()
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow()
    expect(keysOf('p').every((key) => key.startsWith('p:2:'))).toBe(true)
    await expectWhole()
  })

  it('and what came since: only later commits', async () => {
    await fill(300, (i) => `${i}`)
    await snapshot()
    const { rev } = pod.head()
    const old = (await readCar(pod.car())).blocks
    await accept(await pod.write([create(POST, 'later', post('later')), remove(POST, 'k0007')]))
    const diff = await readCar(await exported(`&since=${rev}`))
    const whole = (await readCar(pod.car())).blocks
    expect([...diff.blocks.keys()].sort()).toEqual([...whole.keys()].filter((cid) => !old.has(cid)).sort())
  })

  it('and random commits and restarts make the same mirror as one that grew by events alone', async () => {
    const grownPort = new MemoryPort()
    const grown = await Mirror.open(grownPort, await Firehose.open(grownPort))
    await grown.bind(pod.identity())
    pod = await SigningPod.create()
    await mirror.bind({ ...pod.identity() })
    await grown.bind(pod.identity())
    let events = 0
    const both = async (event: CommitEvent, isSnapshotted: boolean) => {
      const [, body] = pod.next(event)
      await grown.accept(++events, body)
      if (isSnapshotted) await mirror.accept(events, body)
    }
    await both(await pod.begin(), false)
    let seed = 23
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
    for (let i = 0; i < 3; i++)
      await both(
        await pod.write(
          Array.from({ length: 150 }, (_, n) => create(`app.example.c${n % 3}`, `k${i}-${n}`, post(`${random(200)}`.repeat(30)))),
        ),
        false,
      )
    await snapshot()
    let rkeys = 0
    for (let i = 0; i < 250; i++) {
      const paths = [...pod.records.keys()]
      const some = Array.from({ length: 1 + random(8) }, () => paths[random(paths.length)]!)
      const distinct = [...new Set(some)].map((path) => path.split('/') as [string, string])
      const roll = random(10)
      if (roll < 4)
        await both(await pod.write([create(`app.example.c${random(4)}`, `n${rkeys++}`, post(`${random(200)}`.repeat(30)))]), true)
      else if (roll < 6) await both(await pod.write(distinct.map(([c, r]) => update(c, r, post(`${random(200)}`.repeat(31))))), true)
      else await both(await pod.write(distinct.map(([c, r]) => remove(c, r))), true)
      if (random(25) === 0) await restart()
      if (random(60) === 0) await snapshot()
      if (i % 25 === 0) await expectWhole()
    }
    await expectWhole()
    const other = await grown.answer(new Request(`https://pod.example/xrpc/com.atproto.sync.getRepo?did=${DID}`), {
      online: true,
      seenAt: 0,
    })
    expect(Buffer.from(await bytesOf(other!)).equals(await exported())).toBe(true)
    const rowsOf = ({ storage }: MemoryPort) => {
      const generation = (storage.rows.get('head') as { generation: number }).generation
      return [...storage.rows].flatMap(([key, value]) => (/^[nr]:/.test(key) ? [[key.replace(`:${generation}:`, ':'), value]] : [])).sort()
    }
    expect(rowsOf(port)).toEqual(rowsOf(grownPort))
  }, 60_000)
})
