import { expect, it } from 'vitest'
import { STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { serveBlob } from './blob-answer.ts'
import { Blobs } from './blobs.ts'
import { cidOfDigest } from './cid.ts'
import { blobPieceKey, generationKeys } from './keys.ts'

const SIZE = 20 * STORAGE_VALUE_BYTES + 1000

const stored = async () => {
  const port = new MemoryPort()
  const blobs = await Blobs.open(port, { inTurn: (work) => work(), keys: () => generationKeys(0) })
  const bytes = Uint8Array.from({ length: SIZE }, (_, at) => at % 251)
  const cid = cidOfDigest(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), 'raw')
  await blobs.store({ cid, mime: 'image/png', size: SIZE }, chunks(bytes))
  const row = (await blobs.use(cid))!
  const ask = (range?: string) => serveBlob(port.storage, cid, row, new Request('https://pod.example', { headers: range ? { range } : {} }))
  return { port, cid, bytes, ask }
}

async function* chunks(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.slice(at, at + 100_000)
}

it('reads a blob byte by byte, by one look at storage or by several', async () => {
  const { bytes, ask } = await stored()
  const last = SIZE - 1
  for (const [from, to] of [
    [0, last],
    [1, last - 1],
    [STORAGE_VALUE_BYTES, 10 * STORAGE_VALUE_BYTES - 1],
    [STORAGE_VALUE_BYTES - 1, 10 * STORAGE_VALUE_BYTES - 2],
    [STORAGE_VALUE_BYTES - 1, 10 * STORAGE_VALUE_BYTES - 1],
    [9 * STORAGE_VALUE_BYTES, 9 * STORAGE_VALUE_BYTES],
    [last, last],
  ] as const) {
    const response = (await ask(`bytes=${from}-${to}`))!
    expect(response.headers.get('content-length')).toBe(String(to + 1 - from))
    expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes.subarray(from, to + 1))).toBe(0)
  }
})

it('leaves a blob that was released meanwhile to others, and breaks off where it was released midway', async () => {
  const { port, cid, ask } = await stored()
  await port.storage.delete([blobPieceKey(cid, 2)])
  expect(await ask('bytes=0-500000')).toBeNull()
  await expect((await ask())!.arrayBuffer()).rejects.toThrow('was released')
})
