import { verifyRepoCar } from '@atproto/repo'
import { afterEach, expect, it, vi } from 'vitest'
import { CHECKPOINT_EVENTS, KEPT_EVENTS } from '../../wire/limits.ts'
import { openStore } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import { bytesOf, commitOf, create, DID, invert, makeRepo, NOTE, put, remove } from './fixtures.ts'
import { Repo } from './repo.ts'

// A request fails after it was made; idb hands a promise on as it is.
const noRoom = () => Promise.reject(new DOMException('no room', 'QuotaExceededError')) as unknown as IDBRequest<IDBValidKey>

afterEach(() => vi.restoreAllMocks())

it('loses nothing acknowledged when the worker is killed at any moment', async () => {
  const { store, vault, repo } = await makeRepo()
  let current = repo
  const acknowledged = new Map<string, string>()
  for (let round = 0; round < 12; round += 1) {
    const calls = Array.from({ length: 6 }, (_, at) => {
      const rkey = `r${round}k${at}`
      return current.write([create(rkey, rkey)]).then((outcome) => acknowledged.set(rkey, outcome.commit!.rev))
    })
    const results = Promise.allSettled(calls)
    await Promise.race([calls[round % 6], new Promise((resolve) => setTimeout(resolve, round % 3))])
    // The old object goes on with what it has, as a worker that is slow to die would.
    current = await Repo.open(store, vault)
    await results
  }
  current = await Repo.open(store, vault)
  for (const rkey of acknowledged.keys()) expect(await current.record(NOTE, rkey), rkey).not.toBeNull()
  const events = (await current.eventsAfter(1, 500)).map(commitOf)
  for (const event of events) expect((await invert(event)).prevData).toBe(String(event.prevData))
  const { creates } = await verifyRepoCar(await bytesOf(current.car()), DID, vault.signingDidKey)
  expect(creates.length).toBe(events.flatMap(({ ops }) => ops).length)
})

it('plans anew on what another worker has landed', async () => {
  const { name, vault, repo } = await makeRepo()
  const other = await Repo.open(await openStore(name), vault)
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([
      ...Array.from({ length: 4 }, (_, at) => repo.write([create(`a${round}-${at}`, 'a')])),
      ...Array.from({ length: 4 }, (_, at) => other.write([create(`b${round}-${at}`, 'b')])),
    ])
    if (round === 2) await other.close()
  }
  await Promise.all([repo.announce({ kind: 'sync' }), other.announce({ kind: 'identity', handle: 'x.test' })])
  const last = await Repo.open(await openStore(name), vault)
  expect(await last.collections()).toEqual([{ name: NOTE, count: 40 }])
  await verifyRepoCar(await bytesOf(last.car()), DID, vault.signingDidKey)
  const rows = await last.eventsAfter(0, 100)
  expect(rows.map(({ event }) => event)).toEqual(Array.from({ length: 43 }, (_, at) => at + 1))
})

it('answers a repeated key with the recorded outcome, in flight, later, and after a restart', async () => {
  const { store, vault, repo } = await makeRepo()
  const twice = await Promise.all([repo.write([create('a', 'a')], { key: 'k1' }), repo.write([create('a', 'a')], { key: 'k1' })])
  expect(twice[1]).toEqual(twice[0])
  expect(await repo.write([create('a', 'a')], { key: 'k1' })).toEqual(twice[0])
  const reopened = await Repo.open(store, vault)
  expect(await reopened.write([create('a', 'a')], { key: 'k1' })).toEqual(twice[0])
  expect(reopened.head().commit).toBe(twice[0].commit?.cid)
})

it('finds the answer that another worker has recorded meanwhile', async () => {
  const { name, vault, repo } = await makeRepo()
  const other = await Repo.open(await openStore(name), vault)
  const first = await repo.write([create('a', 'a')], { key: 'k1' })
  expect(await other.write([create('a', 'a')], { key: 'k1' })).toEqual(first)
})

it('answers StorageFull when the disk is, and leaves the repo as it was', async () => {
  const { store, vault, repo } = await makeRepo()
  await repo.write([create('a', 'a')])
  const before = repo.head()
  const put = IDBObjectStore.prototype.put
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args) {
    if (this.name === 'records') return noRoom()
    return put.apply(this, args)
  })
  await expect(repo.write([create('b', 'b')])).rejects.toMatchObject({ status: 507, error: 'StorageFull' })
  expect(repo.head()).toEqual(before)
  vi.restoreAllMocks()
  expect(await readPod(store, 'head')).toEqual(before)
  await repo.write([create('c', 'c')])
  const { creates } = await verifyRepoCar(await bytesOf(repo.car()), DID, vault.signingDidKey)
  expect(creates.map(({ rkey }) => rkey)).toEqual(['a', 'c'])
})

it('lets one write that does not fit fail alone among those landed with it', async () => {
  const { repo } = await makeRepo()
  const put = IDBObjectStore.prototype.put
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args) {
    if (this.name === 'records' && (args[0] as { rkey: string }).rkey === 'big') return noRoom()
    return put.apply(this, args)
  })
  const settled = await Promise.allSettled(['a', 'b', 'big', 'c', 'd'].map((rkey) => repo.write([create(rkey, rkey)])))
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
})

it('checkpoints by itself, and prunes what is both acknowledged and written down', { timeout: 60_000 }, async () => {
  const { store, vault, repo } = await makeRepo()
  const rounds = Math.ceil((KEPT_EVENTS + CHECKPOINT_EVENTS + 100) / 50)
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(Array.from({ length: 50 }, (_, at) => repo.write([put(`k${(round * 50 + at) % 200}`, `${round}`)])))
    if (round === 10) expect(await repo.oldestEvent()).toBe(1)
  }
  expect((await readPod(store, 'checkpoint'))!.event).toBeGreaterThan(KEPT_EVENTS)
  expect(await repo.oldestEvent()).toBe(1)
  await repo.acknowledge(repo.head().event)
  await repo.write([put('last', 'last')])
  await repo.close()
  const newest = repo.head().event
  expect(await repo.oldestEvent()).toBe(newest - KEPT_EVENTS + 1)
  const reopened = await Repo.open(store, vault)
  expect(reopened.head()).toEqual(repo.head())
  expect(await reopened.acknowledged()).toBe(newest - 1)
  await reopened.write([remove('last')])
  expect((await reopened.eventOfRev(repo.head().rev))?.event).toBe(newest)
  expect(await reopened.eventOfRev('2222222222222')).toBeUndefined()
})

it('tells its listeners of every event, in order, and of none that failed', async () => {
  const { repo } = await makeRepo()
  const heard: number[] = []
  const stop = repo.onEvent((row) => heard.push(row.event))
  await Promise.allSettled([
    repo.write([create('a', 'a')]),
    repo.write([create('a', 'b')]),
    repo.announce({ kind: 'account', active: true }),
  ])
  stop()
  await repo.write([create('c', 'c')])
  expect(heard).toEqual([2, 3])
})
