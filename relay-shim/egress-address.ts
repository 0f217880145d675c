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
  if (!isWebPort(url.port))
    throw new Refused(
      'BadPort',
      `Nothing is fetched from port ${url.port}: only from 443, and from 1024 on where no other service is at home.`,
    )
  return url
}

/**
 * 443, and those that need no rights, where people who host at home put their servers: below lie mail, remote logins and the like, to which not even a TLS greeting
 * should come from here. Of the others those that browsers block. @see https://fetch.spec.whatwg.org/#port-blocking
 */
const isWebPort = (port: string): boolean => port === '' || (Number(port) >= 1024 && !BLOCKED_PORTS.has(Number(port)))
const BLOCKED_PORTS: ReadonlySet<number> = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080,
])

const PRIVATE_NAME = /(^|\.)(localhost|localdomain|local|internal|intranet|private|corp|home|lan|home\.arpa|onion)$/
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
  // Public hosts have names: IPv6 literals are refused as a whole.
  if (name.startsWith('[')) return true
  return IPV4.test(name) ? isPrivateIpv4(name) : PRIVATE_NAME.test(name) || !name.includes('.')
}

/** Of an address as DNS answers it; what is none is not public. */
export const isPrivateAddress = (address: string): boolean =>
  IPV4.test(address) ? isPrivateIpv4(address) : !/^[\da-f:.]+$/i.test(address) || isPrivateIpv6(address)

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/

const isPrivateIpv4 = (dotted: string): boolean =>
  PRIVATE_IPV4.some(([first, bits]) => ipv4(dotted) >>> (32 - bits) === ipv4(first) >>> (32 - bits))

/** Only 2000::/3 is public, and in it 2002::/16 and what begins 2001:0 to 2001:1ff may wrap a private IPv4 or are nobody's. @see https://www.iana.org/assignments/iana-ipv6-special-registry */
const isPrivateIpv6 = (address: string): boolean => {
  const [first = '', second = ''] = address.split(':')
  const [high, low] = [Number.parseInt(first || '0', 16), Number.parseInt(second || '0', 16)]
  return high < 0x2000 || high > 0x3fff || high === 0x2002 || high === 0x3fff || (high === 0x2001 && (low < 0x200 || low === 0xdb8))
}

const ipv4 = (dotted: string): number => dotted.split('.').reduce((value, part) => ((value << 8) | Number(part)) >>> 0, 0)
