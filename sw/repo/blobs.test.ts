import { createHash } from 'node:crypto'
import { cidForRawHash, parseCid } from '@atproto/lex-data'
import { expect, it } from 'vitest'
import { BLOB_PART_BYTES, MAX_BLOB_BYTES, TEMPORARY_BLOB_TTL_MS } from '../../wire/limits.ts'
import { blobService } from './blobs.ts'
import type { Write } from './contract.ts'
import { commitOf, makeRepo, NOTE, remove } from './fixtures.ts'

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3])
const streamOf = (...chunks: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })

interface Uploaded {
  readonly cid: string
  readonly mime: string
  readonly size: number
}
const mention = (rkey: string, ...blobs: readonly Uploaded[]): Write => ({
  action: 'put',
  collection: NOTE,
  rkey,
  record: { images: blobs.map(({ cid, mime, size }) => ({ $type: 'blob', ref: parseCid(cid), mimeType: mime, size })) },
})

it('stores what came, under its hash, with the type its bytes say', async () => {
  const { store } = await makeRepo()
  const blobs = blobService(store)
  const uploaded = await blobs.upload(streamOf(PNG.subarray(0, 3), PNG.subarray(3)), { mime: 'text/plain', length: PNG.length })
  expect(uploaded).toMatchObject({ mime: 'image/png', size: PNG.length })
  expect(uploaded.cid).toMatch(/^bafkrei/)
  const stored = await blobs.get(uploaded.cid)
  expect(new Uint8Array(await stored!.bytes.arrayBuffer())).toEqual(PNG)
  const text = await blobs.upload(streamOf(new TextEncoder().encode('hello')), { mime: 'text/plain' })
  expect(text.mime).toBe('text/plain')
})

it('names a blob by the hash of all its bytes, whether one part holds them or not', async () => {
  const { store } = await makeRepo()
  const blobs = blobService(store)
  const bytes = Uint8Array.from({ length: BLOB_PART_BYTES + 100_000 }, (_, at) => at % 251)
  bytes.set(PNG)
  for (const size of [0, 1, BLOB_PART_BYTES - 1, BLOB_PART_BYTES, BLOB_PART_BYTES + 1, BLOB_PART_BYTES + 2, bytes.length]) {
    const whole = bytes.subarray(0, size)
    const pieces = Array.from({ length: Math.ceil(size / 100_000) }, (_, at) => whole.subarray(at * 100_000, (at + 1) * 100_000))
    const length = size % 2 === 0 ? { length: size } : {}
    const uploaded = await blobs.upload(streamOf(...pieces), { mime: 'image/png', ...length })
    expect(uploaded).toEqual({ cid: String(cidForRawHash(createHash('sha256').update(whole).digest())), mime: 'image/png', size })
    const stored = await blobs.get(uploaded.cid)
    expect(Buffer.compare(whole, Buffer.from(await stored!.bytes.arrayBuffer()))).toBe(0)
  }
})

it('refuses a body that is not as long as was said, or longer than a blob may be', async () => {
  const { store } = await makeRepo()
  const blobs = blobService(store)
  await expect(blobs.upload(streamOf(PNG), { mime: 'image/png', length: 5 })).rejects.toMatchObject({
    status: 400,
    error: 'InvalidRequest',
  })
  await expect(blobs.upload(streamOf(PNG), { mime: 'image/png', length: MAX_BLOB_BYTES + 1 })).rejects.toMatchObject({
    status: 413,
    error: 'BlobTooLarge',
  })
  expect(await store.count('blobs')).toBe(0)
})

it('refuses records that mention blobs it never got, or of another type or size', async () => {
  const { store, repo } = await makeRepo()
  const uploaded = await blobService(store).upload(streamOf(PNG), { mime: 'image/png' })
  const unknown = { ...uploaded, cid: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' }
  await expect(repo.write([mention('a', unknown)])).rejects.toMatchObject({
    status: 400,
    error: 'BlobNotFound',
    message: `Could not find blob: ${unknown.cid}`,
  })
  await expect(repo.write([mention('a', { ...uploaded, mime: 'image/gif' })])).rejects.toMatchObject({ error: 'InvalidMimeType' })
  await expect(repo.write([mention('a', { ...uploaded, size: 3 })])).rejects.toMatchObject({ error: 'InvalidSize' })
})

it('keeps a blob from its first mention to its last, and then lets it go', async () => {
  const { store, repo } = await makeRepo()
  const blobs = blobService(store)
  const one = await blobs.upload(streamOf(PNG), { mime: 'image/png' })
  const two = await blobs.upload(streamOf(PNG, PNG), { mime: 'image/png' })
  await repo.write([mention('a', one, two), mention('b', one)])
  const { rev } = repo.head()
  const [row] = await repo.eventsAfter(1, 1)
  expect(row!.blobs!.toSorted()).toEqual([one.cid, two.cid].toSorted())
  expect(commitOf(row!).blobs.map(String).toSorted()).toEqual([one.cid, two.cid].toSorted())
  expect(await blobs.totals()).toEqual({ count: 2, bytes: one.size + two.size })
  expect((await blobs.list({ limit: 10 })).cids).toEqual([one.cid, two.cid].toSorted())
  const page = await blobs.list({ limit: 1 })
  expect((await blobs.list({ limit: 1, cursor: page.cursor! })).cids).toEqual([[one.cid, two.cid].toSorted()[1]])
  expect((await blobs.list({ limit: 10, since: rev })).cids).toEqual([])

  await repo.write([mention('a', two)])
  expect(await blobs.get(one.cid), 'b still mentions it').not.toBeNull()
  await repo.write([remove('b')])
  expect(await blobs.get(one.cid)).toBeNull()
  // One commit hands the last mention over to another record.
  await repo.write([remove('a'), mention('c', two)])
  expect(await blobs.get(two.cid)).not.toBeNull()
  await repo.write([remove('c')])
  expect(await store.count('blobs')).toBe(0)
  expect(await store.count('blobRefs')).toBe(0)
})

it('sweeps only what was never mentioned and is old', async () => {
  const { store, repo } = await makeRepo()
  let now = 1_000_000
  const blobs = blobService(store, () => now)
  const mentioned = await blobs.upload(streamOf(PNG), { mime: 'image/png' })
  const forgotten = await blobs.upload(streamOf(PNG, PNG), { mime: 'image/png' })
  await repo.write([mention('a', mentioned)])
  now += TEMPORARY_BLOB_TTL_MS
  const fresh = await blobs.upload(streamOf(PNG, PNG, PNG), { mime: 'image/png' })
  expect(await blobs.sweep(now)).toBe(0)
  expect(await blobs.sweep(now + 1)).toBe(1)
  expect(await blobs.get(forgotten.cid)).toBeNull()
  expect(await blobs.get(mentioned.cid)).not.toBeNull()
  expect(await blobs.get(fresh.cid)).not.toBeNull()
  await expect(repo.write([mention('b', forgotten)])).rejects.toMatchObject({ error: 'BlobNotFound' })
})
