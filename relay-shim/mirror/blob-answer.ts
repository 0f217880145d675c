/**
 * A blob over HTTP: harmless to a browser that is led here, and readable in ranges, as video players do.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 */
import { concat } from '../../wire/bytes.ts'
import { XrpcError } from '../../wire/errors.ts'
import { STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import { Download } from '../downloads.ts'
import { openPipe } from '../streams.ts'
import type { BlobRow } from './blobs.ts'
import { blobPieceKey } from './keys.ts'

/** Null: it was released meanwhile. @throws XrpcError InvalidRange (416) */
export const serveBlob = async (storage: RoomStorage, cid: string, { mime, size }: BlobRow, request: Request): Promise<Response | null> => {
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
  const status = range ? 206 : 200
  if (request.method === 'HEAD') return new Response(null, { status, headers })
  if (to - from > PIECES_AT_ONCE * STORAGE_VALUE_BYTES) return new Response(blobStream(storage, cid, from, to), { status, headers })
  const bytes = await readBytes(storage, cid, from, to)
  return bytes && new Response(bytes, { status, headers })
}

/** A megabyte: what it takes one look at storage to read, and a stream would only slow down. */
const PIECES_AT_ONCE = 9

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
  const download = new Download()
  const { readable, writable } = openPipe(to - from)
  const writer = writable.getWriter()
  const send = async (): Promise<void> => {
    for (let at = from, end; at < to; at = end) {
      end = Math.min(to, (Math.floor(at / STORAGE_VALUE_BYTES) + PIECES_AT_ONCE) * STORAGE_VALUE_BYTES)
      const bytes = await readBytes(storage, cid, at, end)
      // An honest end is better than a body that stops short and looks whole.
      if (!bytes) throw new Error(`blob ${cid} was released`)
      await download.send(bytes.length, writer.write(bytes))
    }
    await writer.close()
  }
  // Who stopped reading is nobody to tell.
  send()
    .catch((cause: unknown) => writer.abort(cause).catch(() => {}))
    .finally(() => download.end())
  return readable
}

/** Null: it was released meanwhile. */
const readBytes = async (storage: RoomStorage, cid: string, from: number, to: number): Promise<Uint8Array<ArrayBuffer> | null> => {
  const first = Math.floor(from / STORAGE_VALUE_BYTES)
  const keys = Array.from({ length: Math.ceil(to / STORAGE_VALUE_BYTES) - first }, (_, n) => blobPieceKey(cid, first + n))
  const rows = await storage.getMany<Uint8Array>(keys)
  if (rows.size < keys.length) return null
  const start = first * STORAGE_VALUE_BYTES
  return concat(keys.flatMap((key) => rows.get(key) ?? [])).subarray(from - start, to - start)
}
