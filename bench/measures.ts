/** What is measured, one function a line of the table; each returns one figure for one round on one side. */
import { randomBytes } from 'node:crypto'
import { decodeOptions } from '@ipld/dag-cbor'
import { decodeFirst } from 'cborg'
import { WebSocket } from 'ws'
import type { Client } from './client.ts'
import type { Side } from './sides.ts'
import { inParallel, median, timed } from './statistics.ts'

export interface Subject {
  readonly side: Side
  /** Another one once a measure needs a fresh account. */
  client: Client
}

export interface Measure {
  readonly name: string
  readonly unit: 'ms' | '/s' | 'MB/s'
  /** For ours ÷ reference, or for ours alone, in its unit: at most for times, at least for rates. */
  readonly target: number | { readonly own: number }
  /** At most so many, where one takes long. */
  readonly rounds?: number
  run(subject: Subject): Promise<number>
}

const SEQUENTIAL_WRITES = 150
const PARALLEL_WRITES = 640
const READS = 300
const BATCH = 200
const REPO_RECORDS = 10_000
const BLOBS = 10
const BLOB_BYTES = 1_000_000
const FIREHOSE_BUSY_WRITES = 100
const FIREHOSE_QUIET_WRITES = 5
/** Longer than any batching or polling interval of either side but the reference's idle poll, which is what "quiet" shows. */
const QUIET_PAUSE_MS = 700
const EVENT_DEADLINE_MS = 10_000

/** A collection no lexicon knows, so that its record keys may be ours. */
const MARKER = 'com.example.benchmark'

const post = (text: string) => ({ $type: 'app.bsky.feed.post', text, createdAt: new Date().toISOString() })

export const createPost = (client: Client, text: string) =>
  client.post('com.atproto.repo.createRecord', { repo: client.did, collection: 'app.bsky.feed.post', record: post(text) })

/** Creates a post under a known rkey and resolves with the milliseconds until the firehose shows it. */
const writeToFirehose = async ({ side, client }: Subject, writes: number, pauseMs: number): Promise<number> => {
  const seen = new Map<string, number>()
  const waiting = new Map<string, () => void>()
  const socket = new WebSocket(`${side.url.replace(/^http/, 'ws')}/xrpc/com.atproto.sync.subscribeRepos`)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  socket.on('message', (data: Buffer) => {
    const at = performance.now()
    const [, rest] = decodeFirst(data, decodeOptions)
    const [body] = decodeFirst(rest, decodeOptions) as [{ ops?: ReadonlyArray<{ path: string }> }, Uint8Array]
    for (const { path } of body.ops ?? []) {
      seen.set(path, at)
      waiting.get(path)?.()
    }
  })
  const samples: number[] = []
  for (let n = 0; n < writes; n++) {
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    const rkey = `bench-${process.hrtime.bigint()}`
    const path = `${MARKER}/${rkey}`
    const record = { $type: MARKER, createdAt: new Date().toISOString() }
    const from = performance.now()
    await client.post('com.atproto.repo.putRecord', { repo: client.did, collection: MARKER, rkey, record })
    if (!seen.has(path)) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no event for ${path}`)), EVENT_DEADLINE_MS)
        waiting.set(path, () => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    samples.push(seen.get(path)! - from)
  }
  socket.close()
  return median(samples)
}

const fillRepo = async (client: Client, records: number): Promise<void> => {
  for (let at = 0; at < records; at += BATCH) {
    const writes = Array.from({ length: BATCH }, (_, n) => ({
      $type: 'com.atproto.repo.applyWrites#create',
      collection: 'app.bsky.feed.post',
      value: post(`post ${at + n} of a repo that is filled for the benchmark, about as long as a real one`),
    }))
    await client.post('com.atproto.repo.applyWrites', { repo: client.did, writes })
  }
}

const firstRecord = async (client: Client): Promise<string> => {
  const { body } = await client.get(
    `/xrpc/com.atproto.repo.listRecords?repo=${encodeURIComponent(client.did)}&collection=app.bsky.feed.post&limit=1`,
  )
  return (JSON.parse(body.toString()) as { records: Array<{ uri: string }> }).records[0]!.uri.split('/').at(-1)!
}

/** A blob is served once a record mentions it. */
const storeBlob = async ({ client }: Subject): Promise<string> => {
  const { body } = await client.upload(randomBytes(BLOB_BYTES), 'video/mp4')
  const { blob } = JSON.parse(body.toString()) as { blob: { ref: { $link: string } } }
  await client.post('com.atproto.repo.createRecord', { repo: client.did, collection: MARKER, record: { $type: MARKER, blob } })
  return blob.ref.$link
}

const megabytesPerSecond = (bytes: number, ms: number): number => bytes / 1e6 / (ms / 1000)

/** @returns MB/s */
export const getWholeRepo = async ({ client }: Subject): Promise<number> => {
  let bytes = 0
  const ms = await timed(async () => {
    bytes = (await client.get(`/xrpc/com.atproto.sync.getRepo?did=${encodeURIComponent(client.did)}`)).body.length
  })
  return megabytesPerSecond(bytes, ms)
}

export const measures: readonly Measure[] = [
  {
    name: 'createRecord p50, 1 client',
    unit: 'ms',
    target: 0.3,
    run: async ({ client }) => {
      const samples: number[] = []
      for (let n = 0; n < SEQUENTIAL_WRITES; n++) samples.push(await timed(() => createPost(client, `sequential ${n}`)))
      return median(samples)
    },
  },
  {
    name: 'createRecord, 32 clients',
    unit: '/s',
    target: 6,
    run: async ({ client }) =>
      PARALLEL_WRITES / ((await timed(() => inParallel(PARALLEL_WRITES, 32, (n) => createPost(client, `parallel ${n}`)))) / 1000),
  },
  { name: 'write → firehose p50, busy', unit: 'ms', target: 0.25, run: (subject) => writeToFirehose(subject, FIREHOSE_BUSY_WRITES, 0) },
  {
    name: 'write → firehose p50, quiet',
    unit: 'ms',
    target: 0.25,
    run: (subject) => writeToFirehose(subject, FIREHOSE_QUIET_WRITES, QUIET_PAUSE_MS),
  },
  {
    name: 'getRecord p50, 1 client',
    unit: 'ms',
    target: 0.8,
    run: async ({ client }) => {
      const path = `/xrpc/com.atproto.repo.getRecord?repo=${encodeURIComponent(client.did)}&collection=app.bsky.feed.post&rkey=${await firstRecord(client)}`
      const samples: number[] = []
      for (let n = 0; n < READS; n++) samples.push(await timed(() => client.get(path)))
      return median(samples)
    },
  },
  {
    name: 'applyWrites of 200, records',
    unit: '/s',
    target: 4,
    run: async ({ client }) => (5 * BATCH) / ((await timed(() => fillRepo(client, 5 * BATCH))) / 1000),
  },
  {
    name: 'getRepo, 10,000 records',
    unit: 'MB/s',
    target: 3,
    run: getWholeRepo,
  },
  {
    name: 'uploadBlob, 1 MB',
    unit: 'MB/s',
    target: 1,
    run: async ({ client }) => {
      const blobs = Array.from({ length: BLOBS }, () => randomBytes(BLOB_BYTES))
      const ms = await timed(async () => {
        for (const blob of blobs) await client.upload(blob, 'video/mp4')
      })
      return megabytesPerSecond(BLOBS * BLOB_BYTES, ms)
    },
  },
  {
    name: 'getBlob, 1 MB',
    unit: 'MB/s',
    target: 2,
    run: async (subject) => {
      const { client } = subject
      const path = `/xrpc/com.atproto.sync.getBlob?did=${encodeURIComponent(client.did)}&cid=${await storeBlob(subject)}`
      const ms = await timed(async () => {
        for (let n = 0; n < BLOBS; n++) await client.get(path)
      })
      return megabytesPerSecond(BLOBS * BLOB_BYTES, ms)
    },
  },
]

/** Brings a side's repo to the size the last measure speaks of; done once, before its rounds. */
export const prepare = async (subject: Subject): Promise<void> => {
  await fillRepo(subject.client, REPO_RECORDS)
}
