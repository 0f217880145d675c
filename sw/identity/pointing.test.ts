import 'fake-indexeddb/auto'
import { beforeEach, expect, test } from 'vitest'
import { openStore } from '../store/open.ts'
import { writePod } from '../store/pod.ts'
import type { KeyVault } from './contract.ts'
import { didDocument } from './did-document.ts'
import { DidResolver } from './did-resolver.ts'
import { makeKeys, openVault } from './key-vault.ts'
import { makeOperation } from './plc-operation.ts'
import { readLastOperation, submitOperation } from './plc-directory.ts'
import { createDidPlc } from './plc.ts'
import { assertPointsHere, type PointingParts } from './pointing.ts'
import { Self } from './self.ts'
import { DIRECTORY, FakeDirectory } from './testing.ts'

const ORIGIN = 'http://localhost:1999'
const HANDLE = 'alice.test'
let directory: FakeDirectory
let vault: KeyVault

beforeEach(async () => {
  directory = new FakeDirectory()
  vault = await openVault(await makeKeys({ rotates: true }))
})

const partsOf = async (did: string, document: object = {}): Promise<PointingParts> => {
  const store = await openStore(crypto.randomUUID())
  await writePod(store, { identity: { did, handle: HANDLE, origin: ORIGIN, createdAt: '2026-11-20T12:00:00.000Z' } })
  const identity = (await Self.open(store, vault.signingDidKey))!
  const dids = new DidResolver({ fetch: async () => Response.json(document), plc: () => DIRECTORY, now: () => 0 })
  return { identity, vault, dids, directory: () => DIRECTORY, fetch: directory.fetch }
}
const createPlc = () => createDidPlc(DIRECTORY, { handle: HANDLE, origin: ORIGIN }, vault, directory.fetch)

test('the did:web of this host points here, unless the owner pointed it elsewhere', async () => {
  const parts = await partsOf('did:web:localhost%3A1999')
  await assertPointsHere(parts)
  await parts.identity.moveDocument({ endpoint: 'https://pds.example.com', signingKey: vault.signingDidKey })
  await expect(assertPointsHere(parts)).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  await parts.identity.moveDocument(undefined)
  await assertPointsHere(parts)
})

test('a did:plc points here when its directory names address, key and rotation key', async () => {
  await assertPointsHere(await partsOf(await createPlc()))
})

test.each([
  ['address', { services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://pds.example.com' } } }],
  ['service', { services: {} }],
  ['signing key', { verificationMethods: { atproto: 'did:key:zOther' } }],
  ['rotation key', { rotationKeys: ['did:key:zOther'] }],
])('a did:plc with another %s does not', async (_, changes) => {
  const did = await createPlc()
  const operation = await makeOperation(await readLastOperation(DIRECTORY, did, directory.fetch), changes, vault.rotation!)
  await submitOperation(DIRECTORY, did, operation, directory.fetch)
  await expect(assertPointsHere(await partsOf(did))).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
})

test('a directory that cannot be asked is no yes', async () => {
  const parts = await partsOf(await createPlc())
  directory.fault = () => Promise.reject(new TypeError('Failed to fetch'))
  await expect(assertPointsHere(parts)).rejects.toMatchObject({ status: 503, error: 'PlcUnavailable' })
})

test('a did:web of another host points here when its document says so', async () => {
  const did = 'did:web:alice.example.com'
  const document = didDocument({ did, handle: HANDLE, origin: ORIGIN }, vault.signingDidKey)
  await assertPointsHere(await partsOf(did, document))
  const away = didDocument({ did, handle: HANDLE, origin: 'https://pds.example.com' }, vault.signingDidKey)
  await expect(assertPointsHere(await partsOf(did, away))).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  const other = didDocument({ did, handle: HANDLE, origin: ORIGIN }, (await openVault(await makeKeys())).signingDidKey)
  await expect(assertPointsHere(await partsOf(did, other))).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
})
