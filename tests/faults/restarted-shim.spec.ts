import { fetchVerifiedRepo, follow } from '../../scripts/witness.ts'
import { expect, POST, test } from '../fixtures/pod.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'restarted-shim' })
test.slow()

test('after a crashed shim is started again the pod reconnects, and a consumer resumes from its cursor without gap or repeat', async ({
  pod,
}) => {
  const follower = follow(pod.url)
  const rkeys = [await pod.post('before the crash'), await pod.post('just before the crash')]
  await pod.token()
  await pod.room.crash()

  // The owner's own tab does not depend on the shim.
  rkeys.push(await pod.postInTab('while it was down'))

  await pod.room.start()
  await pod.online()
  rkeys.push(await pod.post('after the restart'))
  await follower.until((event) => event.event === 'create' && event.rkey === rkeys.at(-1))
  await follower.stop()
  expect(follower.events.flatMap((event) => (event.event === 'create' && event.collection === POST ? [event.rkey] : []))).toEqual(rkeys)
  const seqs = follower.events.map(({ seq }) => seq)
  expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
})

test('what the mirror had verified is still there after the crash, and replays the same', async ({ pod }) => {
  const rkey = await pod.post('kept')
  const before = subscribe(pod.url, 0)
  await before.until(({ body }) => body.ops?.some(({ path }) => path.endsWith(rkey)) ?? false)
  before.close()
  await pod.close()
  await pod.room.crash()
  await pod.room.start()

  const after = subscribe(pod.url, 0)
  await after.until(({ body }) => body.ops?.some(({ path }) => path.endsWith(rkey)) ?? false)
  after.close()
  expect(commitsOf(after).map(({ seq, rev }) => [seq, rev])).toEqual(commitsOf(before).map(({ seq, rev }) => [seq, rev]))
  const repo = await fetchVerifiedRepo(pod.url, pod.did)
  expect(repo.creates.map((record) => record.rkey)).toContain(rkey)
  await pod.reopen()
})

test('while the shim is down the owner opens the app as ever, sees why nobody can reach it, and writes', async ({ pod }) => {
  await pod.token()
  await pod.room.crash()
  await pod.page.reload()
  await expect(pod.page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Unreachable/)
  const rkey = await pod.postInTab('written in a page that no server sent')
  await pod.room.start()
  await pod.online()
  await expect.poll(async () => (await pod.posts()).map((post) => post.rkey)).toContain(rkey)
})
