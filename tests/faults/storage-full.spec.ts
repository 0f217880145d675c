import { randomBytes } from 'node:crypto'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'storage-full' })

const QUOTA_LEFT_BYTES = 5 * 1024 * 1024

// The quota override is set, but Chromium 156 lets IndexedDB write beyond it: this proves nothing until the disk itself can be made small.
test.fixme('when storage is full a write fails clearly, the repo stays valid, and with room again it goes on', async ({ pod }) => {
  const before = await pod.post('before')
  const devtools = await pod.context.newCDPSession(await pod.context.newPage())
  const { usage } = await devtools.send('Storage.getUsageAndQuota', { origin: pod.url })
  // Chromium remembers for half a minute how much room an open database was promised: so it is closed first.
  await pod.close()
  await devtools.send('ServiceWorker.enable')
  await devtools.send('ServiceWorker.stopAllWorkers')
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: pod.url, quotaSize: usage + QUOTA_LEFT_BYTES })
  await pod.reopen()

  const text = randomBytes(300_000).toString('hex')
  const create = () =>
    pod.procedure(
      'com.atproto.repo.createRecord',
      JSON.stringify({ repo: pod.did, collection: 'com.example.big', record: { $type: 'com.example.big', text } }),
    )
  let landed = 0
  let answer = await create()
  while (answer.ok && landed < 50) {
    landed++
    await answer.body?.cancel()
    answer = await create()
  }
  expect(answer.status).toBe(507)
  expect(await answer.json()).toEqual({ error: 'StorageFull', message: expect.any(String) })

  const full = await fetchVerifiedRepo(pod.url, pod.did)
  expect(full.creates.filter(({ collection }) => collection === 'com.example.big')).toHaveLength(landed)
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: pod.url })
  await devtools.detach()
  const after = await pod.post('after')
  const repo = await fetchVerifiedRepo(pod.url, pod.did)
  expect(repo.creates.map(({ rkey }) => rkey)).toEqual(expect.arrayContaining([before, after]))
})
