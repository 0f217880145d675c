/** Which addresses the room fetches for its pod: https to public names, and this machine where development allows it. */
import { isLoopback } from './hostname.ts'
import { Refused } from './refused.ts'

/** @throws Refused for an address the room does not fetch. Names are judged as written: a public name that resolves to a private address is not seen here. */
export const admitUrl = (text: string, allowLoopback: boolean): URL => {
  if (!URL.canParse(text)) throw new Refused('BadUrl', 'This is not an absolute URL.')
  const url = new URL(text)
  if (url.username || url.password) throw new Refused('BadUrl', 'URLs with a user name or password are not fetched.')
  if (allowLoopback && isLoopback(url.hostname) && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  if (url.protocol !== 'https:') throw new Refused('InsecureUrl', 'Only https addresses are fetched.')
  if (isPrivate(url.hostname)) throw new Refused('PrivateAddress', `${url.hostname} is not a public address.`)
  return url
}

const PRIVATE_NAME = /(^|\.)(localhost|local|internal|intranet|lan|home\.arpa|onion)$/
/** First address and prefix length. @see https://www.iana.org/assignments/iana-ipv4-special-registry */
const PRIVATE_IPV4: ReadonlyArray<readonly [first: string, bits: number]> = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/** `hostname` as the URL parser writes it: decimal, octal and hexadecimal IPv4 are dotted decimal by then. */
const isPrivate = (hostname: string): boolean => {
  const name = hostname.replace(/\.$/, '')
  // Only 2000::/3 is public, and within it 2002::/16 and 2001:0::/32 may wrap a private IPv4. Public hosts have names: literals are refused as a whole.
  if (name.startsWith('[')) return true
  if (/^\d+(\.\d+){3}$/.test(name)) return PRIVATE_IPV4.some(([first, bits]) => ipv4(name) >>> (32 - bits) === ipv4(first) >>> (32 - bits))
  return PRIVATE_NAME.test(name) || !name.includes('.')
}

const ipv4 = (dotted: string): number => dotted.split('.').reduce((value, part) => ((value << 8) | Number(part)) >>> 0, 0)
