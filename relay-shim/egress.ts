/** Fetches for the pod, where CORS forbids the worker to: https to public names only, no redirects followed, short answers. */
import type { FrameOf, HeaderList, RoomFrame, TabFrame } from '../wire/frames.ts'
import { EGRESS_BODY_BYTES, EGRESS_DEADLINE_MS, MAX_EGRESS_IN_FLIGHT, MAX_HEADERS } from '../wire/limits.ts'
import { isLoopback } from './hostname.ts'
import { Refused } from './refused.ts'

export interface EgressAnswer {
  readonly head: FrameOf<RoomFrame, 'fetched'>
  readonly payload: Uint8Array
}

/** Belongs to a connection, or would let the pod speak for the room's host. */
const NOT_OUT =
  /^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|cookie|origin|referer|forwarded|via|x-forwarded-.*|cf-.*|sec-.*)$/i
const NOT_BACK = /^(connection|transfer-encoding|content-length|content-encoding|set-cookie)$/i
/** An answer's headers share its frame with the body. */
const MAX_ANSWER_HEADER_CHARS = 4096

export class Egress {
  readonly #allowLoopback: boolean
  #inFlight = 0

  constructor(options: { readonly allowLoopback: boolean }) {
    this.#allowLoopback = options.allowLoopback
  }

  /** A redirect comes back as the 3xx it is: following it is the pod's decision, and these rules apply to the next address too. @throws Refused */
  async fetch(frame: FrameOf<TabFrame, 'egress'>, payload: Uint8Array): Promise<EgressAnswer> {
    const url = admitUrl(frame.url, this.#allowLoopback)
    if (this.#inFlight >= MAX_EGRESS_IN_FLIGHT)
      throw new Refused('TooManyFetches', `At most ${MAX_EGRESS_IN_FLIGHT} fetches run at the same time.`)
    this.#inFlight += 1
    try {
      const response = await fetch(url, {
        method: frame.method,
        headers: frame.headers.filter(([name]) => !NOT_OUT.test(name)),
        redirect: 'manual',
        signal: AbortSignal.timeout(EGRESS_DEADLINE_MS),
        ...(payload.length > 0 ? { body: payload.slice() } : {}),
      })
      const head = { t: 'fetched', id: frame.id, status: response.status, headers: answerHeaders(response.headers) } as const
      return { head, payload: await readShort(response) }
    } catch (cause) {
      throw cause instanceof Refused ? cause : unreachable(url, cause)
    } finally {
      this.#inFlight -= 1
    }
  }
}

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

const answerHeaders = (headers: Headers): HeaderList =>
  [...headers]
    .filter(([name, value]) => !NOT_BACK.test(name) && name.length <= 256 && value.length <= MAX_ANSWER_HEADER_CHARS)
    .slice(0, MAX_HEADERS / 4)

const readShort = async (response: Response): Promise<Uint8Array> => {
  if (!response.body) return new Uint8Array(0)
  const whole = new Uint8Array(EGRESS_BODY_BYTES)
  let length = 0
  for await (const piece of response.body) {
    if (length + piece.length > EGRESS_BODY_BYTES) throw new Refused('TooLarge', `The answer is longer than ${EGRESS_BODY_BYTES} bytes.`)
    whole.set(piece, length)
    length += piece.length
  }
  return whole.subarray(0, length)
}

const unreachable = (url: URL, cause: unknown): Refused =>
  cause instanceof DOMException && cause.name === 'TimeoutError'
    ? new Refused('FetchTimeout', `${url.host} did not answer within ${EGRESS_DEADLINE_MS / 1000} s.`, { cause })
    : new Refused('FetchFailed', `${url.host} could not be reached.`, { cause })
