import { verifyRepoCar } from '@atproto/repo'
import { expect, it } from 'vitest'
import { bytesOf, create, DID, makeRepo, NOTE, put, remove } from './fixtures.ts'
import { Repo } from './repo.ts'

const keys = (count: number, step: number, from = 0): string[] => Array.from({ length: count }, (_, at) => `k${1000 + from + at * step}`)

it('lets the records of a large commit share rows, and reads, changes and deletes them like any other', async () => {
  const { repo, store, vault } = await makeRepo()
  await repo.write(keys(150, 4).map((rkey) => create(rkey, rkey)))
  expect(await store.count('records')).toBe(0)
  expect(await store.count('recordPacks')).toBe(3)
  // These lie between, so they get rows of their own; those after them do not.
  await repo.write(keys(30, 4, 2).map((rkey) => create(rkey, rkey)))
  expect(await store.count('records')).toBe(30)
  await repo.write(keys(20, 1, 5000).map((rkey) => create(rkey, rkey)))
  expect(await store.count('records')).toBe(30)
  await repo.write([...keys(100, 4).map((rkey) => put(rkey, 'changed')), ...keys(10, 4, 2).map((rkey) => remove(rkey)), remove('k6000')])
  await repo.write([remove('k1400')])
  const reopened = await Repo.open(store, vault)
  expect(await reopened.collections()).toEqual([{ name: NOTE, count: 188 }])
  expect((await reopened.blockCounts()).records).toBe(188)
  const { records } = await reopened.list({ collection: NOTE, limit: 500, reverse: true })
  const gone = new Set([...keys(10, 4, 2), 'k6000', 'k1400'])
  const expected = [...keys(150, 4), ...keys(30, 4, 2), ...keys(20, 1, 5000)].filter((rkey) => !gone.has(rkey)).toSorted()
  expect(records.map(({ uri }) => uri.split('/').at(-1))).toEqual(expected)
  expect(records.filter(({ value }) => value['text'] === 'changed')).toHaveLength(100)
  expect((await verifyRepoCar(await bytesOf(reopened.car()), DID, vault.signingDidKey)).creates).toHaveLength(188)
})

it('gives the last record of a pack its due: the pack goes with it', async () => {
  const { repo, store } = await makeRepo()
  await repo.write(keys(20, 1).map((rkey) => create(rkey, rkey)))
  await repo.write(keys(20, 1).map((rkey) => remove(rkey)))
  expect(await store.count('recordPacks')).toBe(0)
  expect(await repo.collections()).toEqual([])
  expect(repo.isEmpty()).toBe(true)
})

it('finishes the export it began while packed records are rewritten', async () => {
  const { repo, vault } = await makeRepo()
  await repo.write(keys(180, 1).map((rkey) => create(rkey, rkey)))
  const reader = repo.car()
  await repo.write(keys(180, 1).map((rkey, at) => (at % 2 ? remove(rkey) : put(rkey, 'changed'))))
  const { creates } = await verifyRepoCar(await bytesOf(reader), DID, vault.signingDidKey)
  expect(creates).toHaveLength(180)
})
