/** Which headers pass the tunnel, and in which direction. */
import { XrpcError } from '../wire/errors.ts'
import type { HeaderList } from '../wire/frames.ts'
import { MAX_HEADERS, MAX_HEADER_CHARS } from '../wire/limits.ts'

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
const NOT_TO_TAB = new Set([...HOP_BY_HOP, 'host', 'forwarded', 'via', 'x-real-ip', 'true-client-ip', 'expect'])
const NOT_TO_TAB_PREFIX = /^(cf-|x-forwarded-|x-tabpod-|x-partykit-)/

/**
 * content-length: the runtime's to write. content-encoding: the tab hands over decoded bytes; left in, workerd would compress by it. set-cookie: a cookie of the
 * public origin is never the tab's to set (the owner's pages use cookieStore). The room's own stamps are not to be forged either.
 */
const NOT_FROM_TAB = new Set([...HOP_BY_HOP, 'content-length', 'content-encoding', 'set-cookie', 'date', 'server', 'alt-svc'])
const NOT_FROM_TAB_PREFIX = /^x-tabpod-/

/** `content-length` goes along: uploads are checked against it. @throws XrpcError HeadersTooLarge (431) */
export const headersToTab = (headers: Headers): HeaderList => {
  const list: HeaderList = []
  for (const [name, value] of headers) {
    if (NOT_TO_TAB.has(name) || NOT_TO_TAB_PREFIX.test(name)) continue
    if (name.length > 256 || value.length > MAX_HEADER_CHARS)
      throw new XrpcError(431, 'HeadersTooLarge', `Header ${name.slice(0, 64)} is too long.`)
    list.push([name, value])
  }
  if (list.length > MAX_HEADERS) throw new XrpcError(431, 'HeadersTooLarge', `More than ${MAX_HEADERS} headers.`)
  return list
}

/** @throws TypeError when the tab sent what is no header. */
export const headersFromTab = (list: HeaderList): Headers => {
  const headers = new Headers()
  for (const [name, value] of list) {
    const lower = name.toLowerCase()
    if (!NOT_FROM_TAB.has(lower) && !NOT_FROM_TAB_PREFIX.test(lower)) headers.append(name, value)
  }
  return headers
}

/** The length the tab announced for a streamed body, if it is one. */
export const announcedLength = (list: HeaderList): number | null => {
  const value = list.find(([name]) => name.toLowerCase() === 'content-length')?.[1]
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null
}
