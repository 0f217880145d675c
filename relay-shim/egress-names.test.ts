import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DNS_CACHE_MS } from '../wire/limits.ts'
import { Egress } from './egress.ts'
import { NameCheck } from './egress-names.ts'

/** Addresses by name and type; a function answers for itself. */
let names: Record<string, Partial<Record<'1' | '28', readonly string[]>>>
let status: number
let asked: string[]
let resolver: Server
let address: string
let now: number

beforeEach(async () => {
  names = {}
  status = 200
  asked = []
  now = 0
  resolver = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://resolver')
    const [name = '', type = ''] = [searchParams.get('name') ?? '', searchParams.get('type') ?? '']
    asked.push(`${name} ${type}`)
    const found = names[name]?.[type as '1' | '28'] ?? []
    const Answer = [{ name, type: 5, TTL: 1, data: 'alias.example.' }, ...found.map((data) => ({ name, type: Number(type), TTL: 1, data }))]
    response.writeHead(status, { 'content-type': 'application/dns-json' }).end(JSON.stringify({ Status: 0, Answer }))
  })
  await new Promise<void>((resolve) => resolver.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(resolver.address() as AddressInfo).port}/dns-query`
})
afterEach(() => void resolver.close())

const check = () => new NameCheck(address, () => now)
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'admitted',
    ({ error }: { error: string }) => error,
  )

test.each([
  ['a public address', { 1: ['93.184.216.34'] }, 'admitted'],
  ['a public IPv6 address', { 28: ['2606:2800:220:1:248:1893:25c8:1946'] }, 'admitted'],
  ['this machine', { 1: ['127.0.0.1'] }, 'PrivateAddress'],
  ['a public address and a private one', { 1: ['93.184.216.34', '10.0.0.1'] }, 'PrivateAddress'],
  ['a public IPv4 address and a private IPv6 one', { 1: ['93.184.216.34'], 28: ['fd00::1'] }, 'PrivateAddress'],
  ['a cloud’s metadata', { 1: ['169.254.169.254'] }, 'PrivateAddress'],
  ['IPv6 loopback', { 28: ['::1'] }, 'PrivateAddress'],
  ['an IPv4 address in IPv6', { 28: ['::ffff:127.0.0.1'] }, 'PrivateAddress'],
  ['an IPv4 address behind NAT64', { 28: ['64:ff9b::7f00:1'] }, 'PrivateAddress'],
  ['6to4, which may wrap a private address', { 28: ['2002:7f00:1::'] }, 'PrivateAddress'],
  ['Teredo', { 28: ['2001:0:4136:e378:8000:63bf:3fff:fdd2'] }, 'PrivateAddress'],
  ['what is no address', { 1: ['localhost'] }, 'PrivateAddress'],
  ['nothing', {}, 'NameNotChecked'],
] as const)('a name that leads to %s', async (_, addresses, outcome) => {
  names['name.example'] = addresses
  expect(await codeOf(check().check('name.example'))).toBe(outcome)
})

test('a resolver that does not answer means no', async () => {
  names['name.example'] = { 1: ['93.184.216.34'] }
  status = 503
  expect(await codeOf(check().check('name.example'))).toBe('NameNotChecked')
  resolver.close()
  resolver.closeAllConnections()
  expect(await codeOf(check().check('name.example'))).toBe('NameNotChecked')
})

test('what was right is believed for a minute, what was wrong is asked again', async () => {
  names['name.example'] = { 1: ['93.184.216.34'] }
  const names_ = check()
  await names_.check('name.example')
  names['name.example'] = { 1: ['10.0.0.1'] }
  expect(await codeOf(names_.check('name.example'))).toBe('admitted')
  now += DNS_CACHE_MS
  expect(await codeOf(names_.check('name.example'))).toBe('PrivateAddress')
  names['name.example'] = { 1: ['93.184.216.34'] }
  expect(await codeOf(names_.check('name.example'))).toBe('admitted')
})

test('the pod’s fetches are asked for first, and nothing is sent to a name that leads inside', async () => {
  names['127.0.0.1.nip.example'] = { 1: ['127.0.0.1'] }
  const egress = new Egress({ allowLoopback: false, names: check() })
  const ask = { method: 'GET', url: 'https://127.0.0.1.nip.example/', headers: [] }
  expect(await codeOf(egress.fetch(ask, { kind: 'none' }, new AbortController().signal))).toBe('PrivateAddress')
  expect(asked.sort()).toEqual(['127.0.0.1.nip.example 1', '127.0.0.1.nip.example 28'])
})
