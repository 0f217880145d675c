import { expect, test } from 'vitest'
import { isLoopbackHost } from './loopback.ts'
import { isDidPlc, parsePlcUrl } from './plc-url.ts'

test.each([
  ['https://plc.directory', 'https://plc.directory'],
  ['https://PLC.directory:443/', 'https://plc.directory'],
  ['https://example.com/plc/', 'https://example.com/plc'],
  ['http://localhost:2582', 'http://localhost:2582'],
  ['http://[::1]:2582', 'http://[::1]:2582'],
])('%s is the directory %s', (text, url) => expect(parsePlcUrl(text)).toBe(url))

test.each([
  'http://plc.directory',
  'plc.directory',
  'ftp://localhost',
  'https://user:pass@plc.directory',
  'https://plc.directory/?did=',
  'https://plc.directory/#a',
  '',
])('%j is no directory', (text) => expect(parsePlcUrl(text)).toBeNull())

test('a did:plc has 24 characters of base32, and nothing that could lead a URL elsewhere', () => {
  expect(isDidPlc('did:plc:ewvi7nxzyoun6zhxrhs64oiz')).toBe(true)
  for (const did of [
    'did:plc:ewvi7nxzyoun6zhxrhs64oi',
    'did:plc:EWVI7NXZYOUN6ZHXRHS64OIZ',
    'did:plc:../../../../../../../abc',
    'did:web:a.com',
  ])
    expect(isDidPlc(did)).toBe(false)
})

test('loopback hosts are known by name and by number', () => {
  for (const host of ['localhost', 'idp.localhost', '127.0.0.1', '127.8.8.8', '[::1]']) expect(isLoopbackHost(host)).toBe(true)
  for (const host of ['localhost.com', '127.0.0.1.nip.io', '10.0.0.1', 'notlocalhost']) expect(isLoopbackHost(host)).toBe(false)
})
