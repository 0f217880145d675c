import 'fake-indexeddb/auto'
import { beforeEach, expect, test } from 'vitest'
import { HANDLE_CHANGE_LIMITS } from '../../wire/limits.ts'
import { openStore, type Store } from '../store/open.ts'
import { writePod } from '../store/pod.ts'
import type { KeyVault } from './contract.ts'
import { DidResolver } from './did-resolver.ts'
import { IdentityChanges } from './identity-changes.ts'
import { makeKeys, openVault } from './key-vault.ts'
import { createDidPlc } from './plc.ts'
import { Self } from './self.ts'
import { DIRECTORY, FakeDirectory, newRotationKey } from './testing.ts'

const ORIGIN = 'http://localhost:1999'
const DID_WEB = 'did:web:localhost%3A1999'
const AWAY = 'https://pds.example.com'

let directory: FakeDirectory
let store: Store
let vault: KeyVault
let identity: Self
let changes: IdentityChanges
let announced: string[]
let clock: { now: number }
/** What each external handle resolves to. */
let resolves: Record<string, string>
let documents: Record<string, object>

const setUp = async (did: string, origin = ORIGIN) => {
  const createdAt = '2026-11-20T12:00:00.000Z'
  await writePod(store, { identity: { did, handle: 'alice.test', origin, createdAt, ...(did !== DID_WEB && { plc: DIRECTORY }) } })
  const opened = await Self.open(store, vault.signingDidKey)
  if (!opened) throw new Error('not written')
  identity = opened
  changes = new IdentityChanges({
    identity,
    vault,
    store,
    dids: new DidResolver({ fetch: async (url) => Response.json(documents[url]), plc: () => DIRECTORY, now: () => clock.now }),
    handles: { resolve: async (handle) => resolves[handle] ?? null, forget: () => {} },
    directory: () => DIRECTORY,
    fetch: directory.fetch,
    announce: async () => announced.push(identity.handle),
    now: () => clock.now,
  })
}
const setUpPlc = async () => setUp(await createDidPlc(DIRECTORY, { handle: 'alice.test', origin: ORIGIN }, vault, directory.fetch))

beforeEach(async () => {
  directory = new FakeDirectory()
  announced = []
  clock = { now: Date.parse('2026-11-20T13:00:00Z') }
  resolves = {}
  documents = {}
  store = await openStore(crypto.randomUUID())
  vault = await openVault(await makeKeys({ rotates: true }))
})

const reopened = async () => (await Self.open(store, vault.signingDidKey))!

test('a did:web of this host takes the new handle into its document at once, and says so', async () => {
  await setUp(DID_WEB)
  const heard: string[] = []
  identity.onChange((change) => heard.push(`${change} ${identity.document.alsoKnownAs.join()}`))
  await changes.changeHandle('Al.test')
  expect(heard).toEqual(['handle at://al.test'])
  expect(announced).toEqual(['al.test'])
  expect((await reopened()).handle).toBe('al.test')
})

test('a did:plc is changed in its directory first, by one operation, and what else it is known as stays', async () => {
  await setUpPlc()
  await changes.submit(await changes.sign({ alsoKnownAs: ['at://alice.test', 'https://alice.example'] }, async () => {}))
  announced = []
  identity.onChange(() => expect(directory.last(identity.did).alsoKnownAs[0]).toBe('at://al.test'))
  await changes.changeHandle('al.test')
  expect(directory.last(identity.did).alsoKnownAs).toEqual(['at://al.test', 'https://alice.example'])
  expect(directory.logs.get(identity.did)).toHaveLength(3)
  expect(announced).toEqual(['al.test'])
})

test('the same handle again makes no operation, and the event goes out once more', async () => {
  await setUpPlc()
  await changes.changeHandle('alice.test')
  expect(directory.logs.get(identity.did)).toHaveLength(1)
  expect(announced).toEqual(['alice.test'])
})

test('two changes at once follow each other', async () => {
  await setUpPlc()
  await Promise.all([changes.changeHandle('one.test'), changes.changeHandle('two.test')])
  expect(directory.last(identity.did).alsoKnownAs).toEqual(['at://two.test'])
  expect(identity.handle).toBe('two.test')
})

test.each<[string, FakeDirectory['fault'], string]>([
  ['is down', () => Promise.reject(new TypeError('Failed to fetch')), 'PlcUnavailable'],
  ['refuses', (_, init) => (init?.method === 'POST' ? Promise.resolve(new Response('', { status: 400 })) : undefined), 'PlcRefused'],
  ['lies', () => Promise.resolve(Response.json([])), 'PlcUntrustworthy'],
])('a directory that %s changes nothing here, and the next attempt goes through', async (_, fault, error) => {
  await setUpPlc()
  directory.fault = fault
  await expect(changes.changeHandle('al.test')).rejects.toMatchObject({ error })
  expect([identity.handle, (await reopened()).handle, announced]).toEqual(['alice.test', 'alice.test', []])
  directory.fault = () => undefined
  await changes.changeHandle('al.test')
  expect(identity.handle).toBe('al.test')
})

test('a handle of the wide world must resolve to this DID', async () => {
  await setUp(DID_WEB)
  await expect(changes.changeHandle('bob.example.com')).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  resolves['bob.example.com'] = 'did:web:bob.example.com'
  await expect(changes.changeHandle('bob.example.com')).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  expect(identity.handle).toBe('alice.test')
  resolves['bob.example.com'] = DID_WEB
  await changes.changeHandle('Bob.example.com')
  expect(identity.handle).toBe('bob.example.com')
})

test('the name of this host needs no look-up, and what is no handle none either', async () => {
  await setUp('did:web:alice.example.com', 'https://alice.example.com')
  await changes.changeHandle('alice.example.com')
  expect(identity.handle).toBe('alice.example.com')
  for (const wrong of ['alice.test', 'handle.invalid', 'alice'])
    await expect(changes.changeHandle(wrong)).rejects.toMatchObject({ status: 400, error: 'InvalidHandle' })
})

test('a did:web that is hosted elsewhere must name the handle itself', async () => {
  await setUp('did:web:alice.example.com')
  const document = { id: identity.did, alsoKnownAs: ['at://alice.example.com'] }
  documents['https://alice.example.com/.well-known/did.json'] = document
  await expect(changes.changeHandle('al.test')).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  documents['https://alice.example.com/.well-known/did.json'] = { ...document, alsoKnownAs: ['at://al.test'] }
  await changes.changeHandle('al.test')
  expect(identity.handle).toBe('al.test')
})

test('the handle changes as often as the reference allows, whatever became of the worker, and again after the time', async () => {
  await setUp(DID_WEB)
  const [{ windowMs, times: most }] = HANDLE_CHANGE_LIMITS
  for (let i = 0; i < most; i++) await changes.changeHandle(`a${i}.test`)
  await setUp(DID_WEB)
  const refused = changes.changeHandle('more.test')
  await expect(refused).rejects.toMatchObject({
    status: 429,
    error: 'RateLimitExceeded',
    headers: { 'retry-after': String(windowMs / 1000) },
  })
  clock.now += windowMs
  await changes.changeHandle('more.test')
  expect(identity.handle).toBe('more.test')
})

test('an account that is still arriving says nothing', async () => {
  await setUp(DID_WEB)
  await identity.stand({ standing: 'arriving', since: 0 })
  await changes.changeHandle('al.test')
  expect([identity.handle, announced]).toEqual(['al.test', []])
})

test('what is recommended names the recovery key first, where there is one', async () => {
  await setUpPlc()
  const recommended = await changes.recommend()
  expect(recommended).toEqual({
    rotationKeys: [vault.rotation!.didKey],
    verificationMethods: { atproto: vault.signingDidKey },
    alsoKnownAs: ['at://alice.test'],
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: ORIGIN } },
  })
  await writePod(store, { recovery: { didKey: 'did:key:zRecovery', at: 0 } })
  expect((await changes.recommend()).rotationKeys).toEqual(['did:key:zRecovery', vault.rotation!.didKey])
})

test('an operation for moving away is signed and not sent, and only when it is admitted', async () => {
  await setUpPlc()
  const services = { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: AWAY } }
  const wanted = { services, verificationMethods: { atproto: 'did:key:zAway' }, rotationKeys: ['did:key:zAway'] }
  await expect(changes.sign(wanted, () => Promise.reject(new Error('no token')))).rejects.toThrow('no token')
  const operation = await changes.sign(wanted, async () => {})
  expect(operation).toMatchObject({ ...wanted, alsoKnownAs: ['at://alice.test'] })
  expect(directory.logs.get(identity.did)).toHaveLength(1)
  await directory.fetch(`${DIRECTORY}/${identity.did}`, { method: 'POST', body: JSON.stringify(operation) })
  expect(directory.last(identity.did)).toEqual(operation)
  // The pod has given its power away.
  await expect(changes.sign({}, async () => {})).rejects.toMatchObject({ error: 'PlcRefused' })
})

test('a directory that is down costs no token, and malformed changes neither', async () => {
  await setUpPlc()
  let asked = 0
  const admit = async () => asked++
  await expect(changes.sign({ services: { atproto_pds: 'x' } }, admit)).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  directory.fault = () => Promise.reject(new TypeError('Failed to fetch'))
  await expect(changes.sign({}, admit)).rejects.toMatchObject({ error: 'PlcUnavailable' })
  expect(asked).toBe(0)
})

test('a did:web has no operations', async () => {
  await setUp(DID_WEB)
  await expect(changes.sign({}, async () => {})).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
})

test.each([
  ['rotation key', { rotationKeys: ['did:key:zOther'] }],
  ['service type', { services: { atproto_pds: { type: 'Other', endpoint: ORIGIN } } }],
  ['endpoint', { services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: AWAY } } }],
  ['service', { services: {} }],
  ['signing key', { verificationMethods: { atproto: 'did:key:zOther' } }],
  ['handle', { alsoKnownAs: ['at://bob.test'] }],
])('an operation that would take the %s away is not submitted', async (_, wrong) => {
  await setUpPlc()
  const operation = await changes.sign(wrong, async () => {})
  await expect(changes.submit(operation)).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  expect([directory.logs.get(identity.did)?.length, announced]).toEqual([1, []])
})

test('an operation that keeps the account servable is submitted, and says so', async () => {
  await setUpPlc()
  const recovery = await newRotationKey()
  const operation = await changes.sign({ rotationKeys: [recovery.didKey, vault.rotation!.didKey] }, async () => {})
  await changes.submit(operation)
  expect(directory.last(identity.did)).toEqual(operation)
  expect(announced).toEqual(['alice.test'])
  await expect(changes.submit({ ...operation, sig: 1 })).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
})

test('a did:web that moved out names its new server and key until it is taken back', async () => {
  await setUp(DID_WEB)
  const { didKey } = await newRotationKey('secp256k1')
  await expect(changes.pointElsewhere(AWAY, didKey)).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  await identity.stand({ standing: 'deactivated', since: 0 })
  await changes.pointElsewhere(`${AWAY}/`, didKey)
  const expected = {
    alsoKnownAs: ['at://alice.test'],
    verificationMethod: [{ publicKeyMultibase: didKey.slice('did:key:'.length) }],
    service: [{ serviceEndpoint: AWAY }],
  }
  expect(identity.document).toMatchObject(expected)
  expect((await reopened()).document).toMatchObject(expected)
  await changes.pointElsewhere(ORIGIN, '')
  expect((await reopened()).document).toMatchObject({ service: [{ serviceEndpoint: ORIGIN }] })
  expect(identity.elsewhere).toBeUndefined()
  expect(announced).toEqual(['alice.test', 'alice.test'])
})

test.each([
  ['http://pds.example.com', 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'],
  ['https://pds.example.com/path', 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'],
  ['pds.example.com', 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'],
  [AWAY, 'did:key:z'],
  [AWAY, 'zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'],
])('a did:web is not pointed to %s with %s', async (endpoint, signingKey) => {
  await setUp(DID_WEB)
  await identity.stand({ standing: 'deactivated', since: 0 })
  await expect(changes.pointElsewhere(endpoint, signingKey)).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  expect(identity.elsewhere).toBeUndefined()
})

test('a did:plc has no document here to point elsewhere', async () => {
  await setUpPlc()
  await identity.stand({ standing: 'deactivated', since: 0 })
  await expect(changes.pointElsewhere(AWAY, vault.signingDidKey)).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
})
