import 'fake-indexeddb/auto'
import { AtpAgent } from '@atproto/api'
import { cidForRawBytes } from '@atproto/lex-data'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPod, type Pod } from './app.ts'
import { NOTE } from './repo/fixtures.ts'
import { elsewhere, notes } from './repo/import-fixtures.ts'
import { openStore, type Store } from './store/open.ts'

const ORIGIN = 'http://localhost:1999'
const DID = 'did:web:localhost%3A1999'
const PASSWORD = 'correct horse'

let store: Store
let pod: Pod
/** What the DID's document says elsewhere: a key, or nothing. */
let documentKey: string | undefined
beforeEach(async () => {
  store = await openStore(crypto.randomUUID())
  documentKey = undefined
  const fetch = async () => {
    if (!documentKey) throw new TypeError('no network in tests')
    const method = { id: `${DID}#atproto`, type: 'Multikey', controller: DID, publicKeyMultibase: documentKey.slice('did:key:'.length) }
    return Response.json({ '@context': ['https://www.w3.org/ns/did/v1'], id: DID, verificationMethod: [method] })
  }
  pod = await createPod(store, { handle: 'alice.test', password: PASSWORD, origin: ORIGIN }, { fetch })
})
afterEach(async () => {
  await pod.close()
  store.close()
})

const signIn = async (password = PASSWORD) => {
  const agent = new AtpAgent({ service: ORIGIN, fetch: (input, init) => pod.handle(new Request(input, init), { origin: 'shim' }) })
  await agent.login({ identifier: DID, password })
  return agent
}
const importRepo = (agent: AtpAgent, car: Uint8Array) => agent.com.atproto.repo.importRepo(car, { encoding: 'application/vnd.ipld.car' })

test('a repo moves in where there is none, and its blobs are expected until they come', async () => {
  const agent = await signIn()
  const image = new TextEncoder().encode('an image')
  const blob = { $type: 'blob', ref: await cidForRawBytes(image), mimeType: 'text/plain', size: image.length }
  const { car } = await elsewhere([...notes(30), [`${NOTE}/z`, { $type: NOTE, image: blob }]], DID)
  await importRepo(agent, car)
  const status = async () => (await agent.com.atproto.server.checkAccountStatus()).data
  expect(await status()).toMatchObject({ indexedRecords: 31, expectedBlobs: 1, importedBlobs: 0, repoRev: pod.repo.head().rev })
  const missing = (await agent.com.atproto.repo.listMissingBlobs()).data
  expect(missing).toEqual({ blobs: [{ cid: String(blob.ref), recordUri: `at://${DID}/${NOTE}/z` }] })
  await agent.uploadBlob(image, { encoding: 'text/plain' })
  expect((await agent.com.atproto.repo.listMissingBlobs()).data).toEqual({ blobs: [] })
  expect(await status()).toMatchObject({ expectedBlobs: 1, importedBlobs: 1 })
  const listed = (await agent.com.atproto.repo.listRecords({ repo: DID, collection: NOTE, limit: 100 })).data
  expect(listed.records).toHaveLength(28)
})

test('a repo that is in use is replaced only when the account is not active', async () => {
  const agent = await signIn()
  const { car } = await elsewhere(notes(5), DID)
  await importRepo(agent, car)
  await expect(importRepo(agent, car)).rejects.toMatchObject({ status: 400, error: 'RepoNotEmpty' })
  await agent.com.atproto.server.deactivateAccount({})
  await importRepo(agent, (await elsewhere(notes(7), DID)).car)
  expect((await pod.repo.blockCounts()).records).toBe(7)
})

test('what is no CAR, signed by a key that the document does not name, or sent with an app password, is refused', async () => {
  const agent = await signIn()
  const { car, key } = await elsewhere(notes(5), DID)
  await expect(importRepo(agent, new Uint8Array(20))).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  documentKey = (await elsewhere([])).key.did()
  await expect(importRepo(agent, car)).rejects.toMatchObject({ status: 400, error: 'InvalidRepo' })
  const { password } = (await agent.com.atproto.server.createAppPassword({ name: 'app' })).data
  await expect(importRepo(await signIn(password), car)).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
  expect(pod.repo.isEmpty()).toBe(true)
  documentKey = key.did()
  await importRepo(agent, car)
  expect((await pod.repo.blockCounts()).records).toBe(5)
})
