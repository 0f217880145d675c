import { randomBytes } from 'node:crypto'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'load' })

test('400 requests in flight: none is stuck, and each gets its own answer', async ({ pod }) => {
  await pod.token()
  const collection = 'com.example.mine'
  const names = Array.from({ length: 400 }, (_, index) => `n${index}`)
  const answers = await Promise.all(
    names.map(async (rkey) => {
      const answer = await pod.procedure(
        'com.atproto.repo.createRecord',
        JSON.stringify({ repo: pod.did, collection, rkey, record: { $type: collection, rkey } }),
        // 400 idle connections would be left, and a later upload might take one just when the server closes it.
        { connection: 'close' },
      )
      return { status: answer.status, uri: ((await answer.json()) as { uri?: string }).uri }
    }),
  )
  expect(answers).toEqual(names.map((rkey) => ({ status: 200, uri: `at://${pod.did}/${collection}/${rkey}` })))
  const repo = await fetchVerifiedRepo(pod.url, pod.did)
  expect(repo.creates.filter((record) => record.collection === collection)).toHaveLength(400)
})

test('50 MB go up and come down again, byte for byte, whole and in ranges, tab open and closed', async ({ pod }) => {
  const bytes = new Uint8Array(randomBytes(50 * 1024 * 1024))
  const upload = await pod.procedure('com.atproto.repo.uploadBlob', bytes, { 'content-type': 'application/octet-stream' })
  expect(upload.status).toBe(200)
  const { blob } = (await upload.json()) as { blob: { ref: { $link: string }; size: number } }
  expect(blob.size).toBe(bytes.length)

  const collection = 'com.example.film'
  const record = { $type: collection, film: blob }
  expect((await pod.procedure('com.atproto.repo.createRecord', JSON.stringify({ repo: pod.did, collection, record }))).status).toBe(200)

  const params = { did: pod.did, cid: blob.ref.$link }
  const same = async (): Promise<void> => {
    const whole = new Uint8Array(await (await pod.query('com.atproto.sync.getBlob', params)).arrayBuffer())
    expect(Buffer.compare(whole, bytes)).toBe(0)
    const part = await pod.room.request(`/xrpc/com.atproto.sync.getBlob?${new URLSearchParams(params).toString()}`, {
      headers: { range: 'bytes=1000000-1000999' },
    })
    expect(part.status).toBe(206)
    expect(Buffer.compare(new Uint8Array(await part.arrayBuffer()), bytes.subarray(1_000_000, 1_001_000))).toBe(0)
  }
  await same()
  await pod.close()
  await same()
  await pod.reopen()
})

test('a refusal that needs no body leaves the connection fit for the next request', async ({ room }) => {
  const refuse = () => room.request('/xrpc/_health', { method: 'POST', body: 'x'.repeat(10_000) })
  const lane = async (): Promise<number[]> => {
    const statuses: number[] = []
    for (let turn = 0; turn < 250; turn++) {
      const answer = await refuse()
      // Read to its end: only such a connection is used again.
      await answer.arrayBuffer()
      statuses.push(answer.status)
    }
    return statuses
  }
  const statuses = (await Promise.all(Array.from({ length: 4 }, lane))).flat()
  expect(statuses).toEqual(statuses.map(() => 405))
})
