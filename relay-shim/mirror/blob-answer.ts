/**
 * A blob over HTTP: harmless to a browser that is led here, and readable in ranges, as video players do.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 */
import { XrpcError } from '../../wire/errors.ts'
import type { RoomStorage } from '../port.ts'
import { blobStream } from './blobs.ts'
import type { BlobRow } from './plan.ts'

/** @throws XrpcError InvalidRange (416) */
export const serveBlob = (storage: RoomStorage, cid: string, { mime, size }: BlobRow, request: Request): Response => {
  const range = readRange(request.headers.get('range'), size)
  const [from, to] = range ?? [0, size]
  const headers = new Headers({
    'content-type': mime || 'application/octet-stream',
    'content-length': String(to - from),
    'content-disposition': `attachment; filename="${cid}"`,
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'accept-ranges': 'bytes',
    etag: `"${cid}"`,
  })
  if (range) headers.set('content-range', `bytes ${from}-${to - 1}/${size}`)
  return new Response(request.method === 'HEAD' ? null : blobStream(storage, cid, from, to), { status: range ? 206 : 200, headers })
}

/** First byte and the one after the last; null for the whole, which is also what any form but a single range of bytes gets. */
const readRange = (header: string | null, size: number): readonly [from: number, to: number] | null => {
  const match = header?.match(/^bytes=(\d*)-(\d*)$/)
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? '']
  if (first === '' && last === '') return null
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const to = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  if (from < to) return [from, to]
  throw new XrpcError(416, 'InvalidRange', 'The range lies outside of the blob.', { headers: { 'content-range': `bytes */${size}` } })
}
