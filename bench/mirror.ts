/** Readings that the room answers from its mirror. */
import { randomBytes } from 'node:crypto'
import type { Measure, Subject } from './measures.ts'
import { inParallel, timed } from './statistics.ts'

const CLIENTS = 16
const READS = 3_000
const PAGE = 100
const BLOBS = 10
const BLOB_BYTES = 1_000_000
/** A collection no lexicon knows. */
const MARKER = 'com.example.benchmark'

const recentRkeys = async ({ client }: Subject): Promise<string[]> => {
  const { body } = await client.get(
    `/xrpc/com.atproto.repo.listRecords?repo=${encodeURIComponent(client.did)}&collection=app.bsky.feed.post&limit=${PAGE}`,
  )
  return (JSON.parse(body.toString()) as { records: Array<{ uri: string }> }).records.map(({ uri }) => uri.split('/').at(-1) ?? '')
}

/** Each of them once: what nobody has read before. */
const getBlobs = async ({ client }: Subject): Promise<number> => {
  const cids: string[] = []
  for (let n = 0; n < BLOBS; n++) {
    const { body } = await client.upload(randomBytes(BLOB_BYTES), 'video/mp4')
    const { blob } = JSON.parse(body.toString()) as { blob: { ref: { $link: string } } }
    await client.post('com.atproto.repo.createRecord', { repo: client.did, collection: MARKER, record: { $type: MARKER, blob } })
    cids.push(blob.ref.$link)
  }
  const ms = await timed(async () => {
    for (const cid of cids) await client.get(`/xrpc/com.atproto.sync.getBlob?did=${encodeURIComponent(client.did)}&cid=${cid}`)
  })
  return (BLOBS * BLOB_BYTES) / 1e6 / (ms / 1000)
}

export const mirrorMeasures: readonly Measure[] = [
  {
    name: `getRecord, ${CLIENTS} clients`,
    unit: '/s',
    target: 2.5,
    run: async (subject) => {
      const { client } = subject
      const rkeys = await recentRkeys(subject)
      const path = `/xrpc/com.atproto.repo.getRecord?repo=${encodeURIComponent(client.did)}&collection=app.bsky.feed.post&rkey=`
      return READS / ((await timed(() => inParallel(READS, CLIENTS, (n) => client.get(path + rkeys[n % rkeys.length])))) / 1000)
    },
  },
  { name: 'getBlob, 10 of 1 MB, each once', unit: 'MB/s', target: 2, run: getBlobs },
]
