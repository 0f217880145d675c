import { createHash } from 'node:crypto'
import { bytesToMultibase, verifySignature } from '@atproto/crypto'
import { encode } from 'cborg'
import { expect, test } from 'vitest'
import type { Fetch } from './handle-resolver.ts'
import { makeKeys, openVault } from './key-vault.ts'
import type { PlcOperation } from './plc-operation.ts'
import { createDidPlc, makeGenesis } from './plc.ts'

const DIRECTORY = 'https://plc.example/base'
const place = { handle: 'alice.test', origin: 'http://localhost:1999' }
const newVault = async () => openVault(await makeKeys({ rotates: true }))

test('the operation says what the pod is, signed by its rotation key and by no other', async () => {
  const { signingDidKey, rotation } = await newVault()
  const { operation } = await makeGenesis({ ...place, signingDidKey }, rotation!)
  const { sig, ...unsigned } = operation
  expect(unsigned).toEqual({
    type: 'plc_operation',
    rotationKeys: [rotation!.didKey],
    verificationMethods: { atproto: signingDidKey },
    alsoKnownAs: ['at://alice.test'],
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'http://localhost:1999' } },
    prev: null,
  })
  // cborg sorts keys by length first, as DAG-CBOR wants it, and shares no code with what made the bytes.
  const bytes = encode(unsigned)
  const signature = new Uint8Array(Buffer.from(sig, 'base64url'))
  expect(sig).toMatch(/^[\w-]{86}$/)
  expect(await verifySignature(rotation!.didKey, bytes, signature)).toBe(true)
  expect(await verifySignature(signingDidKey, bytes, signature)).toBe(false)
})

test('the DID is the hash of the signed operation', async () => {
  const { signingDidKey, rotation } = await newVault()
  const { did, operation } = await makeGenesis({ ...place, signingDidKey }, rotation!)
  const hash = new Uint8Array(createHash('sha256').update(encode(operation)).digest())
  expect(did).toBe(`did:plc:${bytesToMultibase(hash, 'base32').slice(1, 25)}`)
})

test('the rotation key cannot be exported, and a did:web has none', async () => {
  const keys = await makeKeys({ rotates: true })
  expect(keys.rotation?.privateKey.extractable).toBe(false)
  expect(keys.rotationDidKey).not.toBe(keys.signingDidKey)
  expect((await openVault(await makeKeys())).rotation).toBeUndefined()
})

test('a DID is registered under its own name', async () => {
  const asked: Array<{ url: string; operation: PlcOperation }> = []
  const directory: Fetch = async (url, init) => {
    asked.push({ url, operation: JSON.parse(String(init?.body)) })
    return new Response()
  }
  const did = await createDidPlc(DIRECTORY, place, await newVault(), directory)
  expect(asked).toEqual([{ url: `${DIRECTORY}/${did}`, operation: expect.objectContaining({ type: 'plc_operation', prev: null }) }])
})

test.each([
  ['is away', () => Promise.reject(new TypeError('Failed to fetch')), 503, 'PlcUnavailable'],
  ['is broken', async () => new Response('', { status: 502 }), 503, 'PlcUnavailable'],
  ['is overrun', async () => new Response('', { status: 429 }), 503, 'PlcUnavailable'],
  ['says no', async () => Response.json({ message: 'Invalid handle' }, { status: 400 }), 400, 'PlcRefused'],
] as const)('a directory that %s is told by its own code', async (_, directory, status, error) => {
  await expect(createDidPlc(DIRECTORY, place, await newVault(), directory)).rejects.toMatchObject({ status, error })
})
