import { expect, test } from 'vitest'
import { clientAddress, UNKNOWN } from './client-address.ts'

const forwarded = (value: string) => new Headers({ 'x-forwarded-for': value, 'cf-connecting-ip': '9.9.9.9' })

test('no header is believed by default', () => expect(clientAddress(forwarded('1.2.3.4'), 'none')).toBe(UNKNOWN))

test('of a chain the entry counts that the outermost trusted proxy has added, whatever a client wrote before it', () => {
  const chain = forwarded('6.6.6.6, 1.2.3.4, 10.0.0.1')
  expect(clientAddress(chain, 1)).toBe('10.0.0.1')
  expect(clientAddress(chain, 2)).toBe('1.2.3.4')
})

test('a request that came past the proxies has no address', () => {
  expect(clientAddress(forwarded('1.2.3.4'), 2)).toBe(UNKNOWN)
  expect(clientAddress(new Headers(), 1)).toBe(UNKNOWN)
})

test('Cloudflare names the client itself', () => expect(clientAddress(forwarded('1.2.3.4'), 'cloudflare')).toBe('9.9.9.9'))

test.each([
  ['1.2.3.4:5678', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['2001:DB8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
  ['2001:db8:0:1::99', '2001:db8:0:1::/64'],
  ['[2001:0db8::7]:443', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['someone', UNKNOWN],
  ['', UNKNOWN],
  ['a'.repeat(10_000), UNKNOWN],
])('%s counts as %s', (written, address) => expect(clientAddress(forwarded(written), 1)).toBe(address))
