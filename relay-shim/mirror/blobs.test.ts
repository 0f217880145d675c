import { beforeEach, describe, expect, it } from 'vitest'
import { BLOB_USE_GRAIN_MS, STORAGE_VALUE_BYTES, TEMPORARY_BLOB_TTL_MS } from '../../wire/limits.ts'
import { MemoryPort, MemoryStorage } from '../testing/memory-port.ts'
import { Blobs } from './blobs.ts'
import { cidOfDigest } from './cid.ts'
import { BLOB_BYTES, BLOB_USES, blobKey, generationKeys } from './keys.ts'

const SIZE = STORAGE_VALUE_BYTES + 1000
const BUDGET = 3 * SIZE
const keys = generationKeys(0)

interface Blob {
  readonly cid: string
  readonly mime: string
  readonly size: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

const blobOf = async (seed: number, size = SIZE): Promise<Blob> => {
  const bytes = new Uint8Array(size).map((_, i) => (i * 31 + seed) % 251)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return { cid: cidOfDigest(digest, 'raw'), mime: 'image/png', size, bytes }
}
async function* chunks(bytes: Uint8Array, size = 50_000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

let port: MemoryPort
let blobs: Blobs
const open = (): Promise<Blobs> => Blobs.open(port, { inTurn: (work) => work(), keys: () => keys })
const store = (blob: Blob, into = blobs): Promise<void> => into.store(blob, chunks(blob.bytes))
const isWhole = async (blob: Blob): Promise<boolean | null> => {
  const row = await blobs.use(blob.cid)
  return row ? !row.evicted : null
}
const later = (ms: number): void => void (port.clockOffsetMs += ms)

beforeEach(async () => {
  port = new MemoryPort({ settings: { blobBudgetBytes: BUDGET } })
  blobs = await open()
})

describe('the budget', () => {
  it('is kept by letting the least recently used go, bytes and all', async () => {
    const all = await Promise.all([1, 2, 3, 4].map((seed) => blobOf(seed)))
    for (const blob of all) {
      await store(blob)
      later(1)
    }
    expect(await Promise.all(all.map(isWhole))).toEqual([false, true, true, true])
    expect(blobs.bytes).toBe(BUDGET)
    expect([...port.storage.rows.keys()].filter((key) => key.startsWith(`x:${all[0]!.cid}`))).toEqual([])
  })

  it('spares what was asked for lately', async () => {
    const [a, b, c, d] = (await Promise.all([1, 2, 3, 4].map((seed) => blobOf(seed)))) as [Blob, Blob, Blob, Blob]
    for (const blob of [a, b, c]) await store(blob)
    later(BLOB_USE_GRAIN_MS)
    await blobs.use(a.cid)
    later(1)
    await store(d)
    expect([await isWhole(a), await isWhole(d)]).toEqual([true, true])
    expect([await isWhole(b), await isWhole(c)].filter((each) => each)).toHaveLength(1)
  })

  it('costs no write for a blob that is asked for again and again', async () => {
    const blob = await blobOf(1)
    await store(blob)
    const { writes } = port.storage
    for (let i = 0; i < 20; i++) await blobs.use(blob.cid)
    expect(port.storage.writes).toBe(writes)
    later(BLOB_USE_GRAIN_MS)
    for (let i = 0; i < 20; i++) await blobs.use(blob.cid)
    await blobs.use(blob.cid)
    expect(port.storage.writes).toBeLessThanOrEqual(writes + 4)
  })

  it('is not spent on one blob that alone is larger: the tab answers for it', async () => {
    const [small, large] = await Promise.all([blobOf(1), blobOf(2, BUDGET + 1)])
    await store(small)
    await store(large)
    expect([await isWhole(small), await isWhole(large)]).toEqual([true, false])
    await expect(blobs.store(large, chunks(large.bytes.slice(1)))).rejects.toMatchObject({ error: 'BadBlob' })
  })

  it('is known again after a sleep, and counted once for blobs that were stored before there was one', async () => {
    const stored = await Promise.all([1, 2].map((seed) => blobOf(seed)))
    for (const blob of stored) await store(blob)
    expect((await open()).bytes).toBe(2 * SIZE)
    for (const key of port.storage.rows.keys()) if (key === BLOB_BYTES || /^[uw]:/.test(key)) port.storage.rows.delete(key)
    const { used: _, ...old } = port.storage.rows.get(blobKey(stored[0]!.cid)) as { used: number; at: number }
    port.storage.rows.set(blobKey(stored[0]!.cid), old)
    blobs = await open()
    expect(blobs.bytes).toBe(2 * SIZE)
    later(1)
    for (const seed of [3, 4, 5]) await store(await blobOf(seed))
    expect(await Promise.all(stored.map(isWhole))).toEqual([false, false])
    expect(blobs.bytes).toBe(BUDGET)
  })

  it('is looked at without listing what is stored, while there is room', async () => {
    const lists: string[] = []
    const list = port.storage.list.bind(port.storage)
    port.storage.list = (async (options: Parameters<MemoryStorage['list']>[0]) => {
      if (options.prefix === BLOB_USES) lists.push(options.prefix)
      return list(options)
    }) as MemoryStorage['list']
    for (const seed of [1, 2, 3]) await store(await blobOf(seed))
    expect(lists).toEqual([])
    await store(await blobOf(4))
    expect(lists).toEqual([BLOB_USES])
  })

  it('gets back what is released', async () => {
    const blob = await blobOf(1)
    await store(blob)
    const row = (await blobs.use(blob.cid))!
    const { put, delete: gone } = blobs.release(new Map([[blob.cid, row]]))
    await port.storage.put(put)
    await port.storage.delete(gone)
    expect(blobs.bytes).toBe(0)
    expect([...port.storage.rows]).toEqual([[BLOB_BYTES, 0]])
  })
})

describe('storing', () => {
  const keysStored = () => [...port.storage.rows.keys()].map((key) => key.slice(0, 2)).sort()

  it('is one write for a blob of a few pieces, and none for other bytes', async () => {
    const blob = await blobOf(1)
    await expect(blobs.store(blob, chunks(blob.bytes.slice(1)))).rejects.toMatchObject({ error: 'BadBlob' })
    expect(keysStored()).toEqual(['bl'])
    const { writes } = port.storage
    await store(blob)
    expect(port.storage.writes).toBe(writes + 1)
    expect(keysStored()).toEqual(['bl', 'm:', 'u:', 'w:', 'x:', 'x:'])
  })

  it('marks a longer one until it is whole, and what a crash left of it is dropped at the next start', async () => {
    port = new MemoryPort()
    blobs = await open()
    const blob = await blobOf(1, 20 * STORAGE_VALUE_BYTES)
    let goOn = (): void => {}
    const broken = async function* () {
      yield blob.bytes.slice(0, 17 * STORAGE_VALUE_BYTES)
      await new Promise<void>((resolve) => (goOn = resolve))
      yield blob.bytes.slice(17 * STORAGE_VALUE_BYTES)
    }
    const storing = blobs.store(blob, broken())
    await expect.poll(() => keysStored()).toEqual(['bl', ...Array<string>(16).fill('x:'), 'y:'])
    const crashed = new MemoryPort()
    for (const [key, row] of port.storage.rows) crashed.storage.rows.set(key, row)
    await (await Blobs.open(crashed, { inTurn: (work) => work(), keys: () => keys })).dropStaged()
    expect([...crashed.storage.rows]).toEqual([[BLOB_BYTES, 0]])
    goOn()
    await storing
    expect(keysStored()).toEqual(['bl', 'm:', 'u:', 'w:', ...Array<string>(20).fill('x:')])
  })

  it('does not wait for a commit that came before it, with a snapshot', async () => {
    const blob = await blobOf(1)
    await port.storage.put({ [keys.mention(blob.cid, 'a.b.c/d')]: 'rev' })
    await store(blob)
    expect(keysStored()).not.toContain('w:')
  })
})

describe('sweep', () => {
  it('drops what no record came to mention, and looks at nothing else', async () => {
    const [mentioned, forgotten] = (await Promise.all([1, 2].map((seed) => blobOf(seed)))) as [Blob, Blob]
    await store(mentioned)
    await store(forgotten)
    await port.storage.put({ [keys.mention(mentioned.cid, 'a.b.c/d')]: 'rev' })
    await blobs.sweep()
    expect(await isWhole(forgotten)).toBe(true)
    later(TEMPORARY_BLOB_TTL_MS + 1)
    await blobs.sweep()
    expect([await isWhole(mentioned), await isWhole(forgotten)]).toEqual([true, null])
    expect(blobs.bytes).toBe(SIZE)
    expect([...port.storage.rows.keys()].filter((key) => key.startsWith('w:'))).toEqual([])
  })
})

describe('keepPassing', () => {
  let evicted: Blob
  beforeEach(async () => {
    evicted = await blobOf(1)
    await store(evicted)
    later(1)
    for (const seed of [2, 3, 4]) await store(await blobOf(seed))
    later(1)
    expect(await isWhole(evicted)).toBe(false)
  })
  const answer = (bytes: Uint8Array<ArrayBuffer>) => new Response(bytes, { headers: { 'content-type': 'image/png' } })

  it('hands the tab’s answer on as it is, and has the blob again', async () => {
    const response = await blobs.keepPassing(evicted.cid, answer(evicted.bytes))
    expect(response.headers.get('content-type')).toBe('image/png')
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(evicted.bytes)
    await expect.poll(() => isWhole(evicted)).toBe(true)
    await expect.poll(() => blobs.bytes).toBe(BUDGET)
  })

  it('keeps nothing of other bytes, of an answer that breaks off, and of a client that leaves', async () => {
    const other = evicted.bytes.map((byte) => byte ^ 1)
    await (await blobs.keepPassing(evicted.cid, answer(other))).arrayBuffer()
    await (await blobs.keepPassing(evicted.cid, answer(evicted.bytes.slice(0, -1)))).arrayBuffer()
    const leaving = await blobs.keepPassing(evicted.cid, answer(evicted.bytes))
    await leaving.body!.cancel()
    await expect.poll(() => [...port.storage.rows.keys()].filter((key) => key.startsWith('y:'))).toEqual([])
    expect(await isWhole(evicted)).toBe(false)
    expect(blobs.bytes).toBe(BUDGET)
  })

  it('leaves alone what is no blob that had to go', async () => {
    const fresh = await blobOf(9)
    const response = answer(fresh.bytes)
    expect(await blobs.keepPassing(fresh.cid, response)).toBe(response)
  })

  it('stores it once, however many ask for it at the same time', async () => {
    const first = await blobs.keepPassing(evicted.cid, answer(evicted.bytes))
    const second = answer(evicted.bytes)
    expect(await blobs.keepPassing(evicted.cid, second)).toBe(second)
    await Promise.all([first.arrayBuffer(), second.arrayBuffer()])
    await expect.poll(() => isWhole(evicted)).toBe(true)
  })
})
