/**
 * A blob over HTTP: harmless to a browser that is led here, and readable in ranges, as video players do.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 */
import { concat } from '../../wire/bytes.ts'
import { XrpcError } from '../../wire/errors.ts'
import { STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import { Download, downloadShare } from '../downloads.ts'
import { openPipe } from '../streams.ts'
import type { BlobRow } from './blobs.ts'
import { blobPieceKey } from './keys.ts'
import type { RecentBlobs } from './recent-blobs.ts'

/** Null: it was released meanwhile. @throws XrpcError InvalidRange (416) */
export const serveBlob = async (
  { storage, recent }: { readonly storage: RoomStorage; readonly recent: RecentBlobs },
  cid: string,
  { mime, size }: BlobRow,
  request: Request,
): Promise<Response | null> => {
  const range = readRange(request, cid, size)
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
  const read = async (first: number, end: number): Promise<Uint8Array<ArrayBuffer> | null> => {
    const known = recent.get(cid)
    if (known) return known.subarray(first, end)
    const bytes = await readBytes(storage, cid, first, end)
    if (bytes?.length === size) recent.keep(cid, bytes)
    return bytes
  }
  const body = to - from > UNCOUNTED_BYTES ? await blobStream(read, from, to) : await read(from, to)
  return body && new Response(body, { status, headers })
}

/** Whether its client reads it nobody would know: what is longer is a download. */
const UNCOUNTED_BYTES = 2 * STORAGE_VALUE_BYTES
/** A megabyte: one look at storage. */
const PIECES_AT_ONCE = 9

/**
 * First byte and the one after the last; null for the whole: what anything gets that is no single range of bytes, or is one of another version.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-if-range
 */
const readRange = ({ method, headers }: Request, cid: string, size: number): readonly [from: number, to: number] | null => {
  const match = method === 'GET' ? headers.get('range')?.match(/^bytes=(\d*)-(\d*)$/i) : null
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? '']
  const isOfThis = (headers.get('if-range') ?? `"${cid}"`) === `"${cid}"`
  if (!isOfThis || (first === '' && last === '') || (first !== '' && last !== '' && Number(last) < Number(first))) return null
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const to = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  if (from < to) return [from, to]
  throw new XrpcError(416, 'InvalidRange', 'The range lies outside of the blob.', { headers: { 'content-range': `bytes */${size}` } })
}

/**
 * Bytes `from` to `to` (exclusive), the next ones read while the last ones are taken. A stream of the runtime's own, which is faster and tells its length.
 * Null: it was released meanwhile.
 */
const blobStream = async (
  read: (from: number, to: number) => Promise<Uint8Array<ArrayBuffer> | null>,
  from: number,
  to: number,
): Promise<ReadableStream<Uint8Array> | null> => {
  const download = new Download()
  const load = async (at: number) => {
    const pieces = Math.max(1, Math.min(PIECES_AT_ONCE, Math.floor(downloadShare() / 2 / STORAGE_VALUE_BYTES)))
    const end = Math.min(to, (Math.floor(at / STORAGE_VALUE_BYTES) + pieces) * STORAGE_VALUE_BYTES)
    return { end, bytes: await read(at, end) }
  }
  const first = await load(from)
  if (!first.bytes) {
    download.end()
    return null
  }
  const { readable, writable } = openPipe(to - from)
  const writer = writable.getWriter()
  const send = async (): Promise<void> => {
    for (let part: Awaited<ReturnType<typeof load>> | null = first; part;) {
      // An honest end is better than a body that stops short and looks whole.
      if (!part.bytes) throw new Error('the blob was released')
      const next: ReturnType<typeof load> | null = part.end < to ? load(part.end) : null
      // A reader that gives up never looks at it.
      next?.catch(() => {})
      await download.send(part.bytes.length, writer.write(part.bytes))
      part = await next
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
