import 'fake-indexeddb/auto'
import { beforeEach, expect, test } from 'vitest'
import { openStore } from '../store/open.ts'
import { writePod } from '../store/pod.ts'
import { DidResolver } from './did-resolver.ts'
import { handleResolver } from './handle-resolver.ts'
import { findDid, resolveIdentity } from './identity-resolver.ts'
import { Self } from './self.ts'

const OWN = 'did:web:localhost%3A1999'
const BOB = 'did:web:bob.example.com'
const bobDocument = (...handles: readonly string[]) => ({ id: BOB, alsoKnownAs: handles.map((handle) => `at://${handle}`) })

let identity: Self
/** What is answered at each address; anything else is not there. */
let web: Record<string, unknown>
let asked: string[]
let parts: { identity: Self; dids: DidResolver; handles: ReturnType<typeof handleResolver> }

const setUp = async (did = OWN) => {
  const store = await openStore(crypto.randomUUID())
  const createdAt = '2026-11-20T12:00:00.000Z'
  await writePod(store, { identity: { did, handle: 'alice.test', origin: 'http://localhost:1999', createdAt } })
  identity = (await Self.open(store, 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'))!
  const fetch = async (url: string) => {
    asked.push(url)
    const found = web[url]
    if (found === undefined) return new Response('', { status: 404 })
    return typeof found === 'string' ? new Response(found) : Response.json(found)
  }
  parts = {
    identity,
    dids: new DidResolver({ fetch, plc: () => 'https://plc.example', now: () => 0 }),
    handles: handleResolver(fetch, () => 0),
  }
}

beforeEach(async () => {
  web = {
    'https://bob.example.com/.well-known/did.json': bobDocument('bob.example.com'),
    'https://bob.example.com/.well-known/atproto-did': BOB,
  }
  asked = []
  await setUp()
})

test.each([BOB, 'bob.example.com', 'Bob.Example.com'])('%s is resolved, both directions agreeing', async (identifier) => {
  expect(await resolveIdentity(parts, identifier)).toEqual({ did: BOB, handle: 'bob.example.com', didDoc: bobDocument('bob.example.com') })
})

test.each<[string, Record<string, unknown>]>([
  ['resolves to somebody else', { 'https://bob.example.com/.well-known/atproto-did': 'did:web:evil.example.com' }],
  ['resolves to nobody', { 'https://bob.example.com/.well-known/atproto-did': undefined }],
  ['is not claimed', { 'https://bob.example.com/.well-known/did.json': bobDocument() }],
  ['is this account’s', { 'https://bob.example.com/.well-known/did.json': bobDocument('alice.test') }],
])('a handle that %s is invalid', async (_, change) => {
  Object.assign(web, change)
  expect(await resolveIdentity(parts, BOB)).toMatchObject({ did: BOB, handle: 'handle.invalid' })
})

test('a handle that only points at a DID is not its handle', async () => {
  web['https://bobby.example.com/.well-known/atproto-did'] = BOB
  expect(await resolveIdentity(parts, 'bobby.example.com')).toMatchObject({ did: BOB, handle: 'bob.example.com' })
})

test('nobody is found under a name of nobody, nor a document of a DID that is none', async () => {
  await expect(resolveIdentity(parts, 'carol.example.com')).rejects.toMatchObject({ status: 400, error: 'HandleNotFound' })
  await expect(findDid(parts, 'carol.example.com')).rejects.toMatchObject({ status: 400, error: 'HandleNotFound' })
  await expect(resolveIdentity(parts, 'did:web:carol.example.com')).rejects.toMatchObject({ status: 400, error: 'DidNotFound' })
})

test('what was resolved is remembered until it is asked for afresh', async () => {
  await resolveIdentity(parts, BOB)
  const before = asked.length
  web['https://bob.example.com/.well-known/atproto-did'] = 'did:web:evil.example.com'
  expect(await resolveIdentity(parts, BOB)).toMatchObject({ handle: 'bob.example.com' })
  expect(asked).toHaveLength(before)
  expect(await resolveIdentity(parts, BOB, { fresh: true })).toMatchObject({ handle: 'handle.invalid' })
  expect(await resolveIdentity(parts, BOB)).toMatchObject({ handle: 'handle.invalid' })
})

test('the own identity is known without asking, as it is now', async () => {
  await identity.rename('al.test')
  for (const identifier of [OWN, 'al.test'])
    expect(await resolveIdentity(parts, identifier)).toEqual({ did: OWN, handle: 'al.test', didDoc: identity.document })
  expect(asked).toEqual([])
})

test('the own DID is asked for where it is hosted elsewhere, unless the account is active here', async () => {
  await setUp(BOB)
  expect(await resolveIdentity(parts, BOB)).toMatchObject({ handle: 'alice.test' })
  await identity.stand({ standing: 'deactivated', since: 0 })
  expect(await resolveIdentity(parts, BOB)).toMatchObject({ handle: 'bob.example.com', didDoc: bobDocument('bob.example.com') })
})

test('a pod without an account is nobody', async () => {
  await identity.stand({ standing: 'vacant', since: 0 })
  await expect(resolveIdentity(parts, OWN)).rejects.toMatchObject({ status: 400, error: 'DidNotFound' })
})
