import { cidForRawBytes } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import { concat } from '../../wire/bytes.ts'
import { blobService } from './blobs.ts'
import { DID, makeRepo, NOTE, remove } from './fixtures.ts'
import { elsewhere, notes, streamOf } from './import-fixtures.ts'

describe('blobs after an import', () => {
  const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3])
  const blobRef = async (bytes: Uint8Array) => {
    const ref = await cidForRawBytes(bytes)
    return { cid: String(ref), blob: { $type: 'blob', ref, mimeType: 'image/png', size: bytes.length } }
  }

  it('are expected, counted, and permanent as soon as they come', async () => {
    const { repo, store } = await makeRepo()
    const blobs = blobService(store)
    const arrived: string[] = []
    blobs.onExpected((cid) => arrived.push(cid))
    const [one, two, three] = await Promise.all([1, 2, 3].map((last) => blobRef(concat([PNG, Uint8Array.of(last)]))))
    await blobs.upload(streamOf(concat([PNG, Uint8Array.of(3)])), { mime: 'image/png' })
    await blobs.upload(streamOf(concat([PNG, Uint8Array.of(9)])), { mime: 'image/png' })
    const { car } = await elsewhere([
      [`${NOTE}/a`, { $type: NOTE, image: one!.blob }],
      [`${NOTE}/b`, { $type: NOTE, images: [one!.blob, two!.blob] }],
      [`${NOTE}/c`, { $type: NOTE, image: three!.blob }],
      [`${NOTE}/d`, { $type: NOTE, image: { cid: two!.cid, mimeType: 'image/png' } }],
    ])
    await repo.import(streamOf(car))
    expect(await blobs.counts()).toEqual({ expected: 3, imported: 1 })
    expect(await blobs.totals()).toEqual({ count: 1, bytes: 12 })
    const missing = [one!, two!]
      .map(({ cid }) => ({ cid, recordUri: `at://${DID}/${NOTE}/${cid === one!.cid ? 'a' : 'b'}` }))
      .toSorted((a, b) => (a.cid < b.cid ? -1 : 1))
    expect(await blobs.missing({ limit: 10 })).toEqual({ blobs: missing })
    const page = await blobs.missing({ limit: 1 })
    expect(page).toEqual({ blobs: missing.slice(0, 1), cursor: missing[0]!.cid })
    expect((await blobs.missing({ limit: 1, cursor: page.cursor! })).blobs).toEqual(missing.slice(1))

    await blobs.upload(streamOf(concat([PNG, Uint8Array.of(1)])), { mime: 'image/png' })
    expect(arrived).toEqual([one!.cid])
    expect(await blobs.counts()).toEqual({ expected: 3, imported: 2 })
    expect(await blobs.sweep(Date.now() + 86_400_000)).toBe(1)
    expect(await blobs.get(one!.cid)).not.toBeNull()
    expect(await blobs.totals()).toEqual({ count: 2, bytes: 24 })
    await repo.write([remove('a'), remove('b'), remove('c')])
    expect(await blobs.totals()).toEqual({ count: 0, bytes: 0 })
    expect(await blobs.counts()).toEqual({ expected: 1, imported: 0 })
  })

  it('lets go of those that only the replaced repo mentioned, after their time', async () => {
    const { repo, store } = await makeRepo()
    const blobs = blobService(store)
    const { cid, blob } = await blobRef(PNG)
    await blobs.upload(streamOf(PNG), { mime: 'image/png' })
    await repo.write([{ action: 'put', collection: NOTE, rkey: 'a', record: { image: blob } as never }])
    expect(await blobs.totals()).toEqual({ count: 1, bytes: PNG.length })
    await repo.import(streamOf((await elsewhere(notes(3))).car))
    expect(await blobs.totals()).toEqual({ count: 0, bytes: 0 })
    expect(await blobs.get(cid)).not.toBeNull()
    await blobs.sweep(Date.now() + 86_400_000)
    expect(await blobs.get(cid)).toBeNull()
  })

  it('refuses uploads beyond the quota of the account', async () => {
    const { store } = await makeRepo()
    const blobs = blobService(store, Date.now, () => PNG.length + 5)
    await blobs.upload(streamOf(PNG), { mime: 'image/png' })
    await blobs.upload(streamOf(PNG), { mime: 'image/png' })
    await expect(blobs.upload(streamOf(concat([PNG, PNG])), { mime: 'image/png' })).rejects.toMatchObject({
      status: 413,
      error: 'BlobQuotaExceeded',
    })
    expect(await store.count('blobs')).toBe(1)
  })
})
