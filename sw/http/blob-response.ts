/**
 * A blob as an answer that no browser will ever run, whole or in part.
 * @see https://atproto.com/specs/blob#security-considerations
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 */
import { XrpcError } from '../../wire/errors.ts'

/** @throws XrpcError 416 RangeNotSatisfiable */
export const blobToResponse = (
  blob: { readonly cid: string; readonly mime: string; readonly bytes: Blob },
  range: string | null,
): Response => {
  const { size } = blob.bytes
  const headers = {
    'content-type': blob.mime,
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'content-disposition': `attachment; filename="${blob.cid}"`,
    'accept-ranges': 'bytes',
  }
  const part = parseRange(range, size)
  if (!part) return new Response(blob.bytes, { headers: { ...headers, 'content-length': String(size) } })
  const { first, last } = part
  return new Response(blob.bytes.slice(first, last + 1, blob.mime), {
    status: 206,
    headers: { ...headers, 'content-length': String(last + 1 - first), 'content-range': `bytes ${first}-${last}/${size}` },
  })
}

/** undefined for no range, and for what a server may ignore: several ranges, other units, nonsense. */
const parseRange = (header: string | null, size: number): { readonly first: number; readonly last: number } | undefined => {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined
  const isSuffix = from === ''
  const first = isSuffix ? Math.max(0, size - Number(to)) : Number(from)
  const last = isSuffix || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (!isSuffix && to !== '' && Number(to) < first) return undefined
  if (first >= size || (isSuffix && Number(to) === 0))
    throw new XrpcError(416, 'RangeNotSatisfiable', `the blob has ${size} bytes`, { headers: { 'content-range': `bytes */${size}` } })
  return { first, last }
}
