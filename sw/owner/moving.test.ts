import 'fake-indexeddb/auto'
import { cidForRawBytes } from '@atproto/lex-data'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Activity } from '../../wire/owner.ts'
import { createPod, createVacantPod, type Pod } from '../app.ts'
import { NOTE } from '../repo/fixtures.ts'
import { elsewhere, notes } from '../repo/import-fixtures.ts'
import { openStore } from '../store/open.ts'
import { importBlobs, importRepo } from './moving.ts'

const ORIGIN = 'http://localhost:1999'
const DID = 'did:web:localhost%3A1999'
const fetch = () => Promise.reject(new TypeError('no network in tests'))

let pod: Pod
let said: Extract<Activity, { kind: 'progress' }>[]
const hear = (progress: Extract<Activity, { kind: 'progress' }>) => void said.push(progress)
beforeEach(async () => {
  said = []
  pod = await createPod(
    await openStore(crypto.randomUUID()),
    { handle: 'alice.test', password: 'correct horse', origin: ORIGIN },
    { fetch },
  )
})
afterEach(() => pod.close())

const picture = async (text: string) => {
  const bytes = new TextEncoder().encode(text)
  const blob = { $type: 'blob', ref: await cidForRawBytes(bytes), mimeType: 'text/plain', size: bytes.length }
  return { file: new Blob([bytes], { type: 'text/plain' }), blob }
}
const carOf = async (...files: Array<Awaited<ReturnType<typeof picture>>>): Promise<Blob> => {
  const pictures = files.map(({ blob }, at): [string, never] => [`${NOTE}/z${at}`, { $type: NOTE, image: blob } as never])
  const { car } = await elsewhere([...notes(30), ...pictures], DID)
  return new Blob([new Uint8Array(car)])
}

test('a repo and its blobs come in as files, and say how far they are', async () => {
  const [one, two, stranger] = await Promise.all([picture('one'), picture('two'), picture('of another account')])
  const summary = await importRepo(pod, await carOf(one, two), hear)
  expect(summary.collections.reduce((sum, { count }) => sum + count, 0)).toBe(32)
  expect(said.at(-1)).toMatchObject({ work: 'records', done: 32 })
  expect(await importBlobs(pod, [one.file, stranger.file, two.file], hear)).toEqual({ taken: 2, refused: 1 })
  expect(said.at(-1)).toEqual({ kind: 'progress', work: 'blobs', done: 3, total: 3 })
  expect(await pod.blobs.counts()).toEqual({ expected: 2, imported: 2 })
})

test('a file that no record mentions is not stored', async () => {
  const stranger = await picture('of another account')
  await importRepo(pod, await carOf(), hear)
  await importBlobs(pod, [stranger.file], hear)
  expect(await pod.blobs.get(String(stranger.blob.ref))).toBeNull()
})

test('the same files again are no mistake', async () => {
  const one = await picture('one')
  await importRepo(pod, await carOf(one), hear)
  await importBlobs(pod, [one.file], hear)
  expect(await importBlobs(pod, [one.file], hear)).toEqual({ taken: 1, refused: 0 })
})

test('records that people read are replaced only when the account is not active', async () => {
  await importRepo(pod, await carOf(), hear)
  await expect(importRepo(pod, await carOf(), hear)).rejects.toMatchObject({ status: 400, error: 'RepoNotEmpty' })
  await pod.account.standing.deactivate()
  await importRepo(pod, await carOf(), hear)
})

test('what is no repo is refused, and nothing changes', async () => {
  const before = pod.repo.head()
  await expect(importRepo(pod, new Blob(['hello']), hear)).rejects.toMatchObject({ status: 400 })
  expect(pod.repo.head()).toEqual(before)
})

test('nothing comes in before an account has', async () => {
  const vacant = await createVacantPod(await openStore(crypto.randomUUID()), ORIGIN, { fetch })
  await expect(importRepo(vacant, await carOf(), hear)).rejects.toMatchObject({ error: 'AccountNotHere' })
  await vacant.close()
})
