import { expect, test } from 'vitest'
import { admitUrl } from './egress-address.ts'
import { Refused } from './refused.ts'

const codeOf = (url: string, allowLoopback = false): string => {
  try {
    admitUrl(url, allowLoopback)
    return 'admitted'
  } catch (cause) {
    return cause instanceof Refused ? cause.error : String(cause)
  }
}

test.each([
  ['https://bsky.social/oauth/client-metadata.json', 'admitted'],
  ['https://8.8.8.8/', 'admitted'],
  ['http://bsky.social/', 'InsecureUrl'],
  ['ftp://bsky.social/', 'InsecureUrl'],
  ['file:///etc/passwd', 'InsecureUrl'],
  ['not a url', 'BadUrl'],
  ['https://user:secret@bsky.social/', 'BadUrl'],
  ['https://localhost/', 'PrivateAddress'],
  ['https://pod.localhost/', 'PrivateAddress'],
  ['https://router/', 'PrivateAddress'],
  ['https://printer.local./', 'PrivateAddress'],
  ['https://127.0.0.1/', 'PrivateAddress'],
  ['https://2130706433/', 'PrivateAddress'],
  ['https://0x7f.1/', 'PrivateAddress'],
  ['https://10.1.2.3/', 'PrivateAddress'],
  ['https://172.31.255.255/', 'PrivateAddress'],
  ['https://172.32.0.1/', 'admitted'],
  ['https://192.168.0.1/', 'PrivateAddress'],
  ['https://169.254.169.254/latest/meta-data', 'PrivateAddress'],
  ['https://100.64.0.1/', 'PrivateAddress'],
  ['https://255.255.255.255/', 'PrivateAddress'],
  ['https://[::1]/', 'PrivateAddress'],
  ['https://[::ffff:10.0.0.1]/', 'PrivateAddress'],
  ['https://[fe80::1]/', 'PrivateAddress'],
  ['https://[64:ff9b::7f00:1]/', 'PrivateAddress'],
  ['https://[2606:4700::1111]/', 'PrivateAddress'],
  ['https://[0:0:0:0:0:ffff:7f00:1]/', 'PrivateAddress'],
  ['https://127.1/', 'PrivateAddress'],
  ['https://0/', 'PrivateAddress'],
  ['https://0177.0.0.1/', 'PrivateAddress'],
  ['https://0x7f000001/', 'PrivateAddress'],
  ['https://017700000001/', 'PrivateAddress'],
  ['https://0xA9.0xFE.0xA9.0xFE/', 'PrivateAddress'],
  ['https://127.0.0.1./', 'PrivateAddress'],
  ['https://１２７.0.0.1/', 'PrivateAddress'],
  ['https://127。0。0。1/', 'PrivateAddress'],
  ['https://ⓛocalhost/', 'PrivateAddress'],
  ['https://LOCALHOST/', 'PrivateAddress'],
  ['https://local\u00adhost/', 'PrivateAddress'],
  ['https://a.b.LocalHost./', 'PrivateAddress'],
  ['https://127.0.0.1%00.example/', 'BadUrl'],
  ['https://256.0.0.1/', 'BadUrl'],
  ['https://1.2.3.4.5/', 'BadUrl'],
  ['https:\\\\10.0.0.1\\', 'PrivateAddress'],
  ['https:10.0.0.1', 'PrivateAddress'],
  ['https://bsky.social@10.0.0.1/', 'BadUrl'],
  ['https://bsky.social:443/', 'admitted'],
  ['https://bsky.social:8443/', 'admitted'],
  ['https://bsky.social:2583/', 'admitted'],
  ['https://bsky.social:22/', 'BadPort'],
  ['https://bsky.social:25/', 'BadPort'],
  ['https://bsky.social:80/', 'BadPort'],
  ['https://bsky.social:6667/', 'BadPort'],
  ['https://bsky.social:0/', 'BadPort'],
])('%s is %s', (url, outcome) => expect(codeOf(url)).toBe(outcome))

test('development allows plain http to this machine, and only to this machine', () => {
  expect(codeOf('http://localhost:2583/xrpc/x', true)).toBe('admitted')
  expect(codeOf('http://127.0.0.1:2583/', true)).toBe('admitted')
  expect(codeOf('http://10.0.0.1/', true)).toBe('InsecureUrl')
  expect(codeOf('https://10.0.0.1/', true)).toBe('PrivateAddress')
})
