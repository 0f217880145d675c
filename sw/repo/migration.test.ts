import { verifyRepoCar } from '@atproto/repo'
import { expect, it } from 'vitest'
import { bytesOf, create, DID, makeRepo, NOTE, put, remove } from './fixtures.ts'
import { Repo } from './repo.ts'
import { openStore } from '../store/open.ts'
import { copyAsVersion1 } from '../store/testing.ts'

it('a database of version 1 keeps its records, and takes writes and imports', async () => {
  const { repo, store, vault } = await makeRepo()
  // So few at a time that no packs are made, which there were none of.
  for (let from = 0; from < 60; from += 10) {
    await repo.write(Array.from({ length: 10 }, (_, at) => create(`k${from + at}`, `text ${from + at}`)))
  }
  await repo.close()
  await repo.write([create('last', 'only in the log'), remove('k7')])
  await copyAsVersion1(store, 'version-1')
  const upgraded = await openStore('version-1')
  const reopened = await Repo.open(upgraded, vault)
  expect((await reopened.record(NOTE, 'k3'))?.value).toEqual({ $type: NOTE, text: 'text 3' })
  expect(await reopened.collections()).toEqual([{ name: NOTE, count: 60 }])
  expect(await reopened.blockCounts()).toEqual(await repo.blockCounts())
  await reopened.write([put('k3', 'changed')])
  const car = await bytesOf(reopened.car())
  expect((await verifyRepoCar(car, DID, vault.signingDidKey)).creates).toHaveLength(60)
  await reopened.import(new Blob([car.slice()]).stream())
  expect((await (await Repo.open(upgraded, vault)).record(NOTE, 'k3'))?.value).toEqual({ $type: NOTE, text: 'changed' })
})
