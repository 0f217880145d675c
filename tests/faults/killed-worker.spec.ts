import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { expect, type Pod, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'killed-worker' })

const COLLECTION = 'com.example.survivor'

const LANES = 16
const WRITES = 160

/** Runs `write(0…count-1)`, sixteen at a time; `onAnswer` hears how many are done. @returns which were acknowledged */
const writeMany = async (
  count: number,
  write: (index: number) => Promise<Response>,
  onAnswer: (done: number) => Promise<void>,
): Promise<Set<number>> => {
  const acknowledged = new Set<number>()
  let next = 0
  let done = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      const answer = await write(index)
      if (answer.ok) acknowledged.add(index)
      else expect(answer.status).toBeGreaterThanOrEqual(500)
      await answer.body?.cancel()
      await onAnswer(++done)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return acknowledged
}

/** How often each index is in the repo, counted in the verified CAR that anyone may fetch. */
const countIn = async (pod: Pod, collection: string): Promise<Map<number, number>> => {
  const counts = new Map<number, number>()
  for (const record of (await fetchVerifiedRepo(pod.url, pod.did)).records) {
    const { index } = record.value
    if (record.collection === collection && typeof index === 'number') counts.set(index, (counts.get(index) ?? 0) + 1)
  }
  return counts
}

test('a worker killed between requests and their answers loses no acknowledged write and doubles none', async ({ pod }) => {
  await pod.token()
  const body = (index: number) => JSON.stringify({ repo: pod.did, collection: COLLECTION, record: { $type: COLLECTION, index } })
  const acknowledged = await writeMany(
    WRITES,
    (index) => pod.procedure('com.atproto.repo.createRecord', body(index)),
    async (done) => {
      if (done % 40 !== 20) return
      // The other lanes go on: so it dies at any moment between a request and its answer, also after landing and before saying so.
      await sleep(Math.random() * 10)
      await pod.killWorker()
    },
  )
  // Short bodies are kept by the room and sent again: a killed worker costs time, not answers.
  expect(acknowledged.size).toBe(WRITES)
  await pod.online()
  // One more answered write: whatever the outbox still held has arrived before it.
  await pod.post('marker')
  const counts = await countIn(pod, COLLECTION)
  for (const index of acknowledged) expect(counts.get(index), `write ${index}`).toBe(1)
  for (const [index, count] of counts) expect(count, `write ${index}`).toBe(1)
})

test('a worker killed in the middle of commits leaves each of them whole or not there at all', async ({ pod }) => {
  await pod.token()
  const collection = 'com.example.batch'
  const size = 100
  const batch = (index: number) =>
    JSON.stringify({
      repo: pod.did,
      writes: Array.from({ length: size }, () => ({
        $type: 'com.atproto.repo.applyWrites#create',
        collection,
        value: { $type: collection, index },
      })),
    })
  const running = writeMany(
    16,
    (index) => pod.procedure('com.atproto.repo.applyWrites', batch(index)),
    async () => {},
  )
  // Not synchronised with anything on purpose: some of these fall into a commit.
  for (let kills = 0; kills < 10; kills++) await pod.killWorker()
  const acknowledged = await running
  expect(acknowledged.size).toBe(16)
  await pod.online()
  await pod.post('marker')
  const counts = await countIn(pod, collection)
  for (const [index, count] of counts) expect(count, `batch ${index}`).toBe(size)
  for (const index of acknowledged) expect(counts.get(index), `batch ${index}`).toBe(size)
})

test('a worker killed during an upload fails that upload clearly, and the next one works', async ({ pod }) => {
  const token = await pod.token()
  const bytes = Buffer.alloc(8 * 1024 * 1024, 7)
  const { port } = new URL(pod.url)
  const upload = request({
    host: 'localhost',
    port,
    path: '/xrpc/com.atproto.repo.uploadBlob',
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream', 'content-length': bytes.length },
  })
  const status = new Promise<number>((resolve) => {
    upload.on('response', (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    upload.on('error', () => resolve(0))
  })
  await new Promise((resolve) => upload.write(bytes.subarray(0, bytes.length / 2), resolve))
  await pod.killWorker()
  upload.end(bytes.subarray(bytes.length / 2))
  // 0: the connection broke. Success is possible too, if the worker had not got any of it yet.
  const got = await status
  expect(got === 0 || got === 200 || got >= 500, `answered ${got}`).toBe(true)

  await pod.online()
  const again = await pod.procedure('com.atproto.repo.uploadBlob', new Uint8Array(bytes), { 'content-type': 'application/octet-stream' })
  expect(again.status).toBe(200)
  expect(await again.json()).toMatchObject({ blob: { size: bytes.length } })
})

test('a killed worker comes back with the next request, still signed in', async ({ pod }) => {
  await pod.token()
  await pod.killWorker()
  const rkey = await pod.post('woken up')
  expect((await pod.query('com.atproto.repo.getRecord', { repo: pod.did, collection: POST, rkey })).status).toBe(200)
})
