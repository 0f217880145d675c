import { readCarWithRoot } from '@atproto/repo'
import { decode } from '@ipld/dag-cbor'
import { follow } from '../../scripts/witness.ts'
import { expect, POST, test } from '../fixtures/pod.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'firehose' })

test("@atproto/sync's Firehose verifies creates, updates and deletes, in order", async ({ pod }) => {
  const agent = await pod.agent()
  const follower = follow(pod.url)
  const rkey = await pod.post('first')
  const record = (text: string) => ({ $type: POST, text, createdAt: new Date().toISOString() })
  await agent.com.atproto.repo.putRecord({ repo: pod.did, collection: POST, rkey, record: record('second') })
  await agent.com.atproto.repo.deleteRecord({ repo: pod.did, collection: POST, rkey })
  await follower.until((event) => event.event === 'delete' && event.rkey === rkey)
  await follower.stop()

  expect(follower.errors).toEqual([])
  expect(follower.events.flatMap((event) => ('rkey' in event && event.rkey === rkey ? [event.event] : []))).toEqual([
    'create',
    'update',
    'delete',
  ])
})

test('a write that was answered is on the firehose already', async ({ pod }) => {
  const subscriber = subscribe(pod.url, 0)
  for (let turn = 0; turn < 10; turn++) {
    const rkey = await pod.post(`turn ${turn}`)
    // Closing the tab at once: what was answered must not depend on it any more.
    if (turn === 9) await pod.close()
    const { cid } = (await (await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).json()) as { cid: string }
    const { body } = await subscriber.until((message) => message.body.ops?.some(({ path }) => path === `${POST}/${rkey}`) ?? false)
    expect(body.commit.toString()).toBe(cid)
  }
  subscriber.close()
  await pod.reopen()
})

test('commits form one unbroken chain: since and prevData name the commit before, sequence numbers only grow', async ({ pod }) => {
  const agent = await pod.agent()
  for (const text of ['a', 'b', 'c']) await pod.post(text)
  const rkey = await pod.post('last')
  await agent.com.atproto.repo.deleteRecord({ repo: pod.did, collection: POST, rkey })
  const subscriber = subscribe(pod.url, 0)
  await subscriber.until(({ body }) => body.ops?.some(({ action, path }) => action === 'delete' && path.endsWith(rkey)) ?? false)
  subscriber.close()

  const seqs = subscriber.messages.map(({ body }) => body.seq)
  expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b))
  let before: { rev: string; data: string } | null = null
  for (const commit of commitsOf(subscriber)) {
    const car = await readCarWithRoot(commit.blocks)
    expect(car.root.toString()).toBe(commit.commit.toString())
    expect(commit.since).toBe(before?.rev ?? null)
    expect(commit.prevData?.toString()).toBe(before?.data)
    expect(commit.blobs).toEqual([])
    expect(commit.tooBig).toBe(false)
    for (const op of commit.ops) expect(op.prev !== undefined, `${op.action} ${op.path}`).toBe(op.action !== 'create')
    before = { rev: commit.rev, data: treeOf(car, commit.rev) }
  }
})

test('a consumer that comes back with its cursor gets exactly what it missed', async ({ pod }) => {
  await pod.post('before')
  const first = subscribe(pod.url, 0)
  const mark = await pod.post('mark')
  const { body } = await first.until((message) => message.body.ops?.some(({ path }) => path.endsWith(mark)) ?? false)
  first.close()
  const missed = [await pod.post('missed one'), await pod.post('missed two')]
  const again = subscribe(pod.url, body.seq)
  const live = await pod.post('live')
  await again.until((message) => message.body.ops?.some(({ path }) => path.endsWith(live)) ?? false)
  again.close()
  expect(commitsOf(again).flatMap(({ ops }) => ops.map(({ path }) => path.split('/')[1]))).toEqual([...missed, live])
})

test('without a cursor only what comes next is sent', async ({ pod }) => {
  await pod.post('history')
  const subscriber = subscribe(pod.url)
  await subscriber.opened
  const rkey = await pod.post('news')
  await subscriber.until(({ body }) => body.ops?.some(({ path }) => path.endsWith(rkey)) ?? false)
  subscriber.close()
  expect(commitsOf(subscriber).flatMap(({ ops }) => ops.map(({ path }) => path))).toEqual([`${POST}/${rkey}`])
})

test('a cursor from the future is refused with FutureCursor', async ({ pod }) => {
  const subscriber = subscribe(pod.url, Number.MAX_SAFE_INTEGER)
  const error = await subscriber.until(({ op }) => op === -1)
  expect(error.body.error).toBe('FutureCursor')
  await expect.poll(() => subscriber.isClosing).toBe(true)
})

test('a new account announces itself: its first commit, its identity and that it is active', async ({ pod }) => {
  const subscriber = subscribe(pod.url, 0)
  await subscriber.until(({ t }) => t === '#account')
  subscriber.close()
  expect(subscriber.messages.slice(0, 3).map(({ t }) => t)).toEqual(['#commit', '#identity', '#account'])
  expect(subscriber.messages.slice(1, 3).map(({ body }) => body)).toMatchObject([
    { did: pod.did, handle: pod.handle },
    { did: pod.did, active: true },
  ])
})

/** @returns CID of the tree that the commit signs */
const treeOf = ({ root, blocks }: Awaited<ReturnType<typeof readCarWithRoot>>, rev: string): string => {
  const commit = decode<{ rev: string; data: { toString(): string } }>(blocks.get(root)!)
  expect(commit.rev).toBe(rev)
  return commit.data.toString()
}
