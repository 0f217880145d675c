import 'fake-indexeddb/auto'
import { AtpAgent } from '@atproto/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeEvent, type PodEvent } from '../wire/event.ts'
import { createPod, type Pod } from './app.ts'
import type { Fetch } from './identity/handle-resolver.ts'
import { DIRECTORY, FakeDirectory } from './identity/testing.ts'
import { openStore, type Store } from './store/open.ts'

const ORIGIN = 'http://localhost:1999'
const PASSWORD = 'correct horse'
const BOB = 'did:web:bob.example.com'

let store: Store
let pod: Pod
let directory: FakeDirectory
let agent: AtpAgent
const events: PodEvent[] = []

const fetch: Fetch = async (url, init) => {
  if (url.startsWith(DIRECTORY)) return directory.fetch(url, init)
  if (url === 'https://bob.example.com/.well-known/did.json')
    return Response.json({ id: BOB, alsoKnownAs: ['at://bob.example.com'], more: 1 })
  if (url === 'https://bob.example.com/.well-known/atproto-did') return new Response(BOB)
  return new Response('', { status: 404 })
}

const setUp = async (plc?: string) => {
  store = await openStore(crypto.randomUUID())
  directory = new FakeDirectory()
  const wanted = { handle: 'alice.test', password: PASSWORD, origin: ORIGIN, ...(plc !== undefined && { plc }) }
  const egress = { fetch, services: { appview: null, plc: DIRECTORY, mail: false } }
  pod = await createPod(store, wanted, { fetch, egress })
  agent = new AtpAgent({ service: ORIGIN, fetch: (input, init) => pod.handle(new Request(input, init), { origin: 'shim' }) })
  await agent.login({ identifier: 'alice.test', password: PASSWORD })
  events.length = 0
  pod.repo.onEvent(({ body }) => events.push(decodeEvent(body)))
}
afterEach(async () => {
  await pod.close()
  store.close()
})
const methods = () => agent.com.atproto.identity
const token = async () => (await pod.account.inbox.list())[0]!.token

describe('a did:web', () => {
  beforeEach(() => setUp())

  test('resolves itself and others for everyone', async () => {
    const did = pod.identity.did
    expect((await methods().resolveDid({ did })).data.didDoc).toEqual(pod.identity.document)
    expect((await methods().resolveDid({ did: BOB })).data.didDoc).toEqual({ id: BOB, alsoKnownAs: ['at://bob.example.com'], more: 1 })
    expect((await methods().resolveIdentity({ identifier: 'bob.example.com' })).data).toMatchObject({ did: BOB, handle: 'bob.example.com' })
    expect((await methods().resolveIdentity({ identifier: did })).data).toMatchObject({ did, handle: 'alice.test' })
    expect((await methods().resolveHandle({ handle: 'Bob.Example.com' })).data).toEqual({ did: BOB })
    expect((await methods().refreshIdentity({ identifier: BOB })).data).toMatchObject({ did: BOB, handle: 'bob.example.com' })
    await expect(methods().resolveHandle({ handle: 'carol.example.com' })).rejects.toMatchObject({ status: 400, error: 'HandleNotFound' })
    await expect(methods().resolveDid({ did: 'did:web:carol.example.com' })).rejects.toMatchObject({ status: 400, error: 'DidNotFound' })
    await expect(methods().resolveDid({ did: 'did:example:carol' })).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  })

  test('changes its handle, in every answer at once, and nobody else does it', async () => {
    await methods().updateHandle({ handle: 'Al.test' })
    const { did } = pod.identity
    expect((await agent.com.atproto.server.getSession()).data).toMatchObject({
      handle: 'al.test',
      didDoc: { alsoKnownAs: ['at://al.test'] },
    })
    expect((await methods().resolveHandle({ handle: 'al.test' })).data).toEqual({ did })
    expect(JSON.parse((await pod.documents())['/.well-known/did.json']!)).toMatchObject({ alsoKnownAs: ['at://al.test'] })
    expect(events).toEqual([{ kind: 'identity', did, handle: 'al.test' }])
    const stranger = new AtpAgent({ service: ORIGIN, fetch: (input, init) => pod.handle(new Request(input, init), { origin: 'shim' }) })
    await expect(stranger.com.atproto.identity.updateHandle({ handle: 'mallory.test' })).rejects.toMatchObject({ status: 401 })
    await expect(methods().updateHandle({ handle: 'bob.example.com' })).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
    await expect(methods().updateHandle({ handle: 'handle.invalid' })).rejects.toMatchObject({ status: 400, error: 'InvalidHandle' })
    expect(pod.identity.handle).toBe('al.test')
  })

  test('says what a did:plc should say of it, and has no operations', async () => {
    const { data } = await methods().getRecommendedDidCredentials()
    expect(data).toMatchObject({ alsoKnownAs: ['at://alice.test'], services: { atproto_pds: { endpoint: ORIGIN } } })
    await methods().requestPlcOperationSignature()
    await expect(methods().signPlcOperation({ token: await token() })).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  })
})

describe('a did:plc', () => {
  beforeEach(() => setUp(DIRECTORY))

  test('changes its handle in the directory, too', async () => {
    await methods().updateHandle({ handle: 'al.test' })
    expect(directory.last(pod.identity.did).alsoKnownAs).toEqual(['at://al.test'])
    expect(events).toEqual([{ kind: 'identity', did: pod.identity.did, handle: 'al.test' }])
    directory.fault = () => Promise.reject(new TypeError('Failed to fetch'))
    await expect(methods().updateHandle({ handle: 'alice.test' })).rejects.toMatchObject({ status: 503, error: 'PlcUnavailable' })
    expect(pod.identity.handle).toBe('al.test')
  })

  test('signs an operation for whoever has the token of the inbox, once', async () => {
    const { data: recommended } = await methods().getRecommendedDidCredentials()
    expect(recommended).toMatchObject({
      rotationKeys: [pod.vault.rotation!.didKey],
      verificationMethods: { atproto: pod.vault.signingDidKey },
    })
    await expect(methods().signPlcOperation({})).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
    await expect(methods().signPlcOperation({ token: 'AAAAA-AAAAA' })).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
    await methods().requestPlcOperationSignature()
    const used = await token()
    const alsoKnownAs = ['at://alice.test', 'https://alice.example']
    const { operation } = (await methods().signPlcOperation({ token: used, alsoKnownAs })).data
    expect(operation).toMatchObject({ type: 'plc_operation', alsoKnownAs })
    expect(directory.logs.get(pod.identity.did)).toHaveLength(1)
    await expect(methods().signPlcOperation({ token: used })).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
    await methods().submitPlcOperation({ operation })
    expect(directory.last(pod.identity.did)).toEqual(operation)
    expect(events).toEqual([{ kind: 'identity', did: pod.identity.did, handle: 'alice.test' }])
  })

  test('lets no app password sign', async () => {
    const { password } = (await agent.com.atproto.server.createAppPassword({ name: 'app' })).data
    await agent.login({ identifier: 'alice.test', password })
    await expect(methods().requestPlcOperationSignature()).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
    await expect(methods().signPlcOperation({ token: 'x' })).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
    expect((await methods().getRecommendedDidCredentials()).success).toBe(true)
  })
})
