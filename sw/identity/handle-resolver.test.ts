import { expect, test } from 'vitest'
import { resolveHandle, type Fetch } from './handle-resolver.ts'

const answers =
  (dns: unknown, wellKnown: string | null): Fetch =>
  async (url) => {
    if (url.startsWith('https://cloudflare-dns.com/')) return Response.json(dns)
    expect(url).toBe('https://bob.example.org/.well-known/atproto-did')
    if (wellKnown === null) throw new TypeError('Failed to fetch')
    return new Response(wellKnown)
  }
const txt = (...data: string[]) => ({ Status: 0, Answer: data.map((data) => ({ name: '_atproto.bob.example.org', type: 16, data })) })
const resolve = (dns: unknown, wellKnown: string | null) => resolveHandle('bob.example.org', answers(dns, wellKnown))

test('the DNS record alone is enough, quoted and split as DNS does it', async () => {
  expect(await resolve(txt('"v=spf1"', '"did=did:plc:ab" "cd"'), null)).toBe('did:plc:abcd')
})

test('the well-known file alone is enough', async () => {
  expect(await resolve({ Status: 3 }, 'did:web:bob.example.org\n')).toBe('did:web:bob.example.org')
})

test('DNS wins where the two differ', async () => {
  expect(await resolve(txt('"did=did:plc:dns"'), 'did:plc:file')).toBe('did:plc:dns')
})

test.each([
  ['nobody answers', { Status: 3 }, null],
  ['two DIDs in DNS and none in the file', txt('"did=did:plc:a"', '"did=did:plc:b"'), null],
  ['neither is a DID', txt('"did=alice"'), '<html>'],
  ['DNS answers nonsense and the file never ends', 'nonsense', 'x'.repeat(1_000_000)],
])('null when %s', async (_, dns, wellKnown) => {
  expect(await resolve(dns, wellKnown)).toBeNull()
})
