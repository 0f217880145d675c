import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesToMultibase, parseDidKey } from '@atproto/crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DID_CACHE_MS, MAX_DID_DOCUMENT_BYTES } from '../wire/limits.ts'
import { Admission, type Ground } from './admission.ts'
import { isPodDid, resolveDid } from './did-document.ts'
import { Refused } from './refused.ts'
import { MemoryPort } from './testing/memory-port.ts'
import { newKeys, signedHello, type Hello, type TabKeys } from './testing/tab.ts'

const DID = 'did:plc:abcdefghijklmnopqrstuvwx'
const ORIGIN = 'https://pod.example'
const GROUND: Ground = { nonce: '', hasRepo: false }

let keys: TabKeys
let directory: Server
let plcUrl: string
/** What the directory answers; it counts how often it was asked. */
let answer: { status: number; body: string; headers?: Record<string, string> }
let asked: string[]

beforeEach(async () => {
  keys = await newKeys()
  asked = []
  answer = { status: 200, body: JSON.stringify(documentOf()) }
  directory = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await new Promise<void>((resolve) => directory.listen(0, '127.0.0.1', resolve))
  plcUrl = `http://127.0.0.1:${(directory.address() as AddressInfo).port}`
})
afterEach(() => {
  directory.closeAllConnections()
  directory.close()
})

const documentOf = (changes: { id?: string; key?: string; pds?: unknown; fragment?: string } = {}) => ({
  '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
  id: changes.id ?? DID,
  alsoKnownAs: ['at://alice.test'],
  verificationMethod: [
    {
      id: `${changes.fragment ?? DID}#atproto`,
      type: 'Multikey',
      controller: DID,
      publicKeyMultibase: (changes.key ?? keys.signingKey).slice('did:key:'.length),
    },
  ],
  service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: changes.pds ?? ORIGIN }],
})

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (cause: unknown) => (cause instanceof Refused ? cause.error : `not refused: ${String(cause)}`),
  )

describe('a directory', () => {
  test('is asked under the DID, and answers key and address', async () => {
    expect(await resolveDid(DID, { plcUrl: `${plcUrl}/base`, allowLoopback: false })).toEqual({ signingKey: keys.signingKey, pds: ORIGIN })
    expect(asked).toEqual([`/base/${DID}`])
  })

  test.each([
    ['ids that are fragments', { fragment: '' }, { pds: ORIGIN }],
    ['a slash after the address', { pds: `${ORIGIN}/` }, { pds: ORIGIN }],
    ['an address that is no text', { pds: { uri: ORIGIN } }, { pds: null }],
  ])('may write %s', async (_, changes, expected) => {
    answer.body = JSON.stringify(documentOf(changes))
    expect(await resolveDid(DID, { plcUrl, allowLoopback: false })).toMatchObject(expected)
  })

  test('of the older kind writes the bare point of the curve', async () => {
    const { keyBytes } = parseDidKey(keys.signingKey)
    const method = { type: 'EcdsaSecp256r1VerificationKey2019', publicKeyMultibase: bytesToMultibase(keyBytes, 'base58btc') }
    const document = documentOf()
    answer.body = JSON.stringify({ ...document, verificationMethod: [{ ...document.verificationMethod[0], ...method }] })
    expect(await resolveDid(DID, { plcUrl, allowLoopback: false })).toMatchObject({ signingKey: keys.signingKey })
  })

  test.each([
    [404, 'DidNotFound'],
    [410, 'DidNotFound'],
    [500, 'DidUnresolvable'],
    [429, 'DidUnresolvable'],
  ])('that answers %i is %s', async (status, error) => {
    answer = { status, body: '{}' }
    expect(await codeOf(resolveDid(DID, { plcUrl, allowLoopback: false }))).toBe(error)
  })

  test('is not followed elsewhere', async () => {
    answer = { status: 302, body: '', headers: { location: `${plcUrl}/other` } }
    expect(await codeOf(resolveDid(DID, { plcUrl, allowLoopback: false }))).toBe('DidUnresolvable')
    expect(asked).toHaveLength(1)
  })

  test.each([
    ['is no JSON', () => '<html>'],
    ['is no document', () => '[]'],
    ['is the document of another DID', () => JSON.stringify(documentOf({ id: 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb' }))],
    ['never seems to end', () => `"${'x'.repeat(MAX_DID_DOCUMENT_BYTES)}"`],
  ])('whose answer %s is DidUnresolvable', async (_, body) => {
    answer.body = body()
    expect(await codeOf(resolveDid(DID, { plcUrl, allowLoopback: false }))).toBe('DidUnresolvable')
  })
})

describe('a did:plc pod', () => {
  const open = async (settings: { plcUrl?: string | null; policy?: 'open' | 'closed' } = {}) => {
    const port = new MemoryPort({ settings: { plcUrl, ...settings } })
    return { port, admission: await Admission.open(port) }
  }
  const hello = (admission: Admission, changes: Partial<Hello> = {}): Promise<Hello> =>
    signedHello(keys, admission.challenge(), { did: DID, ...changes })

  test('is believed only where its document names its key and this address', async () => {
    const { admission } = await open()
    await admission.identify(await hello(admission), GROUND)
    const stranger = await newKeys('did:key:zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb')
    const claimed = await signedHello(stranger, admission.challenge(), { did: DID })
    expect(await codeOf(admission.identify(claimed, GROUND))).toBe('DidMismatch')
  })

  test.each([
    ['another key', { key: 'did:key:zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb' }],
    ['another address', { pds: 'https://evil.example' }],
    ['no address', { pds: 7 }],
  ])('whose document names %s is DidMismatch', async (_, changes) => {
    const { admission } = await open()
    answer.body = JSON.stringify(documentOf(changes))
    expect(await codeOf(admission.identify(await hello(admission), GROUND))).toBe('DidMismatch')
  })

  test('is refused by a shim without a directory', async () => {
    const { admission } = await open({ plcUrl: null })
    expect(await codeOf(admission.identify(await hello(admission), GROUND))).toBe('PlcNotOffered')
  })

  test('that may not have the room makes it ask nobody', async () => {
    const { admission } = await open({ policy: 'closed' })
    expect(await codeOf(admission.identify(await hello(admission), GROUND))).toBe('RoomClosed')
    expect(asked).toEqual([])
  })

  test('is looked up once for joins that follow each other, and again later', async () => {
    const { port, admission } = await open()
    await admission.identify(await hello(admission), GROUND)
    await admission.identify(await hello(admission), GROUND)
    expect(asked).toHaveLength(1)
    port.clockOffsetMs = DID_CACHE_MS + 1000
    await admission.identify(await hello(admission), GROUND)
    expect(asked).toHaveLength(2)
  })

  test('that is bound joins while its directory is down, with the key it was bound by alone', async () => {
    const { port, admission } = await open()
    await admission.bind(await admission.judge(await hello(admission), GROUND))
    answer = { status: 503, body: '' }
    const woken = await Admission.open(port)
    await woken.identify(await hello(woken), GROUND)
    expect(asked).toHaveLength(1)
    keys = { ...keys, signingKey: 'did:key:zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb' }
    expect(await codeOf(woken.identify(await hello(woken), GROUND))).toBe('DidUnresolvable')
  })

  test('that is bound and has moved away is refused', async () => {
    const { port, admission } = await open()
    await admission.bind(await admission.judge(await hello(admission), GROUND))
    answer.body = JSON.stringify(documentOf({ pds: 'https://elsewhere.example' }))
    const woken = await Admission.open(port)
    expect(await codeOf(woken.identify(await hello(woken), GROUND))).toBe('DidMismatch')
  })

  test('cannot name a DID that would lead the look-up elsewhere', async () => {
    const { admission } = await open()
    const challenge = admission.challenge()
    const forged = await signedHello(keys, challenge, { did: 'did:plc:../../../../../../../../ab' })
    expect(await codeOf(admission.verify(forged, challenge.nonce))).toBe('BadHello')
  })

  test.each(['vacant', 'arriving'] as const)('that is %s is asked for no document: nothing of it goes out', async (standing) => {
    const { admission } = await open()
    await admission.identify(await hello(admission, { standing, ...(standing === 'vacant' && { did: 'did:web:pod.example' }) }), GROUND)
    expect(asked).toEqual([])
  })

  test('that was arriving is believed only with its document when it says that it is active', async () => {
    const { admission } = await open()
    await admission.bind(await admission.judge(await hello(admission, { standing: 'arriving' }), GROUND))
    answer = { status: 503, body: '' }
    expect(await codeOf(admission.identify(await hello(admission), GROUND))).toBe('DidUnresolvable')
    expect(await codeOf(admission.identify(await hello(admission, { standing: 'deactivated' }), GROUND))).toBe('DidUnresolvable')
    answer = { status: 200, body: JSON.stringify(documentOf()) }
    await admission.identify(await hello(admission), GROUND)
  })

  test('that was active here and is deactivated may have moved: its document is not asked for, unless its key is another', async () => {
    const { port, admission } = await open()
    await admission.bind(await admission.judge(await hello(admission), GROUND))
    answer.body = JSON.stringify(documentOf({ pds: 'https://elsewhere.example' }))
    const woken = await Admission.open(port)
    await woken.identify(await hello(woken, { standing: 'deactivated' }), GROUND)
    expect(asked).toEqual([])
    keys = { ...keys, signingKey: 'did:key:zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb' }
    expect(await codeOf(woken.identify(await hello(woken, { standing: 'deactivated' }), GROUND))).toBe('DidMismatch')
  })
})

describe('a did:web of another host', () => {
  const elsewhere = () => `did:web:127.0.0.1%3A${new URL(plcUrl).port}`
  const open = async (allowLoopbackEgress = true) => Admission.open(new MemoryPort({ settings: { allowLoopbackEgress } }))
  const identify = async (admission: Admission, did = elsewhere()) =>
    admission.identify(await signedHello(keys, admission.challenge(), { did }), GROUND)

  test('is asked for at its host, and believed where its document names key and address', async () => {
    answer.body = JSON.stringify(documentOf({ id: elsewhere(), fragment: '' }))
    await identify(await open())
    expect(asked).toEqual(['/.well-known/did.json'])
  })

  test.each([
    ['another key', { key: 'did:key:zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb' }],
    ['another address', { pds: 'https://evil.example' }],
  ])('whose document names %s is DidMismatch', async (_, changes) => {
    answer.body = JSON.stringify(documentOf({ id: elsewhere(), fragment: '', ...changes }))
    expect(await codeOf(identify(await open()))).toBe('DidMismatch')
  })

  test('on this machine is asked for only where the shim may reach it', async () => {
    expect(await codeOf(identify(await open(false)))).toBe('InsecureUrl')
    expect(asked).toEqual([])
  })

  test('on a private address is refused unasked', async () => {
    expect(await codeOf(identify(await open(), 'did:web:192.168.0.1'))).toBe('PrivateAddress')
    expect(await codeOf(identify(await open(), 'did:web:printer.local'))).toBe('PrivateAddress')
  })

  test.each([
    ['did:web:alice.example', true],
    ['did:web:localhost%3A1999', true],
    ['did:web:alice.example%3A8443', false],
    ['did:web:alice.example:path', false],
    ['did:web:Alice.example', false],
    ['did:web:alice.example%2Fpath', false],
    ['did:web:intranet', false],
    ['did:web:', false],
  ])('%s is one that a pod may have: %s', (did, expected) => expect(isPodDid(did)).toBe(expected))
})
