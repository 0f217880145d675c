/** What a room costs its operator, counted: docs/costs.md prints these figures, and says what Cloudflare asks for them. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import type { RoomStorage, StorageValue } from './port.ts'
import { Room } from './room.ts'
import { blobNumber, blobRef, largePod, tidNumber } from './testing/large-pod.ts'
import { MemoryPort } from './testing/memory-port.ts'
import { create, DID, type SigningPod } from './testing/signing-pod.ts'
import { Firehose } from './firehose/firehose.ts'
import { Mirror } from './mirror/mirror.ts'

const POST = 'app.bsky.feed.post'
const RECORDS = 2_000
const WRITES = 200
const BLOB_BYTES = 500_000

/** As Cloudflare counts: each row that a call of get, list, put or delete touches, and one for a call that finds none. */
interface Count {
  read: number
  written: number
  bytes: number
}
const count: Count = { read: 0, written: 0, bytes: 0 }

const counting = (storage: RoomStorage): void => {
  const { get, getMany, put, delete: remove, list } = storage
  storage.get = async <T extends StorageValue>(key: string) => {
    count.read += 1
    return get.call(storage, key) as Promise<T | undefined>
  }
  storage.getMany = async <T extends StorageValue>(keys: readonly string[]) => {
    count.read += keys.length
    return getMany.call(storage, keys) as Promise<Map<string, T>>
  }
  storage.list = async <T extends StorageValue>(options: Parameters<RoomStorage['list']>[0]) => {
    const rows = (await list.call(storage, options)) as Map<string, T>
    count.read += Math.max(1, rows.size)
    return rows
  }
  storage.put = (entries) => {
    count.written += Object.keys(entries).length
    for (const [key, value] of Object.entries(entries)) count.bytes += key.length + sizeOf(value)
    return put.call(storage, entries)
  }
  storage.delete = (keys) => {
    count.written += keys.length
    return remove.call(storage, keys)
  }
}

const sizeOf = (value: StorageValue): number => (value instanceof Uint8Array ? value.length : JSON.stringify(value).length)

describe('what a room costs', () => {
  let port: MemoryPort
  let mirror: Mirror
  let firehose: Firehose
  let pod: SigningPod
  const sheet = readFileSync(new URL('../docs/costs.md', import.meta.url), 'utf8')
  const post = (text: string) => ({ $type: POST, text, createdAt: '2026-11-21T00:00:00.000Z' })

  const open = async () => {
    firehose = await Firehose.open(port)
    mirror = await Mirror.open(port, firehose)
  }
  const counted = async (work: () => Promise<unknown>): Promise<Count> => {
    Object.assign(count, { read: 0, written: 0, bytes: 0 })
    await work()
    return { ...count }
  }
  const ask = async (path: string) => {
    const response = await mirror.answer(new Request(`https://pod.example/xrpc/com.atproto.${path}`), { online: false, seenAt: 0 })
    if (response?.status !== 200) throw new Error(`${path}: ${response?.status}`)
    await response.arrayBuffer()
  }
  /** The row of the sheet that begins so: `| what | read | written | bytes |`. The figures there must be those counted here, to a tenth. */
  const expectAsTold = (what: string, { read, written, bytes }: Count): void => {
    const row = sheet.split('\n').find((line) => line.startsWith(`| ${what} |`))
    const told = (row?.split('|').slice(2, 5) ?? []).map((cell) => Number(cell.replaceAll(/[, ]/g, '')))
    const near = (a: number, b: number): boolean => Math.abs(a - b) <= Math.max(1, a / 10)
    expect(
      [read, written, bytes].every((figure, i) => near(figure, told[i] ?? Number.NaN)),
      `docs/costs.md must say: | ${what} | ${read} | ${written} | ${bytes} |`,
    ).toBe(true)
  }

  beforeAll(async () => {
    port = new MemoryPort()
    pod = await largePod(
      Array.from(
        { length: RECORDS },
        (_, n) => [`${POST}/${tidNumber(n)}`, post(`post ${n} of about the usual length, a sentence or two`)] as const,
      ),
    )
    await open()
    await mirror.bind(pod.identity())
    await mirror.storeSnapshot(
      pod.head(),
      (async function* () {
        yield pod.car()
      })(),
    )
    counting(port.storage)
  }, 60_000)

  it('of writes, one record each', async () => {
    const { read, written, bytes } = await counted(async () => {
      for (let n = 0; n < WRITES; n += 1)
        await mirror.accept(
          ...pod.next(await pod.write([create(POST, tidNumber(1e9 + n), post(`written ${n}, of about the usual length`))])),
        )
    })
    const by = 1000 / WRITES
    expectAsTold('1,000 writes of one record', { read: read * by, written: written * by, bytes: bytes * by })
  }, 60_000)

  it('of a blob, stored and read', async () => {
    const blob = blobNumber(1, BLOB_BYTES)
    const stored = await counted(async () => {
      await mirror.storeBlob({ cid: blob.cid, mime: 'image/jpeg', size: BLOB_BYTES }, chunks(blob.bytes))
      await mirror.accept(...pod.next(await pod.write([create(POST, tidNumber(2e9), { ...post('a picture'), image: blobRef(blob) })])))
    })
    expectAsTold('a post with a picture of 500 KB', stored)
    await open()
    expectAsTold('getBlob, 500 KB', await counted(() => ask(`sync.getBlob?did=${DID}&cid=${blob.cid}`)))
    expectAsTold('getBlob again, while it is in memory', await counted(() => ask(`sync.getBlob?did=${DID}&cid=${blob.cid}`)))
  })

  it('of readings', async () => {
    const getRecord = () => ask(`repo.getRecord?repo=${DID}&collection=${POST}&rkey=${tidNumber(RECORDS / 2)}`)
    await open()
    expectAsTold('getRecord, the first since the room woke', await counted(getRecord))
    expectAsTold('getRecord again', await counted(getRecord))
    expectAsTold('listRecords, 50', await counted(() => ask(`repo.listRecords?repo=${DID}&collection=${POST}`)))
    await open()
    expectAsTold('getRepo, 2,200 records', await counted(() => ask(`sync.getRepo?did=${DID}`)))
    expectAsTold('getLatestCommit', await counted(() => ask(`sync.getLatestCommit?did=${DID}`)))
  })

  it('of a subscriber', async () => {
    const connect = async (query: string) => {
      await firehose.connect(port.socket(), new Request(`https://pod.example/xrpc/com.atproto.sync.subscribeRepos${query}`))
    }
    expectAsTold('a subscriber connects', await counted(() => connect('')))
    await open()
    expectAsTold('a subscriber replays 200 events', await counted(() => connect('?cursor=0')))
  })

  it('of a room that wakes, and of one that nobody asks anything', async () => {
    expectAsTold('a room wakes', await counted(() => Room.open(port)))
    // Nothing runs by itself: relay-shim/idle.test.ts shows that no timer and no promise is left.
    expectAsTold('an idle month', await counted(async () => {}))
  })
})

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 131_072) yield bytes.slice(at, at + 131_072)
}
