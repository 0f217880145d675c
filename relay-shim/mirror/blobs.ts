/** The mirror's copies of blobs, cut into pieces while they stream in, served whole or in ranges. */
import { sha256 } from '@noble/hashes/sha2'
import { MAX_BLOB_BYTES, STORAGE_VALUE_BYTES, TEMPORARY_BLOB_TTL_MS } from '../../wire/limits.ts'
import type { RoomPort, RoomStorage } from '../port.ts'
import { Refused } from '../refused.ts'
import { cidOfDigest } from './cid.ts'
import { type GenerationKeys, blobKey, blobPieceKey, stagedBlobKey } from './keys.ts'
import { type BlobRow, blobKeys } from './plan.ts'

export interface BlobDeclaration {
  readonly cid: string
  readonly mime: string
  /** Bytes. */
  readonly size: number
}

/** Only the last write makes the blob visible; what an interrupted one left behind is swept. @throws Refused BadBlob | BlobTooLarge */
export const storeBlob = async (port: RoomPort, blob: BlobDeclaration, body: AsyncIterable<Uint8Array>): Promise<void> => {
  const { storage } = port
  if (blob.size > MAX_BLOB_BYTES) throw new Refused('BlobTooLarge', `The blob has ${blob.size} bytes; the limit is ${MAX_BLOB_BYTES}.`)
  const pieces = Math.ceil(blob.size / STORAGE_VALUE_BYTES)
  const row: BlobRow = { mime: blob.mime, size: blob.size, pieces, at: port.now() }
  const known = await storage.get<BlobRow>(blobKey(blob.cid))
  if (!known) await storage.put({ [stagedBlobKey(blob.cid)]: row })
  const hash = sha256.create()
  let size = 0
  let piece = 0
  let buffer = new Uint8Array(Math.min(STORAGE_VALUE_BYTES, blob.size))
  let filled = 0
  try {
    for await (const chunk of body) {
      size += chunk.length
      if (size > blob.size) break
      hash.update(chunk)
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + buffer.length - filled)
        buffer.set(part, filled)
        filled += part.length
        at += part.length
        if (filled < buffer.length) continue
        // Stored already: the bytes are only checked, so that a wrong repetition cannot spoil them.
        if (!known) await storage.put({ [blobPieceKey(blob.cid, piece)]: buffer })
        piece += 1
        filled = 0
        buffer = new Uint8Array(Math.min(STORAGE_VALUE_BYTES, Math.max(0, blob.size - piece * STORAGE_VALUE_BYTES)))
      }
    }
    if (size !== blob.size) throw new Refused('BadBlob', `The blob was announced with ${blob.size} bytes; ${size} came.`)
    if (cidOfDigest(hash.digest(), 'raw') !== blob.cid) throw new Refused('BadBlob', `The bytes are not those of ${blob.cid}.`)
  } catch (cause) {
    if (!known) await storage.delete([stagedBlobKey(blob.cid), ...blobKeys(blob.cid, row)])
    throw cause
  }
  if (!known) await Promise.all([storage.put({ [blobKey(blob.cid)]: row }), storage.delete([stagedBlobKey(blob.cid)])])
}

/** Bytes `from` to `to` (exclusive), read piece by piece as the reader asks. */
export const blobStream = (storage: RoomStorage, cid: string, from: number, to: number): ReadableStream<Uint8Array> => {
  let at = from
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      if (at < to) {
        const piece = Math.floor(at / STORAGE_VALUE_BYTES)
        const bytes = await storage.get<Uint8Array<ArrayBuffer>>(blobPieceKey(cid, piece))
        // Released while it was being read: an honest end is better than a body that stops short and looks whole.
        if (!bytes) return controller.error(new Error(`blob ${cid} was released`))
        const start = piece * STORAGE_VALUE_BYTES
        controller.enqueue(bytes.slice(at - start, to - start))
        at = start + bytes.length
      }
      if (at >= to) controller.close()
    },
  })
}

/** Drops what interrupted uploads left, and blobs that no record came to mention. */
export const sweepBlobs = async (port: RoomPort, keys: GenerationKeys): Promise<void> => {
  const { storage } = port
  const staged = await storage.list<BlobRow>({ prefix: stagedBlobKey('') })
  for (const [key, row] of staged) await storage.delete([key, ...blobKeys(key.slice(stagedBlobKey('').length), row)])
  await storage.delete(await unmentionedBlobs(storage, keys, port.now()))
}

/** Keys of the blobs that no record mentions, the ones that came lately excepted: their commit may be on its way. */
export const unmentionedBlobs = async (storage: RoomStorage, keys: GenerationKeys, nowMs: number): Promise<string[]> => {
  const found: string[] = []
  for (const [key, row] of await storage.list<BlobRow>({ prefix: blobKey('') })) {
    const cid = key.slice(blobKey('').length)
    if (row.at > nowMs - TEMPORARY_BLOB_TTL_MS) continue
    const mentions = await storage.list({ prefix: keys.mention(cid, ''), limit: 1 })
    if (mentions.size === 0) found.push(...blobKeys(cid, row))
  }
  return found
}
