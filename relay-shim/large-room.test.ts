/**
 * A room with a large account, read by many while it is written to: everything is answered, and its memory stays below the 128 MB that Cloudflare gives.
 * The size here is one that every test run can afford; `TABPOD_LARGE=1` makes it 100,000 records and 10,000 blobs (docs/performance.md has the figures).
 */
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCarWithRoot } from '@atproto/repo'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort, Inspector } from './testing/inspector.ts'
import { blobNumber, blobRef, largePod, type TestBlob, tidNumber } from './testing/large-pod.ts'
import { NodeTab } from './testing/node-tab.ts'
import { type RealRoom, startRealRoom } from './testing/real-room.ts'
import { connectTab } from './testing/real-tab.ts'
import { create, DID, type SigningPod } from './testing/signing-pod.ts'
import { newKeys } from './testing/tab.ts'

const isLarge = process.env['TABPOD_LARGE'] === '1'
const [RECORDS, BLOBS] = isLarge ? [100_000, 10_000] : [4_000, 100]
const TIMEOUT_MS = isLarge ? 1_500_000 : 120_000
const SMALL_BLOB_BYTES = 20_000
/** Every hundredth is a video. */
const LARGE_BLOB_BYTES = 4_000_000
const IDLE_READERS = 40
const LIMIT_BYTES = 128_000_000
const TOKEN = 'a-token-of-many-characters'
const HOST = 'pod.example'
const POST = 'app.bsky.feed.post'

const blobOf = (n: number): TestBlob => blobNumber(n, n % 100 === 0 ? LARGE_BLOB_BYTES : SMALL_BLOB_BYTES)

function* records(): Generator<readonly [path: string, record: unknown]> {
  for (let n = 0; n < RECORDS; n++) {
    const text = `post ${n} of a large account, about as long as a real one, which says something in a sentence or two`
    const image = n % (RECORDS / BLOBS) === 0 && { embed: { image: blobRef(blobOf(n / (RECORDS / BLOBS))) } }
    yield [`${POST}/${tidNumber(n)}`, { $type: POST, text, createdAt: new Date(1.7e12 + n * 1000).toISOString(), ...image }]
  }
}

describe.each(['partykit', 'wrangler'] as const)('a large account on %s', (runtime) => {
  let room: RealRoom
  let inspector: Inspector
  let pod: SigningPod
  let tab: NodeTab
  let idle: number | null
  const agent = new Agent({ keepAlive: true })
  const peak = { held: 0, resident: 0 }
  const watching = new AbortController()

  const get = (path: string): Promise<{ status: number | undefined; body: Buffer }> =>
    new Promise((resolve, reject) => {
      request({ agent, host: '127.0.0.1', port: room.port, path: `/xrpc/com.atproto.${path}`, headers: { host: HOST } }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece)).on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(pieces) }))
      })
        .on('error', reject)
        .end()
    })
  /** How many there are on all pages. */
  const count = async (path: string, of: string): Promise<number> => {
    for (let total = 0, cursor = ''; ;) {
      const page = JSON.parse((await get(path + cursor)).body.toString()) as Record<string, unknown[]> & { cursor?: string }
      total += page[of]?.length ?? 0
      if (!page.cursor || page[of]?.length === 0) return total
      cursor = `&cursor=${page.cursor}`
    }
  }
  /** Asks and never reads. */
  const stare = (path: string): Socket => {
    const socket = connect(room.port, '127.0.0.1').on('error', () => {})
    socket.pause()
    socket.write(`GET /xrpc/com.atproto.${path} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)
    return socket
  }
  const watch = async (): Promise<void> => {
    while (!watching.signal.aborted) {
      peak.held = Math.max(peak.held, await inspector.heldBytes())
      peak.resident = Math.max(peak.resident, (await room.residentBytes()) ?? 0)
      await sleep(50)
    }
  }

  beforeAll(async () => {
    const inspectorPort = await freePort()
    ;[room, pod] = [await startRealRoom(runtime, TOKEN, { TABPOD_RATE_LIMITS: 'off' }, inspectorPort), await largePod(records())]
    tab = new NodeTab(await connectTab(room, HOST, newKeys(pod.keypair.did())))
    await tab.tab.join({ did: DID, claim: TOKEN })
    inspector = await Inspector.connect(inspectorPort)
    idle = await room.residentBytes()
    void watch()
    await tab.snapshot(pod)
    let next = 0
    const upload = async () => {
      while (next < BLOBS) await tab.blob(blobOf(next++))
    }
    await Promise.all(Array.from({ length: 6 }, upload))
  }, TIMEOUT_MS)

  afterAll(async () => {
    watching.abort()
    tab?.close()
    inspector?.close()
    agent.destroy()
    await room?.stop()
  })

  test(
    'is read whole, by many and by some who never read, while it is written to',
    async () => {
      const read = new AbortController()
      let written = 0
      const write = async (): Promise<void> => {
        for (; !read.signal.aborted; written += 10) {
          const posts = Array.from({ length: 10 }, (_, n) => create(POST, `w${written + n}`, { $type: POST, text: 'written meanwhile' }))
          await tab.event(...pod.next(await pod.write(posts)))
        }
      }
      const writing = write()
      const unread = Array.from({ length: IDLE_READERS }, (_, n) =>
        stare(n % 2 === 0 ? `sync.getRepo?did=${DID}` : `sync.getBlob?did=${DID}&cid=${blobOf(0).cid}`),
      )
      const readers = Array.from(
        { length: 4 },
        async () => (await readCarWithRoot((await get(`sync.getRepo?did=${DID}`)).body)).blocks.size,
      )
      const someRecords = Array.from({ length: 500 }, (_, n) => Math.floor((n * 7919) % RECORDS))
      const statuses = Promise.all(
        someRecords.map(async (n) => (await get(`repo.getRecord?repo=${DID}&collection=${POST}&rkey=${tidNumber(n)}`)).status),
      )
      const pictures = Array.from({ length: 4 }, async (_, reader) => {
        for (let n = reader; n < BLOBS; n += 4)
          expect((await get(`sync.getBlob?did=${DID}&cid=${blobOf(n).cid}`)).body.equals(blobOf(n).bytes)).toBe(true)
      })
      expect(await count(`sync.listBlobs?did=${DID}&limit=1000`, 'cids')).toBe(BLOBS)
      expect(await count(`repo.listRecords?repo=${DID}&collection=${POST}&limit=100`, 'records')).toBeGreaterThanOrEqual(RECORDS)
      for (const blocks of await Promise.all(readers)) expect(blocks).toBeGreaterThan(RECORDS)
      expect(new Set(await statuses)).toEqual(new Set([200]))
      await Promise.all(pictures)
      read.abort()
      await writing
      for (const socket of unread) socket.destroy()
      expect((await get(`repo.getRecord?repo=${DID}&collection=${POST}&rkey=w${written - 1}`)).status).toBe(200)
    },
    TIMEOUT_MS,
  )

  test('takes less than 128 MB of memory at any time', () => {
    console.log(
      `${runtime}: ${RECORDS} records, ${BLOBS} blobs: heap and buffers at most ${megabytes(peak.held)}, process grew by ${megabytes(peak.resident - (idle ?? 0))}`,
    )
    expect(peak.held).toBeGreaterThan(0)
    expect(peak.held).toBeLessThan(LIMIT_BYTES)
    // The older runtime's debugger knows nothing of buffers, but its process does; that holds the runtime's own memory, too, and gives little back.
    if (runtime === 'partykit' && idle !== null) expect(peak.resident - idle).toBeLessThan(2 * LIMIT_BYTES)
  })
})

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
