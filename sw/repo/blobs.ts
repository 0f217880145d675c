/** Blobs: streamed in, hashed on the way, temporary until a record mentions them. @see https://atproto.com/specs/blob */
import { cidForRawHash } from '@atproto/lex-data'
import { sha256 } from '@noble/hashes/sha2'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { BLOB_PART_BYTES, BLOB_QUOTA_BYTES, MAX_BLOB_BYTES, TEMPORARY_BLOB_TTL_MS } from '../../wire/limits.ts'
import { admitsType } from '../../wire/settings.ts'
import { readUsage } from '../store/blob-usage.ts'
import { countMentions, listMissingBlobs, listReferencedBlobs, putBlob, readBlob, sweepTemporaryBlobs } from '../store/blobs.ts'
import type { Store } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import type { BlobService } from './contract.ts'
import { SNIFFED_BYTES, sniffMime } from './mime.ts'

export const blobService = (store: Store, now: () => number = Date.now, quota: () => number = () => BLOB_QUOTA_BYTES): BlobService => {
  const listeners = new Set<(cid: string) => void>()
  return {
    async upload(body, declared) {
      const { maxBytes = MAX_BLOB_BYTES } = declared
      if ((declared.length ?? 0) > maxBytes) {
        await body.cancel()
        throw tooLarge(maxBytes)
      }
      // Counted once, so that the transaction that stores it can hold it against the quota.
      await readUsage(store)
      const { digest, start, parts, size } = await receive(body, maxBytes)
      if (declared.length !== undefined && declared.length !== size) {
        throw invalidRequest(`Content-Length said ${declared.length} bytes, but ${size} came`)
      }
      const mime = sniffMime(start) ?? (declared.mime || 'application/octet-stream')
      if (declared.types && !admitsType(declared.types, mime))
        throw new XrpcError(415, 'UnsupportedMediaType', `This server takes no ${mime}`)
      const cid = String(cidForRawHash(digest))
      const row = await putBlob(store, { cid, mime, size, createdAt: now(), bytes: new Blob([...parts], { type: mime }) }, quota())
      if (row.rev !== undefined) for (const listener of listeners) listener(cid)
      return { cid, mime: row.mime, size }
    },
    async get(cid) {
      return (await readBlob(store, cid)) ?? null
    },
    async list(options) {
      const cids = await listReferencedBlobs(store, options)
      const last = cids.at(-1)
      return { cids, ...(last !== undefined && cids.length === options.limit && { cursor: last }) }
    },
    async totals() {
      const { count, bytes } = await readUsage(store)
      return { count, bytes }
    },
    async missing(options) {
      const [blobs, identity] = await Promise.all([listMissingBlobs(store, options), readPod(store, 'identity')])
      const last = blobs.at(-1)
      return {
        blobs: blobs.map(({ cid, collection, rkey }) => ({ cid, recordUri: `at://${identity?.did}/${collection}/${rkey}` })),
        ...(last && blobs.length === options.limit && { cursor: last.cid }),
      }
    },
    counts: () => countMentions(store),
    sweep: (at) => sweepTemporaryBlobs(store, at - TEMPORARY_BLOB_TTL_MS),
    onExpected(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

interface Received {
  readonly digest: Uint8Array
  /** The first bytes, for sniffing. */
  readonly start: Uint8Array
  readonly parts: readonly Blob[]
  readonly size: number
}

/** Chunks become Blobs as they come: the browser keeps those outside of the worker's heap, on disk when they are large. */
const receive = async (body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Received> => {
  const hash = sha256.create()
  const start = new Uint8Array(SNIFFED_BYTES)
  const parts: Blob[] = []
  let chunks: Array<Uint8Array<ArrayBuffer>> = []
  let chunkBytes = 0
  let size = 0
  const reader = body.getReader()
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const chunk = read.value
    if (size < SNIFFED_BYTES) start.set(chunk.subarray(0, SNIFFED_BYTES - size), size)
    size += chunk.length
    if (size > maxBytes) {
      await reader.cancel()
      throw tooLarge(maxBytes)
    }
    hash.update(chunk)
    chunks.push(chunk.slice())
    chunkBytes += chunk.length
    if (chunkBytes < BLOB_PART_BYTES) continue
    parts.push(new Blob(chunks))
    chunks = []
    chunkBytes = 0
  }
  if (chunkBytes > 0) parts.push(new Blob(chunks))
  return { digest: hash.digest(), start: start.subarray(0, Math.min(size, SNIFFED_BYTES)), parts, size }
}

const tooLarge = (maxBytes: number): XrpcError => new XrpcError(413, 'BlobTooLarge', `A blob may have at most ${maxBytes} bytes`)
