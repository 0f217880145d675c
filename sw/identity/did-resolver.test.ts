import { expect, test } from 'vitest'
import { XrpcError } from '../../wire/errors.ts'
import { DID_MAX_AGE_MS, DID_STALE_MS, MAX_DID_DOCUMENT_BYTES } from '../../wire/limits.ts'
import { DidResolver, isAtprotoDid } from './did-resolver.ts'
import type { Fetch } from './handle-resolver.ts'
import { newRotationKey } from './testing.ts'

const PLC_DID = `did:plc:${'a'.repeat(24)}`
const documentOf = (id: string, serviceEndpoint: unknown = 'https://api.example.org') => ({
  id,
  service: [{ id: '#bsky_appview', type: 'BskyAppView', serviceEndpoint }],
})

const setUp = (answer: (url: string) => Response | Promise<Response>) => {
  const clock = { now: 0 }
  const asked: string[] = []
  const fetch: Fetch = async (url) => {
    asked.push(url)
    return answer(url)
  }
  return { clock, asked, resolver: new DidResolver({ fetch, plc: () => 'https://plc.example', now: () => clock.now }) }
}

test.each([
  ['did:web:api.example.org', 'https://api.example.org/.well-known/did.json'],
  ['did:web:localhost%3A2583', 'http://localhost:2583/.well-known/did.json'],
  [PLC_DID, `https://plc.example/${PLC_DID}`],
])('%s is asked for at %s', async (did, url) => {
  const { resolver, asked } = setUp(() => Response.json(documentOf(did)))
  expect(await resolver.endpoint(did, 'bsky_appview')).toBe('https://api.example.org')
  expect(asked).toEqual([url])
})

test.each([
  'did:web:api.example.org%3A8443',
  'did:web:api.example.org:user',
  'did:web:router',
  'did:web:a/b.org',
  'did:plc:short',
  'did:key:zQ3',
  'x',
])('%s is no DID of atproto', async (did) => {
  const { resolver, asked } = setUp(() => Response.json(documentOf(did)))
  expect(isAtprotoDid(did)).toBe(false)
  await expect(resolver.resolve(did)).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  expect(asked).toEqual([])
})

test.each([
  ['is not there', () => new Response('', { status: 404 }), 400],
  ['belongs to someone else', () => Response.json(documentOf('did:web:evil.example')), 502],
  ['is no JSON', () => new Response('<html>'), 502],
  ['moved', () => new Response(null, { status: 302, headers: { location: 'http://10.0.0.1/' } }), 502],
  ['never ends', () => Response.json({ ...documentOf('did:web:api.example.org'), more: 'x'.repeat(MAX_DID_DOCUMENT_BYTES) }), 502],
  ['cannot be had', () => Promise.reject(new XrpcError(502, 'PrivateAddress', 'no')), 502],
  ['cannot be had now', () => Promise.reject(new XrpcError(503, 'UplinkClosed', 'no')), 503],
])('a document that %s is an error', async (_, answer, status) => {
  const { resolver } = setUp(answer)
  await expect(resolver.resolve('did:web:api.example.org')).rejects.toMatchObject({ status })
})

test.each([
  [404, 'DidNotFound'],
  [410, 'DidDeactivated'],
])('a document that answers %d is told apart as %s', async (status, error) => {
  const { resolver } = setUp(() => new Response('', { status }))
  await expect(resolver.resolve(PLC_DID)).rejects.toMatchObject({ status: 400, error })
})

test('key and handle of a document are given, and their absence is an error or null', async () => {
  const { didKey } = await newRotationKey()
  const publicKeyMultibase = didKey.slice('did:key:'.length)
  const verificationMethod = [{ id: `${PLC_DID}#atproto`, type: 'Multikey', controller: PLC_DID, publicKeyMultibase }]
  let document: object = { id: PLC_DID, verificationMethod, alsoKnownAs: ['at://alice.test'] }
  const { resolver } = setUp(() => Response.json(document))
  expect(await resolver.signingKey(PLC_DID)).toBe(didKey)
  expect(await resolver.handleOf(PLC_DID)).toBe('alice.test')
  document = { id: PLC_DID }
  await expect(resolver.signingKey(PLC_DID, { fresh: true })).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  expect(await resolver.handleOf(PLC_DID)).toBeNull()
})

test('a document that was changed is asked for anew', async () => {
  const { resolver, asked } = setUp(() => Response.json(documentOf(PLC_DID)))
  await resolver.resolve(PLC_DID)
  resolver.forget(PLC_DID)
  await resolver.resolve(PLC_DID)
  expect(asked).toHaveLength(2)
})

test.each([['http://api.example.org'], ['javascript:alert(1)'], ['not a url'], [{ uri: 'https://api.example.org' }]])(
  'the endpoint %s is none',
  async (endpoint) => {
    const { resolver } = setUp(() => Response.json(documentOf('did:web:api.example.org', endpoint)))
    await expect(resolver.endpoint('did:web:api.example.org', 'bsky_appview')).rejects.toMatchObject({ status: 400 })
  },
)

test('a document is asked for once, used while it grows stale, and not beyond its age', async () => {
  let isDown = false
  const { resolver, asked, clock } = setUp(() => {
    if (isDown) throw new TypeError('down')
    return Response.json(documentOf(PLC_DID))
  })
  await Promise.all([resolver.resolve(PLC_DID), resolver.resolve(PLC_DID)])
  clock.now = DID_STALE_MS - 1
  await resolver.resolve(PLC_DID)
  expect(asked).toHaveLength(1)
  isDown = true
  clock.now = DID_STALE_MS
  expect(await resolver.resolve(PLC_DID)).toMatchObject({ id: PLC_DID })
  expect(asked).toHaveLength(2)
  clock.now = DID_MAX_AGE_MS
  await expect(resolver.resolve(PLC_DID)).rejects.toMatchObject({ status: 502 })
})
