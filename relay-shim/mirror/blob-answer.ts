/**
 * A blob over HTTP: harmless to a browser that is led here, and readable in ranges, as video players do.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 */
import { XrpcError } from '../../wire/errors.ts'
import { STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import { openPipe } from '../streams.ts'
import type { BlobRow } from './blobs.ts'
import { blobPieceKey } from './keys.ts'

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
  })
  if (range) headers.set('content-range', `bytes ${from}-${to - 1}/${size}`)
  return new Response(request.method === 'HEAD' ? null : blobStream(storage, cid, from, to), {
    status: range ? 206 : 200,
    headers,
  })
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

/** Bytes `from` to `to` (exclusive), read as the reader takes them. A stream of the runtime's own, which is faster and tells its length. */
const blobStream = (storage: RoomStorage, cid: string, from: number, to: number): ReadableStream<Uint8Array> => {
  const { readable, writable } = openPipe(to - from)
  const writer = writable.getWriter()
  const send = async (): Promise<void> => {
    for await (const bytes of piecesOf(storage, cid, from, to)) await writer.write(bytes)
    await writer.close()
  }
  // Who stopped reading is nobody to tell.
  send().catch((cause: unknown) => writer.abort(cause).catch(() => {}))
  return readable
}

async function* piecesOf(storage: RoomStorage, cid: string, from: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = from; at < to;) {
    const first = Math.floor(at / STORAGE_VALUE_BYTES)
    const last = Math.min(first + PIECES_AT_ONCE, Math.ceil(to / STORAGE_VALUE_BYTES))
    const keys = Array.from({ length: last - first }, (_, n) => blobPieceKey(cid, first + n))
    const rows = await storage.getMany<Uint8Array>(keys)
    for (const [n, key] of keys.entries()) {
      const bytes = rows.get(key)
      // Released while it was being read: an honest end is better than a body that stops short and looks whole.
      if (!bytes) throw new Error(`blob ${cid} was released`)
      const start = (first + n) * STORAGE_VALUE_BYTES
      yield bytes.subarray(at - start, to - start)
      at = start + bytes.length
    }
  }
}

/** Nearly a megabyte: one look at storage instead of eight. */
const PIECES_AT_ONCE = 8
