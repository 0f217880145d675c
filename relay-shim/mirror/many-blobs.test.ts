/** 10,000 blobs in one mirror: what is counted, listed and dropped, and that nothing lists them all at once. */
import { beforeAll, describe, expect, it } from 'vitest'
import { STORAGE_BATCH_KEYS, TEMPORARY_BLOB_TTL_MS } from '../../wire/limits.ts'
import { Firehose } from '../firehose/firehose.ts'
import { blobNumber, blobRef, largePod, tidNumber } from '../testing/large-pod.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { create, DID, remove, type SigningPod } from '../testing/signing-pod.ts'
import { type BlobRow, Blobs } from './blobs.ts'
import { BLOB_BYTES, blobKey, blobPieceKey, blobUseKey, generationKeys, type Rows } from './keys.ts'
import { Mirror } from './mirror.ts'

const POST = 'app.bsky.feed.post'
const BLOBS = 10_000
const SIZE = 64
/** Records deleted by commits; the first one's blob stands in others, too. */
const DELETED = 400
/** The storage of tests sorts all its keys for each list. */
const TIMEOUT_MS = 120_000

const blobs = Array.from({ length: BLOBS }, (_, n) => blobNumber(n, SIZE))
const image = (n: number) => ({ $type: POST, text: `picture ${n}`, image: blobRef(blobs[n]!) })

describe('a mirror of 10,000 blobs', () => {
  let port: MemoryPort
  let mirror: Mirror
  let pod: SigningPod
  let longestList = 0

  const open = async () => (mirror = await Mirror.open(port, await Firehose.open(port)))
  const list = async (cursor = ''): Promise<{ cids: string[]; cursor?: string }> =>
    (await mirror.answer(
      new Request(`https://pod.example/xrpc/com.atproto.sync.listBlobs?did=${DID}&limit=1000${cursor && `&cursor=${cursor}`}`),
      { online: true, seenAt: 0 },
    ))!.json()
  const listed = async () => {
    const cids: string[] = []
    for (let page = await list(); page.cids.length > 0; page = await list(page.cursor)) cids.push(...page.cids)
    return cids
  }
  const cidsOf = (numbers: readonly number[]) => numbers.map((n) => blobs[n]!.cid).sort()
  const stored = (prefix: string) => [...port.storage.rows.keys()].filter((key) => key.startsWith(prefix))
  /** Rows, count and list say the same: these blobs and no others. */
  const expectOnly = async (numbers: readonly number[]) => {
    const cids = cidsOf(numbers)
    expect(
      stored('m:')
        .map((key) => key.slice(2))
        .sort(),
    ).toEqual(cids)
    expect(
      stored('x:')
        .map((key) => key.slice(2).split('/')[0])
        .sort(),
    ).toEqual(cids)
    expect(
      stored('u:')
        .map((key) => key.split(':')[2])
        .sort(),
    ).toEqual(cids)
    expect(port.storage.rows.get(BLOB_BYTES)).toBe(cids.length * SIZE)
    expect(await listed()).toEqual(cids)
  }
  const snapshot = (of: SigningPod) =>
    mirror.storeSnapshot(
      of.head(),
      (async function* () {
        yield of.car()
      })(),
    )
  const numbers = (from: number, to = BLOBS) => Array.from({ length: to - from }, (_, n) => from + n)

  beforeAll(async () => {
    port = new MemoryPort()
    const listAll = port.storage.list.bind(port.storage)
    port.storage.list = async <T extends Parameters<typeof port.storage.put>[0][string]>(options: Parameters<typeof listAll>[0]) => {
      const rows = await listAll<T>(options)
      if (/^[mwuy]:/.test(options.prefix)) longestList = Math.max(longestList, rows.size)
      return rows
    }
    pod = await largePod(blobs.map((_, n) => [`${POST}/${tidNumber(n)}`, image(n)] as const))
    await open()
    await mirror.bind(pod.identity())
    await snapshot(pod)
    // As `store` leaves them; one by one they would take a minute.
    const at = port.now()
    const rows: Rows = { [BLOB_BYTES]: BLOBS * SIZE }
    for (const { cid, bytes } of blobs) {
      const row: BlobRow = { mime: 'image/png', size: SIZE, pieces: 1, at, used: at }
      Object.assign(rows, { [blobKey(cid)]: row, [blobPieceKey(cid, 0)]: bytes, [blobUseKey(at, cid)]: SIZE })
    }
    await port.storage.put(rows)
    await open()
  }, TIMEOUT_MS)

  it(
    'lists each once, page by page, whatever mentions it',
    async () => {
      await expectOnly(numbers(0))
      // As many as would fill several pages.
      await mirror.accept(...pod.next(await pod.write(numbers(0, 200).map((n) => create(POST, `again${n}`, image(0))))))
      await expectOnly(numbers(0))
    },
    TIMEOUT_MS,
  )

  it(
    'lets go of what a commit leaves without a record, and of nothing else',
    async () => {
      for (let from = 0; from < DELETED; from += 200)
        await mirror.accept(...pod.next(await pod.write(numbers(from, from + 200).map((n) => remove(POST, tidNumber(n))))))
      await expectOnly([0, ...numbers(DELETED)])
      await mirror.accept(...pod.next(await pod.write(numbers(0, 200).map((n) => remove(POST, `again${n}`)))))
      await expectOnly(numbers(DELETED))
      expect((await mirror.answer(get(blobs[0]!.cid), { online: false, seenAt: 0 }))?.status).toBe(400)
      expect((await mirror.answer(get(blobs[DELETED]!.cid), { online: false, seenAt: 0 }))?.status).toBe(200)
    },
    TIMEOUT_MS,
  )

  it(
    'knows the same after a sleep',
    async () => {
      await open()
      await expectOnly(numbers(DELETED))
    },
    TIMEOUT_MS,
  )

  it(
    'drops after a snapshot what the new repo does not mention, once it has had its time',
    async () => {
      const kept = numbers(DELETED).filter((n) => n % 20 !== 0)
      const later = await largePod(kept.map((n) => [`${POST}/${tidNumber(n)}`, image(n)] as const))
      await mirror.bind(later.identity())
      await snapshot(later)
      expect(await listed()).toEqual(cidsOf(kept))
      // Their commit might be on its way: they wait, and the next start after that finds them.
      expect(stored('m:')).toHaveLength(BLOBS - DELETED)
      port.clockOffsetMs += TEMPORARY_BLOB_TTL_MS + 1
      await open()
      await expect.poll(() => stored('w:'), { timeout: 60_000 }).toEqual([])
      await expectOnly(kept)
    },
    TIMEOUT_MS,
  )

  it('leaves nothing when the pod is deleted', async () => {
    await mirror.clear()
    for (const kind of ['m:', 'x:', 'u:', 'w:', 'y:']) expect(stored(kind)).toEqual([])
    expect((await Blobs.open(port, { inTurn: (work) => work(), keys: () => generationKeys(0) })).bytes).toBe(0)
  })

  it('never took more than a page of blobs at a time', () => {
    expect(longestList).toBe(STORAGE_BATCH_KEYS)
  })
})

const get = (cid: string) => new Request(`https://pod.example/xrpc/com.atproto.sync.getBlob?did=${DID}&cid=${cid}`)
