import 'fake-indexeddb/auto'
import { verifyRepoCar } from '@atproto/repo'
import { beforeEach, expect, test } from 'vitest'
import { decodeEvent } from '../wire/event.ts'
import { createPod, openPod, type Pod } from './app.ts'
import { DIRECTORY, FakeDirectory } from './identity/testing.ts'
import { makeSigningPair } from './identity/key-vault.ts'
import { openStore, type Store } from './store/open.ts'
import { changePod, readPod } from './store/pod.ts'

const wanted = { handle: 'alice.test', password: 'correct horse', origin: 'http://localhost:1999' }
const POST = 'app.bsky.feed.post'

let store: Store
let directory: FakeDirectory
let pod: Pod
/** The pod that came after the key was changed. */
let reopened: Promise<Pod>

beforeEach(async () => {
  store = await openStore(crypto.randomUUID())
  directory = new FakeDirectory()
  await setUp(DIRECTORY)
})

const options = () => ({ fetch: directory.fetch, hooks: { filled: () => void (reopened = open()) } })
const open = async (): Promise<Pod> => {
  const found = await openPod(store, options())
  if (!found) throw new Error('no pod lives here')
  return found
}
const setUp = async (plc?: string) => {
  reopened = Promise.reject(new Error('the pod was not composed anew'))
  reopened.catch(() => {})
  pod = await createPod(store, { ...wanted, ...(plc !== undefined && { plc }) }, options())
  await post(pod, 'before')
}
const post = (into: Pod, text: string) =>
  into.repo.write([{ action: 'create', collection: POST, record: { $type: POST, text, createdAt: '2026-11-20T12:00:00.000Z' } }])
const texts = async (of: Pod) =>
  (await of.repo.list({ collection: POST, limit: 9, reverse: true })).records.map(({ value }) => value['text'])
const named = () => directory.last(pod.identity.did).verificationMethods['atproto']
/** By the key of the pod, with the reference's own library. */
const verified = async (of: Pod) => {
  const car = new Uint8Array(await new Response(of.repo.car() as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer())
  return (await verifyRepoCar(car, of.identity.did, of.vault.signingDidKey)).creates
}
const kindsAfter = async (of: Pod, event: number) => (await of.repo.eventsAfter(event, 99)).map(({ body }) => decodeEvent(body).kind)

test('DID, document and every signature are by the new key, and nothing of the repo is lost', async () => {
  const before = { key: pod.vault.signingDidKey, ...pod.repo.head() }
  await pod.rotateSigningKey()
  const after = await reopened
  expect(after.vault.signingDidKey).not.toBe(before.key)
  expect(named()).toBe(after.vault.signingDidKey)
  expect(after.identity.document.verificationMethod[0]?.publicKeyMultibase).toBe(named()?.slice('did:key:'.length))
  expect(after.repo.head()).toMatchObject({ data: before.data })
  expect(after.repo.head().rev > before.rev).toBe(true)
  expect(await verified(after)).toHaveLength(1)
  expect(await kindsAfter(after, before.event)).toEqual(['identity', 'sync'])

  await post(after, 'after')
  expect(await texts(after)).toEqual(['before', 'after'])
  expect(await verified(after)).toHaveLength(2)
  await after.repo.close()
  expect(await readPod(store, 'keys')).not.toHaveProperty('isUnsigned')
  expect(await texts(await open())).toEqual(['before', 'after'])
})

test('a did:web of this host changes its key with its document', async () => {
  store = await openStore(crypto.randomUUID())
  await setUp()
  await pod.rotateSigningKey()
  const after = await reopened
  expect(after.vault.signingDidKey).not.toBe(pod.vault.signingDidKey)
  expect((await after.documents())['/.well-known/did.json']).toContain(after.vault.signingDidKey.slice('did:key:'.length))
  expect(await verified(after)).toHaveLength(1)
})

test('a directory that is down changes nothing, and the next attempt goes on with the same key', async () => {
  const key = pod.vault.signingDidKey
  directory.fault = () => Promise.reject(new TypeError('Failed to fetch'))
  await expect(pod.rotateSigningKey()).rejects.toMatchObject({ status: 503, error: 'PlcUnavailable' })
  expect(named()).toBe(key)
  await post(pod, 'still')
  const next = (await readPod(store, 'keys'))?.next?.signingDidKey
  directory.fault = () => undefined
  await pod.rotateSigningKey()
  expect((await reopened).vault.signingDidKey).toBe(next)
  expect(await texts(await reopened)).toEqual(['before', 'still'])
})

test('a directory that refuses leaves no key behind', async () => {
  directory.fault = (_, init) => (init?.method === 'POST' ? Promise.resolve(new Response('', { status: 400 })) : undefined)
  await expect(pod.rotateSigningKey()).rejects.toMatchObject({ status: 400, error: 'PlcRefused' })
  expect(await readPod(store, 'keys')).not.toHaveProperty('next')
})

test('two attempts at once make one new key', async () => {
  await Promise.all([pod.rotateSigningKey(), pod.rotateSigningKey()])
  expect((await reopened).vault.signingDidKey).toBe(named())
  expect(directory.logs.get(pod.identity.did)).toHaveLength(2)
})

test('a worker that was stopped after the DID was changed goes on when it is started', async () => {
  const next = await makeSigningPair()
  await changePod(store, 'keys', (keys) => keys && { ...keys, next })
  await pod.changes.nameSigningKey(next.signingDidKey)
  await pod.repo.close()
  const composed = Promise.withResolvers<Pod>()
  await openPod(store, { fetch: directory.fetch, hooks: { filled: () => composed.resolve(open()) } })
  const after = await composed.promise
  expect(after.vault.signingDidKey).toBe(next.signingDidKey)
  expect(await verified(after)).toHaveLength(1)
})

test('a worker that was stopped before the repo was signed anew signs it when it is started', async () => {
  const next = await makeSigningPair()
  await pod.changes.nameSigningKey(next.signingDidKey)
  await pod.repo.close()
  await changePod(store, 'keys', (keys) => keys && { ...keys, ...next, isUnsigned: true })
  expect(await verified(await open())).toHaveLength(1)
})

test('an account that is not active here keeps its key', async () => {
  await pod.account.standing.deactivate()
  await expect(pod.rotateSigningKey()).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  expect(await readPod(store, 'keys')).not.toHaveProperty('next')
})
