/** Request bodies that are held in memory: never more of them than MAX_JSON_BODY_BYTES. */
import { XrpcError } from '../../wire/errors.ts'
import { MAX_JSON_BODY_BYTES } from '../../wire/limits.ts'

/** @throws XrpcError 413 PayloadTooLarge, before the excess is read */
export const readText = async (request: Request): Promise<string> => {
  const declared = request.headers.get('content-length')
  if (declared === null) return readBounded(request)
  // The transport enforces what was declared.
  if (Number(declared) > MAX_JSON_BODY_BYTES) throw tooLarge()
  return request.text()
}

const readBounded = async ({ body }: Request): Promise<string> => {
  if (!body) return ''
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  // Leaving the loop by an exception cancels the stream.
  for await (const piece of body) {
    size += piece.byteLength
    if (size > MAX_JSON_BODY_BYTES) throw tooLarge()
    text += decoder.decode(piece, { stream: true })
  }
  return text + decoder.decode()
}

const tooLarge = (): XrpcError => new XrpcError(413, 'PayloadTooLarge', `request bodies are limited to ${MAX_JSON_BODY_BYTES} bytes`)

/** How long the sender says a body is; nothing where it does not say. */
export const wholeLength = ({ headers }: Request): { readonly length?: number } => {
  const declared = headers.get('content-length')
  return declared === null ? {} : { length: Number(declared) }
}
