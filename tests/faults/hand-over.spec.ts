import { openPodInTab } from '../../scripts/pod.ts'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { expect, HANDLE, PASSWORD, type Pod, test } from '../fixtures/pod.ts'

test.use({ name: 'hand-over' })

const openAnother = (pod: Pod) =>
  openPodInTab({ context: pod.context, url: pod.url, claim: pod.room.claim, handle: HANDLE, password: PASSWORD })

/** Writes `count` records, eight at a time, and does `halfway` in the middle of it. @returns status of each answer, and how often each record is in the repo */
const writeThrough = async (pod: Pod, collection: string, count: number, halfway: () => Promise<unknown>) => {
  await pod.token()
  const statuses: number[] = []
  let next = 0
  let interruption: Promise<unknown> | null = null
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      const record = { $type: collection, index }
      const answer = await pod.procedure('com.atproto.repo.createRecord', JSON.stringify({ repo: pod.did, collection, record }))
      statuses.push(answer.status)
      await answer.body?.cancel()
      if (statuses.length >= count / 2) interruption ??= halfway()
    }
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  await interruption
  const { records } = await fetchVerifiedRepo(pod.url, pod.did)
  const indexes = records.flatMap((record) => (record.collection === collection ? [Number(record.value['index'])] : []))
  return { statuses, indexes: indexes.toSorted((a, b) => a - b) }
}

for (const [how, collection, end] of [
  ['closed', 'com.example.closed', (pod: Pod) => pod.page.close()],
  // The page is gone without a word to anybody: no close event, no unload.
  ['crashed', 'com.example.crashed', async (pod: Pod) => void (await pod.inspect()).send('Page.crash').catch(() => {})],
] as const) {
  test(`when the leading tab is ${how} the next one takes over, and every request in flight is answered and lands once`, async ({
    pod,
  }) => {
    const second = await openAnother(pod)
    const count = 80
    const { statuses, indexes } = await writeThrough(pod, collection, count, () => end(pod))
    pod.page = second
    expect(statuses).toEqual(Array.from({ length: count }, () => 200))
    expect(indexes).toEqual(Array.from({ length: count }, (_, index) => index))
    await pod.online()
  })
}

test('when the only tab is closed, requests in flight wait for it to come back and land once', async ({ pod }) => {
  const collection = 'com.example.reopened'
  const count = 40
  const { statuses, indexes } = await writeThrough(pod, collection, count, async () => {
    await pod.page.close()
    pod.page = await openAnother(pod)
  })
  expect(statuses).toEqual(Array.from({ length: count }, () => 200))
  expect(indexes).toEqual(Array.from({ length: count }, (_, index) => index))
})
