/** Which headers pass the tunnel, and in which direction. The reasons in full: `docs/protocol.md`, "Requests". */
import { cookieValue, DEVICE_COOKIE, DEVICE_HEADER, FEDCM_COOKIE, FEDCM_HEADER, isDeviceValue } from '../wire/device-cookie.ts'
import { XrpcError } from '../wire/errors.ts'
import { FEDCM_PREFIX } from '../wire/fedcm.ts'
import type { HeaderList } from '../wire/frames.ts'
import { DEVICE_COOKIE_MAX_AGE_S, MAX_HEADERS, MAX_HEADERS_CHARS, MAX_HEADER_CHARS } from '../wire/limits.ts'

/** About one connection, not about the message. @see https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Host: the room *is* the host. Forwarding headers: anyone can write them, so the pod gets none; it knows its own origin. */
const NOT_TO_TAB = new Set([
  ...HOP_BY_HOP,
  'host',
  'forwarded',
  'via',
  'x-real-ip',
  'true-client-ip',
  'client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'fastly-client-ip',
  'x-original-url',
  'x-rewrite-url',
  'http2-settings',
  'expect',
])
const NOT_TO_TAB_PREFIX = /^(cf-|mf-|x-forwarded-|x-tabpod-|x-partykit-)/

/**
 * What a tab may not say in the name of its host. content-length: the runtime's to write. content-encoding: the tab hands over decoded bytes; left in, workerd would
 * compress by it. set-cookie: a cookie of the public origin is never the tab's to set; of the two there are (wire/device-cookie.ts) it names the value, and the room writes it. Then what a browser keeps for the whole host, or
 * its subdomains, long after this answer: that is the operator's to say. clear-site-data would erase a pod that is opened from its own address, and
 * service-worker-allowed would let a script of the tab's take the place of /sw.js.
 */
const NOT_FROM_TAB = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'content-encoding',
  'set-cookie',
  'set-cookie2',
  'date',
  'server',
  'alt-svc',
  'strict-transport-security',
  'public-key-pins',
  'expect-ct',
  'nel',
  'report-to',
  'clear-site-data',
  'service-worker-allowed',
])
/** The room's own stamps, and orders that a proxy in front takes from the server behind it: which file to send (nginx, lighttpd, LiteSpeed), how long to keep an answer. */
const NOT_FROM_TAB_PREFIX = /^(x-tabpod-|x-accel-|x-sendfile|x-lighttpd-|x-litespeed-|x-reproxy-|cf-|cdn-|cloudflare-|surrogate-)/

/** `content-length` goes along: uploads are checked against it. @throws XrpcError HeadersTooLarge (431) */
export const headersToTab = (headers: Headers, path: string): HeaderList => {
  const list: HeaderList = []
  const nominated = nominatedBy(headers.get('connection'))
  let chars = 0
  for (const [name, value] of headers) {
    if (NOT_TO_TAB.has(name) || NOT_TO_TAB_PREFIX.test(name) || nominated.has(name)) continue
    if (name === 'cookie') {
      const own = ownCookies(value, path)
      if (own !== '') list.push([name, own])
      continue
    }
    if (name.length > 256 || value.length > MAX_HEADER_CHARS) throw tooLarge(`Header ${name.slice(0, 64)} is too long.`)
    list.push([name, value])
    chars += name.length + value.length
  }
  if (list.length > MAX_HEADERS) throw tooLarge(`More than ${MAX_HEADERS} headers.`)
  if (chars > MAX_HEADERS_CHARS) throw tooLarge(`The headers are longer than ${MAX_HEADERS_CHARS} characters.`)
  return list
}

/** @throws TypeError when the tab sent what is no header. */
export const headersFromTab = (list: HeaderList): Headers => {
  const headers = new Headers()
  const cookies = new Map<string, string>()
  const nominated = nominatedBy(list.find(([name]) => name.toLowerCase() === 'connection')?.[1])
  for (const [name, value] of list) {
    const lower = name.toLowerCase()
    if (Object.hasOwn(COOKIES, lower) && (value === '' || isDeviceValue(value))) cookies.set(lower, `${COOKIES[lower]?.(value)}`)
    if (NOT_FROM_TAB.has(lower) || NOT_FROM_TAB_PREFIX.test(lower) || nominated.has(lower)) continue
    // workerd takes a header without a name.
    if (!NAME.test(name) || !VALUE.test(value)) throw new TypeError(`${lower} is no header`)
    headers.append(name, value)
  }
  for (const cookie of cookies.values()) headers.append('set-cookie', cookie)
  return headers
}

/** What a host's other services left with a browser is not the tab's to read. */
const ownCookies = (cookies: string, path: string): string =>
  // Pages that other sites lead to have no use for what FedCM's requests are known by.
  [DEVICE_COOKIE, ...(path.startsWith(FEDCM_PREFIX) ? [FEDCM_COOKIE] : [])]
    .map((name) => [name, cookieValue(cookies, name)] as const)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')

/** By the header that names their value. Lax: an app's link to the authorize page must find the browser signed in; a form of another site must not. None: FedCM's requests come from other sites. */
const COOKIES: Readonly<Record<string, (value: string) => string>> = {
  [DEVICE_HEADER]: (value) => hostCookie(DEVICE_COOKIE, value, 'Lax'),
  [FEDCM_HEADER]: (value) => hostCookie(FEDCM_COOKIE, value, 'None'),
}

const hostCookie = (name: string, value: string, sameSite: 'Lax' | 'None'): string =>
  `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=${sameSite}; Max-Age=${value === '' ? 0 : DEVICE_COOKIE_MAX_AGE_S}`

const NAME = /^[\w!#$%&'*+.^`|~-]+$/
/** Bytes, none of them a line break or another control character: a runtime that cuts characters down to bytes would make line breaks of some. @see https://www.rfc-editor.org/rfc/rfc9110#section-5.5 */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** A header that says of others that they are about this connection only, and so go no further. @see https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const nominatedBy = (connection: string | null | undefined): ReadonlySet<string> =>
  connection ? new Set(connection.split(',').map((name) => name.trim().toLowerCase())) : NONE
const NONE: ReadonlySet<string> = new Set()

const tooLarge = (message: string): XrpcError => new XrpcError(431, 'HeadersTooLarge', message)

/** The length the tab announced for a streamed body, if it is one. */
export const announcedLength = (list: HeaderList): number | null => {
  const value = list.find(([name]) => name.toLowerCase() === 'content-length')?.[1]
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null
}
