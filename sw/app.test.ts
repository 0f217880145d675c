import 'fake-indexeddb/auto'
import { AtpAgent, BlobRef } from '@atproto/api'
import { didDocument as didDocumentSchema, getKey } from '@atproto/identity'
import { readCarWithRoot, verifyRepo, verifyRecords } from '@atproto/repo'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_SIGN_IN_FAILURES, TEMPORARY_BLOB_TTL_MS } from '../wire/limits.ts'
import { createPod, openPod, type Pod } from './app.ts'
import { openStore, type Store } from './store/open.ts'

const ORIGIN = 'http://localhost:1999'
const DID = 'did:web:localhost%3A1999'
const PASSWORD = 'correct horse'

let store: Store
let pod: Pod
beforeEach(async () => {
  store = await openStore(crypto.randomUUID())
  const fetch = () => Promise.reject(new TypeError('no network in tests'))
  pod = await createPod(store, { handle: 'Alice.test', password: PASSWORD, origin: ORIGIN }, { fetch })
})
afterEach(async () => {
  await pod.close()
  store.close()
})

const ask = (path: string, init?: RequestInit) => pod.handle(new Request(`${ORIGIN}${path}`, init), { origin: 'shim' })
const askJson = async (path: string, init?: RequestInit) => {
  const response = await ask(path, init)
  return { status: response.status, ...(await response.json()) }
}
const makeAgent = () => new AtpAgent({ service: ORIGIN, fetch: (input, init) => pod.handle(new Request(input, init), { origin: 'shim' }) })
const signIn = async () => {
  const agent = makeAgent()
  await agent.login({ identifier: 'alice.test', password: PASSWORD })
  return agent
}
const post = (text: string) => ({ $type: 'app.bsky.feed.post', text, createdAt: '2026-11-20T12:00:00.000Z' })
const bearer = (agent: AtpAgent) => ({ authorization: `Bearer ${agent.session?.accessJwt}` })
const write = (agent: AtpAgent, method: string, body: object) =>
  ask(`/xrpc/com.atproto.repo.${method}`, {
    method: 'POST',
    headers: { ...bearer(agent), 'content-type': 'application/json' },
    body: JSON.stringify({ repo: DID, ...body }),
  })

describe('an outside client', () => {
  test('signs in, posts, reads, lists, deletes, and refreshes', async () => {
    const agent = await signIn()
    expect(agent.session).toMatchObject({ did: DID, handle: 'alice.test', active: true })
    expect(agent.pdsUrl?.origin).toBe(ORIGIN)

    const { uri, cid } = await agent.post({ text: 'hello' })
    const rkey = uri.split('/').at(-1) ?? ''
    const ref = { repo: DID, collection: 'app.bsky.feed.post', rkey }
    const got = await agent.com.atproto.repo.getRecord(ref)
    expect(got.data).toMatchObject({ uri, cid, value: { $type: 'app.bsky.feed.post', text: 'hello' } })
    const listed = await agent.com.atproto.repo.listRecords({ repo: 'alice.test', collection: 'app.bsky.feed.post' })
    expect(listed.data.records.map((record) => record.uri)).toEqual([uri])

    await agent.deletePost(uri)
    await expect(agent.com.atproto.repo.getRecord(ref)).rejects.toMatchObject({ status: 400, error: 'RecordNotFound' })

    const before = agent.session
    await agent.sessionManager.refreshSession()
    expect(agent.session?.refreshJwt).not.toBe(before?.refreshJwt)
    expect((await agent.com.atproto.server.getSession()).data).toMatchObject({ did: DID, handle: 'alice.test', didDoc: { id: DID } })
    await agent.logout()
    const again = { method: 'POST', headers: { authorization: `Bearer ${before?.refreshJwt}` } }
    expect(await askJson('/xrpc/com.atproto.server.refreshSession', again)).toMatchObject({ status: 400, error: 'ExpiredToken' })
  })

  test('uploads an image, posts it, and everyone gets it back whole and in part', async () => {
    const agent = await signIn()
    const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...Array(100).keys()])
    const { blob } = (await agent.uploadBlob(png, { encoding: 'image/png' })).data
    expect(blob).toBeInstanceOf(BlobRef)
    expect(blob).toMatchObject({ mimeType: 'image/png', size: png.length })
    await agent.post({ text: 'look', embed: { $type: 'app.bsky.embed.images', images: [{ alt: 'noise', image: blob }] } })

    const cid = blob.ref.toString()
    expect((await agent.com.atproto.sync.listBlobs({ did: DID })).data.cids).toEqual([cid])
    const path = `/xrpc/com.atproto.sync.getBlob?did=${encodeURIComponent(DID)}&cid=${cid}`
    const whole = await ask(path)
    expect(new Uint8Array(await whole.arrayBuffer())).toEqual(png)
    expect(whole.headers.get('content-type')).toBe('image/png')
    const part = await ask(path, { headers: { range: 'bytes=0-7' } })
    expect([part.status, (await part.arrayBuffer()).byteLength]).toEqual([206, 8])
  })

  test('uploads what its header names, and no more is believed', async () => {
    const headers = { ...bearer(await signIn()), 'content-type': 'image/png' }
    const upload = (body: string, more = {}) =>
      askJson('/xrpc/com.atproto.repo.uploadBlob', { method: 'POST', headers: { ...headers, ...more }, body })
    expect(await upload('12345', { 'content-length': '5' })).toMatchObject({ status: 200, blob: { size: 5 } })
    expect(await upload('12345', { 'content-length': '6' })).toMatchObject({ status: 400, error: 'InvalidRequest' })
    expect(await upload('', { 'content-length': '0' })).toMatchObject({ status: 200, blob: { size: 0 } })
    const { 'content-type': _, ...untyped } = headers
    const bytes = new Uint8Array([1])
    expect((await ask('/xrpc/com.atproto.repo.uploadBlob', { method: 'POST', headers: untyped, body: bytes })).status).toBe(400)
  })

  test('writes a batch, replaces under a condition, and learns when the condition fails', async () => {
    const agent = await signIn()
    const repo = agent.com.atproto.repo
    const batch = await repo.applyWrites({
      repo: 'alice.test',
      writes: [
        { $type: 'com.atproto.repo.applyWrites#create', collection: 'app.bsky.feed.post', rkey: '3m5zzzzzzzz2a', value: post('1') },
        { $type: 'com.atproto.repo.applyWrites#create', collection: 'app.bsky.feed.post', value: post('2') },
      ],
    })
    expect(batch.data.results?.map((result) => result.$type)).toEqual(Array(2).fill('com.atproto.repo.applyWrites#createResult'))
    expect(batch.data.commit).toEqual({ cid: pod.repo.head().commit, rev: pod.repo.head().rev })

    const target = { repo: DID, collection: 'app.bsky.actor.profile', rkey: 'self' }
    const record = { $type: 'app.bsky.actor.profile', displayName: 'Alice' }
    const first = await repo.putRecord({ ...target, record, swapRecord: null })
    const changed = { ...record, displayName: 'Al' }
    await expect(repo.putRecord({ ...target, record: changed, swapRecord: null })).rejects.toMatchObject({
      status: 400,
      error: 'InvalidSwap',
    })
    await repo.putRecord({ ...target, record: changed, swapRecord: first.data.cid })
    await expect(repo.deleteRecord({ ...target, swapRecord: first.data.cid })).rejects.toMatchObject({ status: 400, error: 'InvalidSwap' })
    await expect(repo.deleteRecord({ ...target, swapCommit: first.data.commit?.cid ?? '' })).rejects.toMatchObject({ error: 'InvalidSwap' })
  })

  test('is told apart from a stranger and from another account', async () => {
    const agent = await signIn()
    const body = { collection: 'app.bsky.feed.post', record: post('x') }
    const json = { 'content-type': 'application/json' }
    const path = '/xrpc/com.atproto.repo.createRecord'
    const stranger = { method: 'POST', headers: json, body: JSON.stringify({ repo: DID, ...body }) }
    expect(await askJson(path, stranger)).toMatchObject({ status: 401, error: 'AuthMissing' })
    expect((await write(agent, 'createRecord', { ...body, repo: 'bob.test' })).status).toBe(403)
    await expect(makeAgent().login({ identifier: 'alice.test', password: 'wrong' })).rejects.toMatchObject({
      status: 401,
      error: 'AuthenticationRequired',
      message: 'Invalid identifier or password',
    })
  })

  test('wrong passwords of somebody else lock new sign-ins out, not the open session', async () => {
    const agent = await signIn()
    for (let guess = 0; guess < MAX_SIGN_IN_FAILURES; guess++)
      await expect(makeAgent().login({ identifier: 'alice.test', password: 'guess' })).rejects.toMatchObject({ status: 401 })
    await expect(signIn()).rejects.toMatchObject({ status: 429 })
    expect((await write(agent, 'createRecord', { collection: 'app.bsky.feed.post', record: post('still here') })).status).toBe(200)
    await agent.sessionManager.refreshSession()
    expect((await agent.com.atproto.server.getSession()).data.did).toBe(DID)
  })

  test('repeats a write with its key and finds it done', async () => {
    const agent = await signIn()
    const request = () =>
      new Request(`${ORIGIN}/xrpc/com.atproto.repo.createRecord`, {
        method: 'POST',
        headers: { ...bearer(agent), 'content-type': 'application/json' },
        body: JSON.stringify({ repo: DID, collection: 'app.bsky.feed.post', record: post('once') }),
      })
    const answers = [
      await pod.handle(request(), { origin: 'shim', key: 'k1', retry: false }),
      await pod.handle(request(), { origin: 'shim', key: 'k1', retry: true }),
    ]
    const [a, b] = await Promise.all(answers.map((answer) => answer.json()))
    expect(a).toEqual(b)
    expect((await pod.repo.list({ collection: 'app.bsky.feed.post', limit: 10, reverse: false })).records).toHaveLength(1)
  })
})

describe('a relay', () => {
  test('gets a repo and proofs that verify by the key in the DID document', async () => {
    const agent = await signIn()
    for (let i = 0; i < 20; i++) await agent.post({ text: `post ${i}` })
    const document = didDocumentSchema.parse(await (await ask('/.well-known/did.json')).json())
    const key = getKey(document)
    const car = new Uint8Array(await (await ask(`/xrpc/com.atproto.sync.getRepo?did=${DID.replaceAll('%', '%25')}`)).arrayBuffer())
    const { root, blocks } = await readCarWithRoot(car)
    const { creates } = await verifyRepo(blocks, root, DID, key)
    expect(creates).toHaveLength(20)
    expect((await agent.com.atproto.sync.getLatestCommit({ did: DID })).data).toEqual({ cid: root.toString(), rev: pod.repo.head().rev })

    const { collection, rkey, cid } = creates[0] ?? {}
    const proof = await agent.com.atproto.sync.getRecord({ did: DID, collection: collection ?? '', rkey: rkey ?? '' })
    expect((await verifyRecords(proof.data, DID, key ?? '')).map((record) => record.rkey)).toContain(rkey)
    const block = await agent.com.atproto.sync.getBlocks({ did: DID, cids: [String(cid)] })
    expect(block.data.length).toBeGreaterThan(100)
  })

  test('learns status, head and the only repo', async () => {
    const { commit, rev } = pod.repo.head()
    const sync = makeAgent().com.atproto.sync
    expect((await sync.getRepoStatus({ did: DID })).data).toEqual({ did: DID, active: true, rev })
    expect((await sync.getHead({ did: DID })).data).toEqual({ root: commit })
    expect((await sync.listRepos()).data).toEqual({ repos: [{ did: DID, head: commit, rev, active: true }] })
    expect((await sync.listRepos({ cursor: 'x' })).data).toEqual({ repos: [] })
  })

  test.each(['getRepo', 'getLatestCommit', 'getRepoStatus', 'listBlobs', 'getHead', 'getCheckout'])(
    '%s of another repo is RepoNotFound',
    async (method) => {
      const answer = await askJson(`/xrpc/com.atproto.sync.${method}?did=did:web:example.com`)
      expect(answer).toMatchObject({ status: 400, error: 'RepoNotFound' })
    },
  )
})

describe('anyone', () => {
  test('reads the well-known documents, exactly as the mirror will serve them', async () => {
    const did = encodeURIComponent(DID)
    const queries: Record<string, string> = { resolveDid: `?did=${did}`, resolveIdentity: `?identifier=${did}` }
    for (const [path, text] of Object.entries(await pod.documents()))
      expect(await (await ask(path + (queries[path.split('.').at(-1) ?? ''] ?? ''))).text()).toBe(text)
    expect(await (await ask('/.well-known/atproto-did')).text()).toBe(DID)
    expect((await ask('/.well-known/did.json')).headers.get('content-type')).toContain('application/json')
  })

  test('asks what is there and gets described', async () => {
    const agent = makeAgent()
    expect((await agent.com.atproto.server.describeServer()).data).toMatchObject({
      did: DID,
      availableUserDomains: [],
      inviteCodeRequired: true,
    })
    const described = await agent.com.atproto.repo.describeRepo({ repo: 'alice.test' })
    expect(described.data).toMatchObject({ did: DID, handle: 'alice.test', collections: [], handleIsCorrect: true })
    expect((await agent.resolveHandle({ handle: 'Alice.Test' })).data.did).toBe(DID)
    await expect(agent.resolveHandle({ handle: 'bob.test' })).rejects.toMatchObject({ status: 400, error: 'HandleNotFound' })
    expect(await askJson('/xrpc/_health')).toMatchObject({ status: 200, version: expect.stringMatching(/^tabpod \d/), online: true })
  })

  test('may write a slash behind a method, as at the reference PDS', async () => {
    const method = '/xrpc/com.atproto.server.describeServer'
    expect(await askJson(`${method}/`)).toEqual(await askJson(method))
    expect(await askJson(`${method}//`)).toMatchObject({ status: 404 })
  })

  test('gets JSON and open CORS whatever goes wrong', async () => {
    const wrong: Array<[string, RequestInit, number, string]> = [
      ['/nowhere', {}, 404, 'NotFound'],
      ['/.well-known/did.json', { method: 'POST' }, 404, 'NotFound'],
      ['/xrpc/', {}, 404, 'NotFound'],
      ['/xrpc/nonsense', {}, 400, 'InvalidRequest'],
      ['/xrpc/com.atproto.repo.createRecord', {}, 405, 'InvalidRequest'],
      ['/xrpc/app.bsky.feed.getTimeline', {}, 501, 'MethodNotImplemented'],
      ['/xrpc/com.atproto.repo.getRecord?repo=bob.test&collection=a.b.c&rkey=x', {}, 400, 'RecordNotFound'],
      ['/xrpc/com.atproto.repo.listRecords?repo=bob.test&collection=a.b.c', {}, 400, 'InvalidRequest'],
      ['/xrpc/%E0%A4%A', {}, 400, 'InvalidRequest'],
    ]
    for (const [path, init, status, error] of wrong) {
      const response = await ask(path, init)
      expect({ path, status: response.status, body: await response.json() }).toEqual({
        path,
        status,
        body: { error, message: expect.any(String) },
      })
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(response.headers.get('access-control-expose-headers')).toContain('DPoP-Nonce')
    }
  })

  test('may ask by preflight and by HEAD', async () => {
    const headers = { origin: 'https://app.example', 'access-control-request-headers': 'authorization, dpop, atproto-proxy' }
    const allowed = await ask('/xrpc/com.atproto.repo.createRecord', { method: 'OPTIONS', headers })
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-headers')).toBe('authorization, dpop, atproto-proxy')
    expect(allowed.headers.get('access-control-allow-methods')).toContain('POST')
    expect(Number(allowed.headers.get('access-control-max-age'))).toBeGreaterThan(0)
    const head = await ask('/xrpc/com.atproto.server.describeServer', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })
})

describe('the pod', () => {
  test('comes back after the worker was stopped, session included', async () => {
    const agent = await signIn()
    await agent.post({ text: 'before' })
    const reopened = await openPod(store)
    if (!reopened) throw new Error('no pod')
    expect(reopened.identity).toEqual(pod.identity)
    expect(reopened.repo.head()).toEqual(pod.repo.head())
    const headers = bearer(agent)
    const session = await reopened.handle(new Request(`${ORIGIN}/xrpc/com.atproto.server.getSession`, { headers }), { origin: 'local' })
    expect(session.status).toBe(200)
    await reopened.close()
  })

  test('forgets uploads that no record came to mention', async () => {
    const upload = async (pod: Pod, text: string) => (await pod.blobs.upload(new Blob([text]).stream(), { mime: 'text/plain' })).cid
    const [forgotten, fresh] = [await upload(pod, 'forgotten'), await upload(pod, 'fresh')]
    const later = await openPod(store, { now: () => Date.now() + TEMPORARY_BLOB_TTL_MS + 60_000 })
    if (!later) throw new Error('no pod')
    expect(await store.count('blobs')).toBe(2)
    expect(await upload(later, 'fresh')).toBe(fresh)
    expect(await store.getAllKeys('blobs')).toEqual([fresh])
    expect(forgotten).not.toBe(fresh)
    await later.close()
  })

  test('says what the owner’s page shows', async () => {
    const agent = await signIn()
    await agent.post({ text: 'one' })
    const summary = await pod.summary()
    expect(summary).toMatchObject({ did: DID, handle: 'alice.test', origin: ORIGIN, rev: pod.repo.head().rev })
    expect(summary.collections).toEqual([{ name: 'app.bsky.feed.post', count: 1 }])
    // commit, identity, account, commit
    expect(summary.outbox).toBe(4)
    await pod.repo.acknowledge(3)
    expect((await pod.summary()).outbox).toBe(1)
  })

  test('is made once, and its password is nowhere in the store', async () => {
    const again = { handle: 'bob.test', password: PASSWORD, origin: ORIGIN }
    await expect(createPod(store, again)).rejects.toMatchObject({ status: 409, error: 'PodExists' })
    const rows = await store.getAll('pod')
    expect(JSON.stringify(rows, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value))).not.toContain(
      PASSWORD,
    )
  })

  test('is not there where none was made, or where its creation was cut off', async () => {
    const empty = await openStore(crypto.randomUUID())
    expect(await openPod(empty)).toBeNull()
    for (const [wanted, error] of [
      [{ handle: 'nope', password: PASSWORD, origin: ORIGIN }, 'InvalidHandle'],
      [{ handle: 'alice.test', password: PASSWORD, origin: 'https://pds.example.com' }, 'InvalidHandle'],
      [{ handle: 'alice.test', password: 'short', origin: ORIGIN }, 'InvalidPassword'],
    ] as const)
      await expect(createPod(empty, wanted)).rejects.toMatchObject({ status: 400, error })
    expect(await openPod(empty)).toBeNull()
    empty.close()
  })
})

describe('a did:plc pod', () => {
  const DIRECTORY = 'https://plc.example'
  const create = (plc: string, fetch: () => Promise<Response>, fresh: Store) =>
    createPod(fresh, { handle: 'alice.test', password: PASSWORD, origin: ORIGIN, plc }, { fetch })

  test('is its DID everywhere, serves no did:web, and stays itself', async () => {
    const fresh = await openStore(crypto.randomUUID())
    const { identity } = await create(DIRECTORY, async () => new Response(), fresh)
    expect(identity).toMatchObject({ did: expect.stringMatching(/^did:plc:[a-z2-7]{24}$/), plc: DIRECTORY })
    const again = (await openPod(fresh))!
    const read = async (path: string) => again.handle(new Request(`${ORIGIN}${path}`), { origin: 'shim' })
    expect(again.identity).toEqual(identity)
    expect(again.vault.rotation).toBeDefined()
    expect((await read('/.well-known/did.json')).status).toBe(404)
    expect(await (await read('/.well-known/atproto-did')).text()).toBe(identity.did)
    expect(await (await read('/xrpc/com.atproto.server.describeServer')).json()).toMatchObject({ did: DID })
    const { didDoc } = await (await read(`/xrpc/com.atproto.identity.resolveDid?did=${identity.did}`)).json()
    expect(didDocumentSchema.parse(didDoc)).toMatchObject({ id: identity.did, alsoKnownAs: ['at://alice.test'] })
    await again.close()
    fresh.close()
  })

  test('leaves nothing behind when its directory does not take it', async () => {
    const fresh = await openStore(crypto.randomUUID())
    const away = () => Promise.reject(new TypeError('Failed to fetch'))
    await expect(create(DIRECTORY, away, fresh)).rejects.toMatchObject({ status: 503, error: 'PlcUnavailable' })
    await expect(create('http://plc.example', away, fresh)).rejects.toMatchObject({ status: 400, error: 'InvalidPlcUrl' })
    expect(await fresh.getAllKeys('pod')).toEqual([])
    fresh.close()
  })
})
