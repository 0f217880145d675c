/** Whom a request comes from. Headers can be written by anyone, so only those count that a proxy in front of the room is known to write. */

/** `none`: no header is believed. `cloudflare`: it writes `cf-connecting-ip` itself. A number: so many proxies in front, each adding to `x-forwarded-for`. */
export type TrustedProxy = 'none' | 'cloudflare' | number

/** Of the setting `TABPOD_TRUSTED_PROXY`; undefined: it is none of them. */
export const parseTrustedProxy = (written: string): TrustedProxy | undefined => {
  if (written === 'none' || written === 'cloudflare') return written
  return /^[1-9]$/.test(written) ? Number(written) : undefined
}

/** All clients whose address is not known are counted as one. */
export const UNKNOWN = 'unknown'

/** IPv4 as it is written, IPv6 as its first 64 bits: who has one address of such a network has them all. @see https://www.rfc-editor.org/rfc/rfc6177#section-2 */
export const clientAddress = (headers: Headers, trusted: TrustedProxy): string => {
  if (trusted === 'none') return UNKNOWN
  if (trusted === 'cloudflare') return network(headers.get('cf-connecting-ip') ?? '')
  // The last one was added by the proxy next to us; what a client made up stands before those that proxies have added.
  return network(headers.get('x-forwarded-for')?.split(',').at(-trusted) ?? '')
}

const IPV4 = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/
const IPV6 = /^\[?([\da-f:]{2,39})(?:%[\w.-]+)?\]?(?::\d+)?$/
const MAPPED = /^\[?::ffff:(\d{1,3}(?:\.\d{1,3}){3})\]?(?::\d+)?$/

const network = (written: string): string => {
  const address = written.trim().toLowerCase()
  const ipv4 = (IPV4.exec(address) ?? MAPPED.exec(address))?.[1]
  if (ipv4) return ipv4
  const ipv6 = address.includes(':') ? IPV6.exec(address)?.[1] : undefined
  return ipv6 ? `${firstGroups(ipv6).join(':')}::/64` : UNKNOWN
}

/** The first four of the eight groups, zeros written out. */
const firstGroups = (address: string): string[] => {
  const [before = '', after] = address.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after ? after.split(':') : []
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length)
  return [...head, ...Array.from({ length: zeros }, () => '0'), ...tail].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''))
}
