/** Request bodies that are held in memory: never more of them than MAX_JSON_BODY_BYTES. */
import { XrpcError } from '../../wire/errors.ts'
import { MAX_JSON_BODY_BYTES } from '../../wire/limits.ts'

const CODINGS: Readonly<Record<string, CompressionFormat>> = { gzip: 'gzip', 'x-gzip': 'gzip', deflate: 'deflate' }

/**
 * What the body holds, where it came encoded. How long that is nobody knows before the end.
 * @throws XrpcError 415 UnsupportedMediaType
 */
export const decoded = (request: Request): Request => {
  const coding = request.headers.get('content-encoding')?.toLowerCase() ?? 'identity'
  if (coding === 'identity') return request
  const format = CODINGS[coding]
  // Firefox has no Request.body: https://bugzilla.mozilla.org/show_bug.cgi?id=1387483
  if (!format || !request.body) throw new XrpcError(415, 'UnsupportedMediaType', `Content-Encoding ${coding} is not supported`)
  const headers = new Headers(request.headers)
  for (const name of ['content-encoding', 'content-length']) headers.delete(name)
  const { url, method, signal } = request
  const body = request.body.pipeThrough(new DecompressionStream(format))
  // Streamed bodies want `duplex` said: https://fetch.spec.whatwg.org/#dom-requestinit-duplex
  const init: RequestInit & { duplex: 'half' } = { method, headers, body, signal, duplex: 'half' }
  return new Request(url, init)
}

/** @throws XrpcError 413 PayloadTooLarge, before the excess is read */
export const readText = async (request: Request): Promise<string> => {
  const declared = request.headers.get('content-length')
  if (declared === null) return readBounded(request)
  // The transport enforces what was declared.
  if (Number(declared) > MAX_JSON_BODY_BYTES) throw tooLarge()
  return request.text()
}

const readBounded = async (request: Request): Promise<string> => {
  // Firefox has no Request.body: https://bugzilla.mozilla.org/show_bug.cgi?id=1387483
  if (!request.body) return request.text()
  const reader = request.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    size += value.byteLength
    if (size > MAX_JSON_BODY_BYTES) {
      await reader.cancel()
      throw tooLarge()
    }
    text += decoder.decode(value, { stream: true })
  }
}

const tooLarge = (): XrpcError => new XrpcError(413, 'PayloadTooLarge', `request bodies are limited to ${MAX_JSON_BODY_BYTES} bytes`)

/** How long the sender says a body is; nothing where it does not say. */
export const wholeLength = ({ headers }: Request): { readonly length?: number } => {
  const declared = headers.get('content-length')
  return declared === null ? {} : { length: Number(declared) }
}
