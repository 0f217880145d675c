import { P256Keypair } from '@atproto/crypto'
import type { RecordWriteOp } from '@atproto/repo'
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { beforeEach, describe, expect, it } from 'vitest'
import { MAX_REPAIR_BLOCKS } from '../../wire/limits.ts'
import { Firehose } from '../firehose/firehose.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { DID, SigningPod, create, remove, update } from '../testing/signing-pod.ts'
import { BlockPull } from './block-pull.ts'
import { readCar, writeCarEntry } from './car.ts'
import { cidOfBlock } from './cid.ts'
import { Mirror } from './mirror.ts'
import { layerOf, parseNode, writeNode } from './node.ts'

const POST = 'app.bsky.feed.post'
const post = (text: string, ...blobs: readonly CID[]) => ({
  $type: POST,
  text,
  createdAt: '2026-01-01T00:00:00.000Z',
  pictures: blobs.map((ref) => ({ $type: 'blob', ref, mimeType: 'text/plain', size: 1 })),
})
const blobOf = async (letter: string) => CID.createV1(raw.code, await sha256.digest(new TextEncoder().encode(letter)))

class Room {
  readonly port = new MemoryPort()
  readonly frames: Uint8Array[] = []
  mirror!: Mirror

  static async of(pod: SigningPod): Promise<Room> {
    const room = new Room()
    await room.restart()
    await room.mirror.bind(pod.identity())
    return room
  }

  async restart(): Promise<void> {
    const firehose = await Firehose.open(this.port)
    this.mirror = await Mirror.open(this.port, firehose)
    const socket = this.port.socket()
    socket.send = (data) => void this.frames.push(data)
    await firehose.connect(socket, new Request('https://pod.example/xrpc/com.atproto.sync.subscribeRepos'))
  }

  async ask(path: string): Promise<Response> {
    return (await this.mirror.answer(new Request(`https://pod.example/xrpc/${path}`), { online: true, seenAt: 0 }))!
  }

  async repo(): Promise<Buffer> {
    return Buffer.from(await (await this.ask(`com.atproto.sync.getRepo?did=${DID}`)).arrayBuffer())
  }

  /** All that stands in storage of this kind, whatever the generation. */
  rows(...kinds: readonly string[]): Map<string, unknown> {
    const own = [...this.port.storage.rows].filter(([key]) => kinds.includes(key.split(':')[0]!))
    return new Map(own.map(([key, value]) => [key.replace(/^(\w):\d+:/, '$1:'), value] as const).sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  snapshot(pod: SigningPod): Promise<unknown> {
    const car = pod.car()
    const body = (async function* () {
      for (let at = 0; at < car.length; at += 60_000) yield car.slice(at, at + 60_000)
    })()
    return this.mirror.storeSnapshot(pod.head(), body, this.mirror.head()?.commit)
  }
}

/** A tab that answers what it is asked for; `blockOf` may lie. */
class RepairTab {
  readonly asked: string[] = []
  readonly #queue: Uint8Array[] = []
  readonly #blockOf: (cid: string) => Promise<Uint8Array> | Uint8Array
  #wake = () => {}
  #isGone = false

  constructor(blockOf: (cid: string) => Promise<Uint8Array> | Uint8Array) {
    this.#blockOf = blockOf
  }

  readonly pull = new BlockPull(this.#upload(), (cids) => {
    for (const cid of cids) this.asked.push(cid)
    this.#wake()
  })

  leave(): void {
    this.#isGone = true
    this.#wake()
  }

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes)
    this.#wake()
  }

  async *#upload(): AsyncGenerator<Uint8Array> {
    for (let next = 0; ;) {
      const pushed = this.#queue.shift()
      const cid = this.asked[next]
      if (this.#isGone) throw new Error('the socket is gone')
      else if (pushed) yield pushed
      else if (cid !== undefined) {
        next += 1
        yield section(cid, await this.#blockOf(cid))
      } else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

const section = (cid: string, bytes: Uint8Array): Uint8Array => {
  const entry = new Uint8Array(bytes.length + 48)
  return entry.subarray(0, writeCarEntry(entry, 0, cid, bytes))
}

const honest = (pod: SigningPod): RepairTab => new RepairTab((cid) => pod.blocks.get(cid)!)
const repair = (room: Room, pod: SigningPod, tab = honest(pod)) => room.mirror.repair(pod.head(), tab.pull, room.mirror.head()?.commit)
const cidsOf = async (car: Uint8Array) => new Set((await readCar(car)).blocks.keys())

describe('a repair', () => {
  it('makes the mirror that a snapshot makes, from any state to any other, and asks for the difference only', async () => {
    const blobs = await Promise.all(['x', 'y', 'z'].map(blobOf))
    const change = fc.record({ rkey: fc.integer({ min: 0, max: 60 }), text: fc.constantFrom('a', 'b', 'c', null), blob: fc.nat(3) })
    const commits = (max: number) => fc.array(fc.array(change, { maxLength: 12, minLength: 1 }), { maxLength: max, minLength: 1 })
    type Changes = ReadonlyArray<{ rkey: number; text: string | null; blob: number }>
    // The stock library leaves a record out of an event that takes it from one path and puts it at another.
    const play = async (pod: SigningPod, changes: Changes, isEvent: boolean) => {
      const last = new Map(changes.map((each) => [`k${each.rkey}`, each]))
      const isSame = async (rkey: string, record: object) => pod.records.get(`${POST}/${rkey}`) === (await cidOfBlock(encode(record)))
      const writes: RecordWriteOp[] = []
      for (const [rkey, { text, blob }] of last) {
        const record = post(isEvent ? `${rkey} ${text}` : (text ?? ''), ...blobs.slice(blob, blob + 1))
        const isThere = pod.records.has(`${POST}/${rkey}`)
        if (text === null) writes.push(...(isThere ? [remove(POST, rkey)] : []))
        else if (!isThere) writes.push(create(POST, rkey, record))
        else if (!(await isSame(rkey, record))) writes.push(update(POST, rkey, record))
      }
      return writes.length > 0 ? pod.write(writes) : null
    }
    await fc.assert(
      fc.asyncProperty(commits(4), commits(4), fc.boolean(), async (before, after, isPacked) => {
        const pod = await SigningPod.create()
        const [room, other] = [await Room.of(pod), await Room.of(pod)]
        const first = await pod.begin()
        if (!isPacked) await room.mirror.accept(...pod.next(first))
        for (const changes of before) {
          const event = await play(pod, changes, !isPacked)
          if (!isPacked && event) await room.mirror.accept(...pod.next(event))
        }
        for (const [at, blob] of blobs.entries()) {
          const declaration = { cid: blob.toString(), mime: 'text/plain', size: 1 }
          const body = async function* () {
            yield new TextEncoder().encode('xyz'[at])
          }
          await room.mirror.storeBlob(declaration, body())
          await other.mirror.storeBlob(declaration, body())
        }
        if (isPacked) await room.snapshot(pod)
        const old = await cidsOf(pod.car())
        for (const changes of after) await play(pod, changes, false)

        const sent = room.frames.length
        const tab = honest(pod)
        expect(await repair(room, pod, tab)).toEqual(pod.head())
        expect(new Set(tab.asked)).toEqual(new Set([...(await cidsOf(pod.car()))].filter((cid) => !old.has(cid))))
        expect(tab.asked).toHaveLength(new Set(tab.asked).size)
        expect(room.frames.slice(sent).map((frame) => Buffer.from(frame).includes('#sync'))).toEqual(tab.asked.length > 0 ? [true] : [])

        // A blob that no record mentioned at the snapshot is kept for six hours.
        room.port.clockOffsetMs = other.port.clockOffsetMs = 7 * 3_600_000
        await other.snapshot(pod)
        for (let restarts = 0; restarts < 2; restarts++) {
          expect(await room.repo()).toEqual(Buffer.from(pod.car()))
          expect(await room.repo()).toEqual(await other.repo())
          expect([...room.rows('r', 'g', 'n')]).toEqual([...other.rows('r', 'g', 'n')])
          expect([...room.rows('f').keys()]).toEqual([...other.rows('f').keys()])
          await room.restart()
          await room.mirror.bind(pod.identity())
        }
        expect([...room.rows('m').keys()]).toEqual([...other.rows('m').keys()])
        await room.mirror.accept(...pod.next(await pod.write([create(POST, 'next', post('next'))])))
        expect(await room.repo()).toEqual(Buffer.from(pod.car()))
      }),
      { numRuns: 12 },
    )
  }, 60_000)

  it('of a commit that changed nothing but the key, or of nothing at all, asks for no more than that', async () => {
    const pod = await SigningPod.create()
    const room = await Room.of(pod)
    await room.mirror.accept(...pod.next(await pod.begin()))
    const frames = room.frames.length
    const same = honest(pod)
    await repair(room, pod, same)
    expect([same.asked, room.frames.length]).toEqual([[], frames])
    await pod.write([create(POST, 'a', post('a'))])
    await pod.write([remove(POST, 'a')])
    const signed = honest(pod)
    await repair(room, pod, signed)
    expect([signed.asked, room.frames.length]).toEqual([[pod.head().commit], frames + 1])
    expect(await room.repo()).toEqual(Buffer.from(pod.car()))
  })
})

describe('a tree that is not what it should be', () => {
  let pod: SigningPod
  let room: Room
  beforeEach(async () => {
    pod = await SigningPod.create()
    room = await Room.of(pod)
    await pod.begin()
    await pod.write(Array.from({ length: 120 }, (_, i) => create(POST, `k${i}`, post(`${i}`))))
    await room.snapshot(pod)
  })

  const expectRefused = async (error: string, tab: RepairTab, head = pod.head(), replaces = room.mirror.head()?.commit): Promise<void> => {
    const { writes } = room.port.storage
    const before = await room.repo()
    await expect(room.mirror.repair(head, tab.pull, replaces)).rejects.toMatchObject({ error })
    expect(room.port.storage.writes).toBe(writes)
    expect(await room.repo()).toEqual(before)
  }
  /** A tree of these nodes, the root last, under a commit that is signed as it should be. */
  const forged = async (...nodes: ReadonlyArray<Uint8Array>) => {
    const blocks = new Map(pod.blocks)
    let data = ''
    for (const node of nodes) blocks.set((data = await cidOfBlock(node)), node)
    const rev = `${pod.head().rev.slice(0, -1)}z`
    const commit = await pod.signed(rev, data)
    blocks.set(commit.cid, commit.bytes)
    return { head: { rev, commit: commit.cid, data }, tab: new RepairTab((cid) => blocks.get(cid)!) }
  }
  const root = () => parseNode(pod.blocks.get(pod.head().data)!)
  /** Keys of a layer, greater than all that are there. */
  const keysOf = (layer: number, count: number, prefix = 'z'): string[] => {
    const keys: string[] = []
    for (let i = 0; keys.length < count; i++) {
      const key = `${POST}/${prefix}${String(i).padStart(6, '0')}`
      if (layerOf(key) === layer) keys.push(key)
    }
    return keys
  }

  it('is refused when its commit is of another key, of another repo, or older than the mirror', async () => {
    await pod.write([create(POST, 'new', post('new'))])
    const stranger = new SigningPod(await P256Keypair.create())
    await stranger.begin()
    await stranger.write([create(POST, 'new', post('new'))])
    await expectRefused('BadSignature', honest(stranger), stranger.head())
    await expectRefused('BadProof', honest(pod), { ...pod.head(), data: room.mirror.head()!.data })
    await expectRefused('BadRev', honest(pod), { ...pod.head(), rev: `${pod.head().rev.slice(0, -1)}z` })
    await expectRefused('OutOfSync', honest(pod), { ...pod.head(), rev: '2222222222222' })
  })

  it('is refused when the tab does not know the newest commit here, unless this is by the key of before a restore', async () => {
    await pod.write([create(POST, 'new', post('new'))])
    for (const unknown of [undefined, pod.head().commit, 'bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm']) {
      const { writes } = room.port.storage
      await expect(room.mirror.repair(pod.head(), honest(pod).pull, unknown)).rejects.toMatchObject({ error: 'OutOfSync' })
      await expect(room.mirror.storeSnapshot(pod.head(), never(), unknown)).rejects.toMatchObject({ error: 'OutOfSync' })
      expect(room.mirror.head()).not.toEqual(pod.head())
      expect(room.port.storage.writes).toBe(writes)
    }
    const restored = new SigningPod(await P256Keypair.create())
    await restored.begin()
    await restored.write([create(POST, 'k1', post('1'))])
    await room.mirror.bind(restored.identity())
    await room.mirror.repair(restored.head(), honest(restored).pull)
    expect(await room.repo()).toEqual(Buffer.from(restored.car()))
  })

  it('is refused when a block is not the one that was asked for, or none, or the tab goes on without being asked', async () => {
    await pod.write([create(POST, 'new', post('new'))])
    const { commit, data } = pod.head()
    const other = pod.blocks.get(pod.records.get(`${POST}/k7`)!)!
    await expectRefused('BadBlocks', new RepairTab((cid) => (cid === data ? other : pod.blocks.get(cid)!)))
    const unasked = honest(pod)
    unasked.push(section(data, pod.blocks.get(data)!))
    await expectRefused('BadBlocks', unasked)
    const endless = honest(pod)
    endless.push(section(commit, pod.blocks.get(commit)!))
    for (let i = 0; i < 3; i++) endless.push(section(commit, pod.blocks.get(commit)!))
    await expectRefused('BadBlocks', endless)
    const garbage = honest(pod)
    garbage.push(new Uint8Array(64).fill(0xff))
    await expectRefused('BadBlocks', garbage)
    const large = honest(pod)
    large.push(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
    await expectRefused('BadBlocks', large)
    await repair(room, pod)
    expect(await room.repo()).toEqual(Buffer.from(pod.car()))
  })

  it('is refused when a node is none, or a key is on a wrong layer, out of order, or there twice', async () => {
    const { keys, values, subtrees } = root()
    const [value] = values
    const [low] = keysOf(0, 1)
    const layer = layerOf(keys[0]!)
    const [high] = keysOf(layer, 1)
    const trees: ReadonlyArray<readonly [error: string, ...nodes: Uint8Array[]]> = [
      ['BadBlocks', Uint8Array.of(0xa0)],
      ['BadProof', writeNode({ keys: [...keys, low!], values: [...values, value!], subtrees: [...subtrees, null] })],
      // The last subtree stands behind a key that is greater than all of its own.
      [
        'BadProof',
        writeNode({ keys: [...keys, high!], values: [...values, value!], subtrees: [...subtrees.slice(0, -1), null, subtrees.at(-1)!] }),
      ],
      ['BadProof', writeNode({ keys, values, subtrees: [subtrees[0]!, ...subtrees.slice(0, -1)] })],
      ['BadProof', writeNode({ keys: [], values: [], subtrees: [pod.head().data] })],
      [
        'BadProof',
        writeNode({ keys: [], values: [], subtrees: [null] }),
        writeNode({
          keys: [high!],
          values: [value!],
          subtrees: [null, await cidOfBlock(writeNode({ keys: [], values: [], subtrees: [null] }))],
        }),
      ],
    ]
    for (const [error, ...nodes] of trees) {
      const { head, tab } = await forged(...nodes)
      await expectRefused(error, tab, head)
    }
  })

  it('is refused when it goes deeper than its top allows', async () => {
    const [leaf] = keysOf(0, 1)
    const [top] = keysOf(1, 1)
    const value = root().values[0]!
    const bottom = writeNode({ keys: [leaf!], values: [value], subtrees: [null, null] })
    const chain = [bottom]
    for (let i = 0; i < 50; i++) chain.push(writeNode({ keys: [], values: [], subtrees: [await cidOfBlock(chain.at(-1)!)] }))
    const isBefore = leaf! < top!
    const below = await cidOfBlock(chain.at(-1)!)
    const { head, tab } = await forged(
      ...chain,
      writeNode({ keys: [top!], values: [value], subtrees: isBefore ? [below, null] : [null, below] }),
    )
    await expectRefused('BadProof', tab, head)
    expect(tab.asked.length).toBeLessThan(4)
  })

  it('is too different when it has more blocks than a repair may bring', async () => {
    const [top] = keysOf(6, 1, 'zz')
    const keys = keysOf(0, MAX_REPAIR_BLOCKS)
    const values = await Promise.all(keys.map((key) => cidOfBlock(new TextEncoder().encode(key))))
    const leaves = writeNode({ keys, values, subtrees: Array.from({ length: keys.length + 1 }, () => null) })
    const chain = [leaves]
    for (let i = 1; i < 6; i++) chain.push(writeNode({ keys: [], values: [], subtrees: [await cidOfBlock(chain.at(-1)!)] }))
    const { head, tab } = await forged(
      ...chain,
      writeNode({ keys: [top!], values: [values[0]!], subtrees: [await cidOfBlock(chain.at(-1)!), null] }),
    )
    await expectRefused('TooDifferent', tab, head)
    expect(tab.asked.length).toBeLessThan(20)
  })

  it('that broke off leaves the old mirror, and is begun again', async () => {
    await pod.write(Array.from({ length: 60 }, (_, i) => update(POST, `k${2 * i}`, post(`new ${i}`))))
    const total = honest(pod)
    for (const answered of [0, 1, 5, 40]) {
      let left = answered
      const tab: RepairTab = new RepairTab((cid) => {
        if (left-- === 0) tab.leave()
        return pod.blocks.get(cid)!
      })
      await expectRefused('BadBlocks', tab)
      await room.restart()
    }
    await repair(room, pod, total)
    expect(await room.repo()).toEqual(Buffer.from(pod.car()))
    expect(total.asked.length).toBeGreaterThan(41)
  })

  it('of a mirror that has lost a block is left to a snapshot', async () => {
    await room.mirror.accept(...pod.next(await pod.write([create(POST, 'new', post('new'))])))
    await pod.write([update(POST, 'new', post('newer'))])
    await room.port.storage.delete([`b:1:${room.mirror.head()!.data}`])
    await room.restart()
    await expect(repair(room, pod)).rejects.toMatchObject({ error: 'TooDifferent' })
    await room.snapshot(pod)
    expect(await room.repo()).toEqual(Buffer.from(pod.car()))
  })
})

const never = (): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => {
    throw new Error('nobody should read this')
  },
})
