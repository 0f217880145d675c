/** What another service answered, turned into an answer of ours: its content, a few of its headers, its errors under stable names. */
import { XrpcError } from '../../wire/errors.ts'
import { MAX_PROXIED_RESPONSE_BYTES, MAX_UPSTREAM_TEXT_BYTES } from '../../wire/limits.ts'
import { readShortText } from '../identity/short-text.ts'

const FORWARDED = ['atproto-repo-rev', 'atproto-content-labelers', 'retry-after']
const FORWARDED_WITH_BODY = [...FORWARDED, 'content-type', 'content-language', 'content-length']

export const toAnswer = (upstream: Response): Response => {
  const headers = pick(upstream.headers, FORWARDED_WITH_BODY)
  // Says to the uplink that this body comes in pieces; the header itself does not leave the room.
  if (!headers.has('content-length')) headers.set('transfer-encoding', 'chunked')
  return new Response(upstream.body && upstream.body.pipeThrough(atMost(MAX_PROXIED_RESPONSE_BYTES)), { status: upstream.status, headers })
}

/** Its own code and message where it has some. Its 500 is our 502, and so is a redirect: following it could lead anywhere. */
export const toUpstreamError = async (upstream: Response): Promise<XrpcError> => {
  const { status, headers } = upstream
  if (status < 400) {
    upstream.body?.cancel().catch(() => {})
    return new XrpcError(502, 'UpstreamFailure', `The service answered with a redirect (${status}), which is not followed`)
  }
  const { error, message } = await readShortJson(upstream)
  return new XrpcError(
    status === 500 ? 502 : status,
    text(error) ?? NAMES[status] ?? (status < 500 ? 'InvalidRequest' : 'UpstreamFailure'),
    text(message) ?? `The service answered ${status}`,
    { headers: Object.fromEntries(pick(headers, FORWARDED)) },
  )
}

/** @param cause what the fetch threw */
export const unreachable = (host: string, cause: unknown): unknown => {
  if (!(cause instanceof XrpcError)) return new XrpcError(502, 'UpstreamFailure', `${host} could not be reached`, { cause })
  if (cause.error === 'UplinkClosed' || cause.error === 'UriTooLong') return cause
  if (cause.error === 'TooManyFetches')
    return new XrpcError(503, 'NotEnoughResources', cause.message, { cause, headers: { 'retry-after': '1' } })
  if (cause.error === 'FetchTimeout') return new XrpcError(504, 'UpstreamTimeout', `${host} did not answer in time`, { cause })
  return new XrpcError(502, 'UpstreamFailure', cause.message, { cause })
}

/** An empty object for what is none. */
export const readShortJson = async (upstream: Response): Promise<Readonly<Record<string, unknown>>> => {
  try {
    const body: unknown = JSON.parse(await readShortText(upstream, MAX_UPSTREAM_TEXT_BYTES))
    return typeof body === 'object' && body !== null ? { ...body } : {}
  } catch {
    return {}
  }
}

/** @see https://atproto.com/specs/xrpc#error-responses */
const NAMES: Readonly<Record<number, string>> = {
  401: 'AuthenticationRequired',
  403: 'Forbidden',
  404: 'XRPCNotSupported',
  413: 'PayloadTooLarge',
  429: 'RateLimitExceeded',
  501: 'MethodNotImplemented',
  503: 'NotEnoughResources',
  504: 'UpstreamTimeout',
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

const pick = (headers: Headers, names: readonly string[]): Headers => {
  const kept = new Headers()
  for (const name of names) {
    const value = headers.get(name)
    if (value !== null) kept.set(name, value)
  }
  return kept
}

/** Breaks off with an error, so that a cut answer never looks like a whole one. */
const atMost = (maxBytes: number): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> => {
  let left = maxBytes
  return new TransformStream({
    transform(piece, controller) {
      left -= piece.byteLength
      if (left < 0) controller.error(new XrpcError(502, 'UpstreamFailure', `The answer is longer than ${maxBytes} bytes`))
      else controller.enqueue(piece)
    },
  })
}
