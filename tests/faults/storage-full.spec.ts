import { randomBytes } from 'node:crypto'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { expect, POST, test } from '../fixtures/pod.ts'

/**
 * A browser whose whole storage is 40 MB; an origin gets three quarters of it. DevTools' quota override does not reach IndexedDB, this does.
 * @see https://chromium.googlesource.com/chromium/src/+/main/storage/browser/quota/quota_features.cc
 */
const SMALL_STORAGE = '--enable-features=StorageQuotaSettings:PoolSizeBytes/40000000/MustRemainAvailableBytes/1000000'
const RECORD_CHARS = 600_000
/** 36 MB: more than fits. */
const MOST_RECORDS = 60

test.use({ name: 'storage-full', browserFlags: [SMALL_STORAGE] })
test.slow()

test('when storage is full writes and uploads fail clearly, the repo stays valid, and with room again it goes on', async ({ pod }) => {
  const before = await pod.post('before')
  const collection = 'com.example.big'
  const create = () =>
    pod.procedure(
      'com.atproto.repo.createRecord',
      JSON.stringify({ repo: pod.did, collection, record: { $type: collection, text: randomBytes(RECORD_CHARS / 2).toString('hex') } }),
    )
  let landed = 0
  let answer = await create()
  while (answer.ok && landed < MOST_RECORDS) {
    landed++
    await answer.body?.cancel()
    answer = await create()
  }
  const refused = { error: 'StorageFull', message: expect.any(String) }
  expect([answer.status, await answer.json()]).toEqual([507, refused])
  expect(landed).toBeGreaterThan(0)
  const upload = await pod.procedure('com.atproto.repo.uploadBlob', new Uint8Array(randomBytes(10_000_000)), {
    'content-type': 'video/mp4',
  })
  expect([upload.status, await upload.json()]).toEqual([507, refused])

  const full = await fetchVerifiedRepo(pod.url, pod.did)
  expect(full.creates.filter((record) => record.collection === collection)).toHaveLength(landed)
  expect(full.creates.map(({ rkey }) => rkey)).toContain(before)

  await pod.restartBrowser()
  const after = await pod.post('after')
  const repo = await fetchVerifiedRepo(pod.url, pod.did)
  expect(repo.creates.filter((record) => record.collection === collection)).toHaveLength(landed)
  expect(repo.creates.flatMap((record) => (record.collection === POST ? [record.rkey] : []))).toEqual([before, after])
})
