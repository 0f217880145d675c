import { expect, it } from 'vitest'
import { BLOB_CACHE_BYTES, MAX_CACHED_BLOB_BYTES, STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import { blobNumber } from '../testing/large-pod.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { serveBlob } from './blob-answer.ts'
import { Blobs } from './blobs.ts'
import { cidOfDigest } from './cid.ts'
import { blobPieceKey, generationKeys } from './keys.ts'
import { RecentBlobs } from './recent-blobs.ts'

const SIZE = 20 * STORAGE_VALUE_BYTES + 1000

const stored = async () => {
  const port = new MemoryPort()
  const blobs = await Blobs.open(port, { inTurn: (work) => work(), keys: () => generationKeys(0) })
  const bytes = Uint8Array.from({ length: SIZE }, (_, at) => at % 251)
  const cid = cidOfDigest(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), 'raw')
  await blobs.store({ cid, mime: 'image/png', size: SIZE }, chunks(bytes))
  const row = (await blobs.use(cid))!
  const ask = (range?: string, more: Record<string, string> = {}, method = 'GET') =>
    serveBlob(
      { storage: port.storage, recent: blobs.recent },
      cid,
      row,
      new Request('https://pod.example', { method, headers: { ...more, ...(range !== undefined && { range }) } }),
    )
  return { port, cid, bytes, ask }
}

async function* chunks(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.slice(at, at + 100_000)
}

it('reads a blob byte by byte, by one look at storage or by several', async () => {
  const { bytes, ask } = await stored()
  const last = SIZE - 1
  for (const [from, to] of [
    [0, last],
    [1, last - 1],
    [STORAGE_VALUE_BYTES, 10 * STORAGE_VALUE_BYTES - 1],
    [STORAGE_VALUE_BYTES - 1, 10 * STORAGE_VALUE_BYTES - 2],
    [STORAGE_VALUE_BYTES - 1, 10 * STORAGE_VALUE_BYTES - 1],
    [9 * STORAGE_VALUE_BYTES, 9 * STORAGE_VALUE_BYTES],
    [last, last],
  ] as const) {
    const response = (await ask(`bytes=${from}-${to}`))!
    expect(response.headers.get('content-length')).toBe(String(to + 1 - from))
    expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes.subarray(from, to + 1))).toBe(0)
  }
})

it('leaves a blob that was released meanwhile to others, and breaks off where it was released midway', async () => {
  const { port, cid, ask } = await stored()
  await port.storage.delete([blobPieceKey(cid, 2)])
  expect(await ask('bytes=0-300000')).toBeNull()
  expect(await ask('bytes=250000-260000')).toBeNull()
  const middle = await stored()
  await middle.port.storage.delete([blobPieceKey(middle.cid, 15)])
  await expect((await middle.ask())!.arrayBuffer()).rejects.toThrow('was released')
})

// https://www.rfc-editor.org/rfc/rfc9110#name-range
it.each([
  ['bytes=-5', SIZE - 5, SIZE - 1],
  [`bytes=-${2 * SIZE}`, 0, SIZE - 1],
  ['bytes=100-', 100, SIZE - 1],
  [`bytes=100-${2 * SIZE}`, 100, SIZE - 1],
  ['Bytes=0-0', 0, 0],
])('%s is bytes %d to %d', async (range, from, to) => {
  const response = (await (await stored()).ask(range))!
  expect([response.status, response.headers.get('content-range')]).toEqual([206, `bytes ${from}-${to}/${SIZE}`])
  expect((await response.arrayBuffer()).byteLength).toBe(to + 1 - from)
})

it.each(['bytes=5-2', 'bytes=-', 'bytes=a-b', 'lines=0-5', 'bytes=0-1,5-6'])(
  '%s is no range that is understood: the whole',
  async (range) => {
    const response = (await (await stored()).ask(range))!
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(SIZE)])
    await response.body?.cancel()
  },
)

it.each([`bytes=${SIZE}-`, 'bytes=-0'])('%s lies outside of the blob: 416, and how long it is', async (range) => {
  await expect((await stored()).ask(range)).rejects.toMatchObject({ status: 416, headers: { 'content-range': `bytes */${SIZE}` } })
})

it('gives a part only of the version that the client has the rest of, and only to GET', async () => {
  const { cid, ask } = await stored()
  const statusOf = async (ifRange: string) => {
    const { status, body } = (await ask('bytes=0-5', { 'if-range': ifRange }))!
    await body?.cancel()
    return status
  }
  expect(await Promise.all([`"${cid}"`, `W/"${cid}"`, '"other"', 'Sat, 21 Nov 2026 00:00:00 GMT'].map(statusOf))).toEqual([
    206, 200, 200, 200,
  ])
  expect((await ask('bytes=0-5', {}, 'HEAD'))!.status).toBe(200)
})

it('keeps what was read lately in memory, up to a size, and never more of it', () => {
  const recent = new RecentBlobs()
  recent.keep('too large', new Uint8Array(MAX_CACHED_BLOB_BYTES + 1))
  const fit = BLOB_CACHE_BYTES / MAX_CACHED_BLOB_BYTES
  for (let n = 0; n < fit; n += 1) recent.keep(`b${n}`, new Uint8Array(MAX_CACHED_BLOB_BYTES))
  recent.get('b0')
  recent.keep('one more', new Uint8Array(1))
  expect([recent.get('too large'), recent.get('b0')?.length, recent.get('b1'), recent.get('b2')?.length]).toEqual([
    undefined,
    MAX_CACHED_BLOB_BYTES,
    undefined,
    MAX_CACHED_BLOB_BYTES,
  ])
})

it('reads a blob of a megabyte once for all who ask for it, and not when it was released', async () => {
  const port = new MemoryPort()
  const blobs = await Blobs.open(port, { inTurn: (work) => work(), keys: () => generationKeys(0) })
  const { cid, bytes } = blobNumber(1, 900_000)
  await blobs.store({ cid, mime: 'image/png', size: bytes.length }, chunks(bytes))
  const row = (await blobs.use(cid))!
  const ask = async () => (await serveBlob({ storage: port.storage, recent: blobs.recent }, cid, row, new Request('https://pod.example')))!
  await (await ask()).arrayBuffer()
  port.storage.getMany = () => Promise.reject(new Error('storage was asked'))
  expect(Buffer.from(await (await ask()).arrayBuffer()).equals(bytes)).toBe(true)
  blobs.release(new Map([[cid, row]]))
  await expect(ask()).rejects.toThrow('storage was asked')
})
