import { bytesToMultibase, multibaseToBytes, parseDidKey } from '@atproto/crypto'
import { expect, test } from 'vitest'
import { endpointOf, handleOf, parseDocument, signingKeyOf } from './resolved-document.ts'
import { newRotationKey } from './testing.ts'

const DID = 'did:web:alice.example.com'
const documentWith = (more: object) => parseDocument(JSON.stringify({ id: DID, ...more }))
const keyed = (type: string, publicKeyMultibase?: string, id = `${DID}#atproto`) =>
  documentWith({ verificationMethod: [{ id, type, controller: DID, publicKeyMultibase }] })

test.each(['P-256', 'secp256k1'] as const)('a %s key is read in the form of today and in the older one', async (curve) => {
  const { didKey } = await newRotationKey(curve)
  const multikey = didKey.slice('did:key:'.length)
  expect(signingKeyOf(keyed('Multikey', multikey))).toBe(didKey)
  expect(signingKeyOf(keyed('Multikey', multikey, '#atproto'))).toBe(didKey)
  const older = curve === 'P-256' ? 'EcdsaSecp256r1VerificationKey2019' : 'EcdsaSecp256k1VerificationKey2019'
  expect(signingKeyOf(keyed(older, bytesToMultibase(parseDidKey(didKey).keyBytes, 'base58btc')))).toBe(didKey)
})

test('a document without a usable key has none', async () => {
  const { didKey } = await newRotationKey()
  const multikey = didKey.slice('did:key:'.length)
  expect(multibaseToBytes(multikey)).toHaveLength(35)
  for (const document of [
    documentWith({}),
    keyed('Multikey'),
    keyed('Multikey', 'zNonsense'),
    keyed('Ed25519VerificationKey2020', multikey),
    keyed('EcdsaSecp256r1VerificationKey2019', 'zNonsense'),
    keyed('Multikey', multikey, `${DID}#other`),
    keyed('Multikey', multikey, 'did:web:bob.example.com#atproto'),
  ])
    expect(signingKeyOf(document)).toBeNull()
})

test.each([
  [['at://Alice.Test'], 'alice.test'],
  [['https://alice.example', 'at://not a handle', 'at://alice.test', 'at://al.test'], 'alice.test'],
  [['https://alice.example'], null],
  [undefined, null],
])('of %j the handle is %s', (alsoKnownAs, handle) => {
  expect(handleOf(documentWith({ alsoKnownAs }))).toBe(handle)
})

test('a service is found by its name, whole or as a fragment, and keeps to addresses that one may be sent to', () => {
  const endpointAt = (id: string, serviceEndpoint: unknown) =>
    endpointOf(documentWith({ service: [{ id, type: 'AtprotoPersonalDataServer', serviceEndpoint }] }), 'atproto_pds')
  expect(endpointAt('#atproto_pds', 'https://pds.example/')).toBe('https://pds.example')
  expect(endpointAt(`${DID}#atproto_pds`, 'http://localhost:2583')).toBe('http://localhost:2583')
  expect(endpointAt('#other', 'https://pds.example')).toBeNull()
  expect(endpointAt('#atproto_pds', 'http://pds.example')).toBeNull()
  expect(endpointAt('#atproto_pds', { uri: 'https://pds.example' })).toBeNull()
})

test('what is not understood is passed on', () => {
  const service = [{ id: '#x', type: 'X', serviceEndpoint: 'https://x.example', more: { deep: [1] } }]
  expect(documentWith({ service, proof: 'p' })).toEqual({ id: DID, service, proof: 'p' })
})
