import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { expect, POST, test } from '../fixtures/pod.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'offline' })

test("without any network the owner's tab goes on writing, and on reconnect everything arrives once and in order", async ({ pod }) => {
  const before = await pod.post('before')
  const subscriber = subscribe(pod.url, 0)
  await subscriber.until(({ body }) => body.ops?.some(({ path }) => path === `${POST}/${before}`) ?? false)
  await pod.token()

  await pod.context.setOffline(true)
  const written: string[] = []
  for (const text of ['one', 'two', 'three', 'four', 'five']) {
    written.push(`${POST}/${await pod.postInTab(text)}`)
  }
  const read = await pod.page.evaluate(
    async (path) => (await fetch(path)).status,
    `/xrpc/com.atproto.repo.listRecords?repo=${encodeURIComponent(pod.did)}&collection=${POST}`,
  )
  expect(read).toBe(200)

  await pod.context.setOffline(false)
  await pod.online()
  await subscriber.until(({ body }) => body.ops?.some(({ path }) => path === written.at(-1)) ?? false)
  const arrived = commitsOf(subscriber).flatMap(({ ops }) => ops.map(({ path }) => path))
  expect(arrived.slice(-written.length)).toEqual(written)
  expect(new Set(arrived).size).toBe(arrived.length)
  const repo = await fetchVerifiedRepo(pod.url, pod.did)
  expect(repo.creates.map(({ collection, rkey }) => `${collection}/${rkey}`)).toEqual(expect.arrayContaining(written))
  subscriber.close()
})
