import { Secp256k1Keypair } from '@atproto/crypto'
import { type Cid, cidForCbor } from '@atproto/lex-data'
import { blocksToCarFile, BlockMap, MemoryBlockstore, MST, verifyRepoCar } from '@atproto/repo'
import { encode } from '@ipld/dag-cbor'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { concat } from '../../wire/bytes.ts'
import { MAX_RECORD_BYTES } from '../../wire/limits.ts'
import { openStore } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import { writeCar } from './car.ts'
import { bytesOf, create, DID, makeRepo, NOTE } from './fixtures.ts'
import { blockOf, elsewhere, notes, sealed, streamOf } from './import-fixtures.ts'
import { Repo } from './repo.ts'
import { nextTid } from './tid.ts'

afterEach(() => vi.restoreAllMocks())

describe('what is wrong with an import', () => {
  const refusedWith = async (car: Uint8Array | ReadableStream<Uint8Array>, error: object, options: { signingKey?: string } = {}) => {
    const { repo, store, vault } = await makeRepo()
    await repo.write([create('mine', 'mine')])
    const before = repo.head()
    const stream = car instanceof Uint8Array ? streamOf(car) : car
    await expect(repo.import(stream, options)).rejects.toMatchObject(error)
    expect(repo.head()).toEqual(before)
    for (const name of ['staged', 'recordPacks', 'nodePacks'] as const) expect(await store.count(name), name).toBe(0)
    await repo.write([create('later', 'later')])
    const { creates } = await verifyRepoCar(await bytesOf(repo.car()), DID, vault.signingDidKey)
    expect(creates.map(({ rkey }) => rkey)).toEqual(['later', 'mine'])
  }
  const CAR = { status: 400, error: 'InvalidRequest' }
  const REPO = { status: 400, error: 'InvalidRepo' }

  it('a missing record, a missing node, a missing commit', async () => {
    const { repo, blocks, car } = await elsewhere(notes(100))
    const leaf = (await repo.data.leaves())[50]!
    const node = (await repo.data.allNodes()).findLast((entry) => entry.isTree()) as MST
    for (const cid of [leaf.value, await node.getPointer(), repo.cid]) {
      const rest = new BlockMap()
      rest.addMap(blocks)
      rest.delete(cid)
      await refusedWith(await blocksToCarFile(repo.cid, rest), REPO)
    }
    expect(car.length).toBeGreaterThan(0)
  })

  it('a block that is not what its CID says', async () => {
    const { car } = await elsewhere(notes(30))
    const changed = car.slice()
    changed[changed.length - 3]! ^= 1
    await refusedWith(changed, CAR)
  })

  it('another key, another account, a signature that is none', async () => {
    const { car, key, repo, blocks } = await elsewhere(notes(5))
    await refusedWith(car, REPO, { signingKey: (await Secp256k1Keypair.create()).did() })
    await refusedWith((await elsewhere(notes(5), 'did:web:mallory.example')).car, REPO)
    const odd = await sealed(repo.data.pointer, { sign: async () => new Uint8Array(3) })
    await refusedWith(writeCar(odd.cid, [odd, ...blocks.entries()]), REPO, { signingKey: key.did() })
  })

  it('a rev that is none, or of the day after tomorrow, or a root that is no commit', async () => {
    const { key, repo, blocks } = await elsewhere(notes(5))
    for (const rev of ['today', nextTid(null, Date.now() + 2 * 86_400_000)]) {
      const commit = await sealed(repo.data.pointer, key, { rev })
      await refusedWith(writeCar(commit.cid, [commit, ...blocks.entries()]), REPO)
    }
    await refusedWith(writeCar(repo.data.pointer, blocks.entries()), REPO)
  })

  it('two roots, none, a header that is no header or longer than any', async () => {
    const { repo, car } = await elsewhere(notes(2))
    const headed = (header: unknown) => {
      const bytes = encode(header)
      return concat([Uint8Array.of((bytes.length & 0x7f) | 0x80, bytes.length >> 7), bytes, car.subarray(car[0]! + 1)])
    }
    await refusedWith(headed({ version: 1, roots: [repo.cid, repo.cid] }), CAR)
    await refusedWith(headed({ version: 1, roots: [] }), CAR)
    await refusedWith(headed({ version: 2, roots: [repo.cid] }), CAR)
    await refusedWith(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3), CAR)
    await refusedWith(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), CAR)
    await refusedWith(Uint8Array.of(3, 1, 2, 3), CAR)
    await refusedWith(new Uint8Array(0), CAR)
  })

  it('a length beyond what came, beyond any block, and an end in the middle', async () => {
    const { car } = await elsewhere(notes(20))
    for (const cut of [car.length - 1, car.length >> 1, car[0]! + 2, 10]) await refusedWith(car.slice(0, cut), CAR)
    await refusedWith(concat([car, Uint8Array.of(0xff, 0xff, 0xff, 0x7f)]), CAR)
    await refusedWith(concat([car, Uint8Array.of(0)]), CAR)
    await refusedWith(concat([car, Uint8Array.of(5, 1, 2, 3, 4, 5)]), CAR)
  })

  it('a record that is too large, no map, or outside of the data model', async () => {
    const key = await Secp256k1Keypair.create()
    for (const [value, error] of [
      [{ $type: NOTE, text: 'x'.repeat(MAX_RECORD_BYTES) }, CAR],
      ['text', REPO],
      [{ $type: NOTE, size: 0.5 }, REPO],
      [[1, 2], REPO],
    ] as const) {
      const record = await blockOf(value)
      const tree = await (await MST.create(new MemoryBlockstore())).add(`${NOTE}/a`, record.cid)
      const { root, blocks } = await tree.getUnstoredBlocks()
      const commit = await sealed(root, key)
      await refusedWith(writeCar(commit.cid, [commit, ...blocks.entries(), record]), error)
    }
  })

  it('paths that are none', async () => {
    const key = await Secp256k1Keypair.create()
    const record = await blockOf({ $type: NOTE })
    for (const path of ['notes/a', `${NOTE}/a/b`, `${NOTE}/..`, `${NOTE}/ä`, NOTE]) {
      const node = await blockOf({ l: null, e: [{ p: 0, k: new TextEncoder().encode(path), v: record.cid, t: null }] })
      const commit = await sealed(node.cid, key)
      await refusedWith(writeCar(commit.cid, [commit, node, record]), REPO)
    }
  })

  it('trees that are out of order, at the wrong layer, too deep, spread out, or written in another form', async () => {
    const key = await Secp256k1Keypair.create()
    const record = await blockOf({ $type: NOTE })
    const text = (path: string) => new TextEncoder().encode(path)
    const leaf = (path: string, p = 0, t: Cid | null = null) => ({ p, k: text(path), v: record.cid, t })
    // Both of layer 0; `key45` lies two layers up.
    const [a, b, high] = [`${NOTE}/key1`, `${NOTE}/key2`, `${NOTE}/key45`]
    const shared = NOTE.length + 4
    const good = { l: null, e: [leaf(a), leaf('2', shared)] }
    const low = await blockOf(good)
    const bridge = await blockOf({ l: low.cid, e: [] })
    const empty = await blockOf({ l: null, e: [] })
    const trees: ReadonlyArray<readonly [why: string, node: unknown, more?: ReadonlyArray<{ cid: Cid; bytes: Uint8Array }>]> = [
      ['unsorted', { l: null, e: [leaf(b), leaf('1', shared)] }],
      ['twice', { l: null, e: [leaf(a), leaf('', shared + 1)] }],
      ['not shortened', { l: null, e: [leaf(a), leaf(b)] }],
      ['prefix of nothing', { l: null, e: [leaf('x', 4)] }],
      ['two layers in one node', { l: null, e: [leaf(b), leaf('45', shared)] }],
      ['a subtree too far down', { l: low.cid, e: [leaf(high)] }, [low]],
      ['the same subtree twice', { l: bridge.cid, e: [leaf(high, 0, bridge.cid)] }, [bridge, low]],
      ['an empty node', { l: empty.cid, e: [leaf(high)] }, [empty]],
      ['below the lowest layer', { l: empty.cid, e: [leaf(a)] }, [empty]],
      ['a root that only bridges', { l: low.cid, e: [] }, [low]],
      ['something more', { ...good, x: 1 }],
      ['no node', { hello: 'world' }],
    ]
    for (const [why, node, more = []] of trees) {
      const root = await blockOf(node)
      const commit = await sealed(root.cid, key)
      await refusedWith(writeCar(commit.cid, [commit, root, ...more, record]), REPO).catch((cause: unknown) => {
        throw new Error(why, { cause })
      })
    }
    const { repo } = await makeRepo()
    const root = await blockOf({ l: bridge.cid, e: [leaf(high)] })
    const commit = await sealed(root.cid, key)
    await repo.import(streamOf(writeCar(commit.cid, [commit, root, bridge, low, record])))
    expect((await repo.blockCounts()).records).toBe(3)
  })

  it('a node that names itself cannot be made: what stands for it has another hash', async () => {
    const key = await Secp256k1Keypair.create()
    const record = await blockOf({ $type: NOTE })
    const fake = await cidForCbor(encode('cycle'))
    const node = {
      cid: fake,
      bytes: encode({ l: fake, e: [{ p: 0, k: new TextEncoder().encode(`${NOTE}/key45`), v: record.cid, t: null }] }),
    }
    const commit = await sealed(fake, key)
    await refusedWith(writeCar(commit.cid, [commit, node, record]), CAR)
  })

  it('a source that breaks off, and a store that is closed or full in the middle', async () => {
    const { car } = await elsewhere(notes(200))
    let sent = false
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) controller.error(new TypeError('network error'))
        else controller.enqueue(car.slice(0, 5000))
        sent = true
      },
    })
    await refusedWith(broken, CAR)
    const bench = await makeRepo()
    await bench.repo.write([create('mine', 'mine')])
    const before = bench.repo.head()
    let pulls = 0
    const cutting = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 0) return controller.enqueue(car.slice())
        bench.store.close()
        controller.close()
      },
    })
    await expect(bench.repo.import(cutting)).rejects.toThrow()
    const store = await openStore(bench.name)
    const reopened = await Repo.open(store, bench.vault)
    expect(reopened.head()).toEqual(before)
    expect(await readPod(store, 'importing')).toBeUndefined()
    const put = IDBObjectStore.prototype.put
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args) {
      if (this.name === 'recordPacks')
        return Promise.reject(new DOMException('no room', 'QuotaExceededError')) as unknown as IDBRequest<IDBValidKey>
      return put.apply(this, args)
    })
    await expect(reopened.import(streamOf(car))).rejects.toMatchObject({ status: 507, error: 'StorageFull' })
    vi.restoreAllMocks()
    expect(reopened.head()).toEqual(before)
    for (const name of ['staged', 'recordPacks', 'nodePacks'] as const) expect(await store.count(name), name).toBe(0)
    await reopened.import(streamOf(car))
    expect((await reopened.blockCounts()).records).toBe(200)
  })

  it('a worker that was replaced in the middle: the new one sweeps, the old one gives up', async () => {
    const { repo, store, vault } = await makeRepo()
    const { car } = await elsewhere(notes(100))
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    let pulls = 0
    const slow = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (pulls++ === 0) return controller.enqueue(car.slice())
        await held
        controller.close()
      },
    })
    const importing = repo.import(slow)
    await vi.waitFor(async () => expect(await readPod(store, 'importing')).toBeDefined())
    const before = repo.head()
    const other = await Repo.open(store, vault)
    release()
    await expect(importing).rejects.toMatchObject({ status: 503, error: 'RepoMoved' })
    expect((await Repo.open(store, vault)).head()).toEqual(before)
    await other.write([create('a', 'a')])
    expect((await other.blockCounts()).records).toBe(1)
  })
})
