import { expect, test } from 'vitest'
import { openStore } from '../store/open.ts'
import { bytesOf, create, makeRepo, makeVault, NOTE, put, remove } from './fixtures.ts'
import { streamOf } from './import-fixtures.ts'
import { Repo } from './repo.ts'

const STORES = ['pod', 'records', 'nodes', 'events', 'blobs', 'blobRefs', 'answers'] as const

/** A repo and the same repo as it was earlier, in a store of its own: what a power cut leaves. */
const cutOff = async () => {
  const whole = await makeRepo()
  await whole.repo.write([create('a', 'one'), create('b', 'two'), create('c', 'three')])
  const store = await openStore(`${whole.name}-earlier`)
  for (const name of STORES) {
    const [keys, rows] = await Promise.all([whole.store.getAllKeys(name), whole.store.getAll(name)])
    const isInline = store.transaction(name).store.keyPath !== null
    for (const [at, key] of keys.entries()) await (isInline ? store.put(name, rows[at]!) : store.put(name, rows[at]!, key as never))
  }
  const earlier = await Repo.open(store, whole.vault)
  for (let n = 0; n < 30; n++) await whole.repo.write([create(`later-${n}`, `text ${n}`)])
  await whole.repo.write([put('a', 'changed'), remove('b')])
  return { whole, earlier, store, vault: whole.vault }
}

const values = async (repo: Repo) => (await repo.list({ collection: NOTE, limit: 100, reverse: true })).records

test('a pod takes back what it had signed, and goes on from there', async () => {
  const { whole, earlier, store, vault } = await cutOff()
  await earlier.adopt(await bytesOf(whole.repo.car(earlier.head().rev)), whole.repo.head().event)
  expect(earlier.head()).toMatchObject({ commit: whole.repo.head().commit, data: whole.repo.head().data })
  expect(earlier.head().event).toBeGreaterThanOrEqual(whole.repo.head().event)
  expect(await values(earlier)).toEqual(await values(whole.repo))
  expect(await earlier.acknowledged()).toBe(earlier.head().event)

  await earlier.write([create('after', 'it goes on')])
  const reopened = await Repo.open(store, vault)
  expect(reopened.head()).toEqual(earlier.head())
  expect(await bytesOf(reopened.car())).toEqual(await bytesOf(earlier.car()))
  expect((await reopened.eventsAfter(0, 100)).at(-1)).toMatchObject({ since: whole.repo.head().rev })
})

test('commits of another key, older ones, and CARs that are not whole are refused and change nothing', async () => {
  const { whole, earlier, store } = await cutOff()
  const car = await bytesOf(whole.repo.car(earlier.head().rev))
  const before = earlier.head()
  const stranger = await makeVault()
  const foreign = await Repo.open(store, stranger)
  await expect(foreign.adopt(car, 40)).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  const torn = car.slice(0, car.length - 40)
  await expect(earlier.adopt(torn, 40)).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  const flipped = car.slice()
  flipped[flipped.length - 3]! ^= 1
  await expect(earlier.adopt(flipped, 40)).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  await expect(whole.repo.adopt(await bytesOf(earlier.car()), 40)).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  expect(earlier.head()).toEqual(before)
  await expect(earlier.adopt(new Uint8Array(0), 40)).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  expect(await values(earlier)).toHaveLength(3)
})

test('more than a row of the log may hold is refused, and the pod still opens', async () => {
  const { whole, earlier, store, vault } = await cutOff()
  const before = earlier.head()
  const text = 'x'.repeat(900_000)
  for (const rkey of ['large-1', 'large-2', 'large-3']) await whole.repo.write([create(rkey, text)])
  const car = await bytesOf(whole.repo.car(before.rev))
  await expect(earlier.adopt(car, whole.repo.head().event)).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  expect((await Repo.open(store, vault)).head()).toEqual(before)
})

test('a pod that lost more takes back the whole repo, in one step, and goes on from there', async () => {
  const { whole, earlier, store, vault } = await cutOff()
  const before = earlier.head()
  const { event } = whole.repo.head()
  const car = await bytesOf(whole.repo.car())

  const flipped = car.slice()
  flipped[flipped.length - 3]! ^= 1
  for (const bad of [flipped, car.slice(0, -40)])
    await expect(earlier.adoptAll(streamOf(bad), event)).rejects.toMatchObject({ status: 400 })
  const foreign = await Repo.open(store, await makeVault())
  await expect(foreign.adoptAll(streamOf(car), event)).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  const old = await bytesOf(earlier.car())
  await expect(whole.repo.adoptAll(streamOf(old), event)).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  expect((await Repo.open(store, vault)).head()).toEqual(before)

  await earlier.adoptAll(streamOf(car), event + 7)
  expect(earlier.head()).toMatchObject({ commit: whole.repo.head().commit, rev: whole.repo.head().rev, event: event + 7 })
  expect(await earlier.acknowledged()).toBe(event + 7)
  expect(await values(earlier)).toEqual(await values(whole.repo))
  expect(earlier.imported()?.knows).toContain(before.rev)
  await earlier.write([create('after', 'it goes on')])
  const reopened = await Repo.open(store, vault)
  expect(await bytesOf(reopened.car())).toEqual(await bytesOf(earlier.car()))
  expect((await reopened.eventsAfter(0, 100)).at(-1)).toMatchObject({ since: whole.repo.head().rev, event: event + 8 })
})
