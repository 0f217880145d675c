import { newResolver } from '../../scripts/witness.ts'
import { openPodInTab } from '../../scripts/pod.ts'
import { InductiveReplica } from '../fixtures/inductive-replica.ts'
import { expect, HANDLE, PASSWORD, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'two-tabs' })

const EACH = 40

test('two tabs and an outside app write at once: every record lands once, in one unbroken chain of commits', async ({ pod }) => {
  const second = await openPodInTab({ context: pod.context, url: pod.url, claim: pod.room.claim, handle: HANDLE, password: PASSWORD })
  const replica = new InductiveReplica(pod.url, pod.did, await newResolver().did.resolveAtprotoKey(pod.did))
  const token = await pod.token()
  const inTab = (page: typeof second, name: string): Promise<number[]> =>
    page.evaluate(
      ({ token, repo, collection, name, count }) =>
        Promise.all(
          Array.from({ length: count }, async (_, n) => {
            const answer = await fetch('/xrpc/com.atproto.repo.createRecord', {
              method: 'POST',
              headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
              body: JSON.stringify({
                repo,
                collection,
                record: { $type: collection, text: `${name} ${n}`, createdAt: new Date().toISOString() },
              }),
            })
            return answer.status
          }),
        ),
      { token, repo: pod.did, collection: POST, name, count: EACH },
    )
  const outside = Promise.all(Array.from({ length: EACH }, (_, n) => pod.post(`outside ${n}`)))
  const [one, two] = await Promise.all([inTab(pod.page, 'first tab'), inTab(second, 'second tab'), outside])
  expect([...one, ...two]).toEqual(Array.from({ length: 2 * EACH }, () => 200))

  const last = await pod.post('last')
  await replica.untilFrame((frame) => 'ops' in frame && frame.ops.some(({ path }) => path === `${POST}/${last}`))
  await replica.stop()
  expect(replica.errors).toEqual([])
  const texts = Array.from(replica.records.values(), ({ value }) => (value as { text: string }).text)
  const expected = ['first tab', 'second tab', 'outside'].flatMap((name) => Array.from({ length: EACH }, (_, n) => `${name} ${n}`))
  expect(texts.toSorted()).toEqual([...expected, 'last'].toSorted())
  await second.close()
})
