/** Blobs: streamed in, hashed on the way, temporary until a record mentions them. @see https://atproto.com/specs/blob */
import { cidForRawHash } from '@atproto/lex-data'
import { sha256 } from '@noble/hashes/sha2'
import { concat } from '../../wire/bytes.ts'
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
      const { digest, start, parts, size } = await receive(body, maxBytes, declared.length)
      if (declared.length !== undefined && declared.length !== size) {
        throw invalidRequest(`Content-Length said ${declared.length} bytes, but ${size} came`)
      }
      const mime = sniffMime(start) ?? (declared.mime || 'application/octet-stream')
      if (declared.types && !admitsType(declared.types, mime))
        throw new XrpcError(415, 'UnsupportedMediaType', `This server takes no ${mime}`)
      declared.assertType?.(mime)
      const bytes = new Blob([...parts], { type: mime })
      const cid = String(cidForRawHash(new Uint8Array(await digest)))
      const row = await putBlob(store, { cid, mime, size, createdAt: now(), bytes }, quota())
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
  /** Still being computed, while the browser takes the bytes. */
  readonly digest: Promise<ArrayBuffer> | Uint8Array
  /** The first bytes, for sniffing. */
  readonly start: Uint8Array
  readonly parts: ReadonlyArray<Blob | Uint8Array<ArrayBuffer>>
  readonly size: number
}

/**
 * What ends within one part is hashed by the platform, ten times faster than here; it takes nothing in pieces
 * (https://github.com/w3c/webcrypto/issues/73), so that what is longer is hashed here, as it comes. Parts become Blobs: the browser keeps those outside
 * of the worker's heap, on disk when they are large.
 */
const receive = async (body: ReadableStream<Uint8Array>, maxBytes: number, length = 0): Promise<Received> => {
  const hash = sha256.create()
  const parts: Blob[] = []
  let start = new Uint8Array(0)
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  let size = 0
  let isLong = length > BLOB_PART_BYTES
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (value) {
      size += value.length
      if (size > maxBytes) {
        await reader.cancel()
        throw tooLarge(maxBytes)
      }
      gathered.push(value)
      gatheredBytes += value.length
      if (isLong) hash.update(value)
    }
    if (!done && gatheredBytes < BLOB_PART_BYTES) continue
    const part = concat(gathered)
    if (parts.length === 0) start = part.slice(0, SNIFFED_BYTES)
    if (!isLong && done) return { digest: crypto.subtle.digest('SHA-256', part), start, parts: [part], size }
    if (!isLong) hash.update(part)
    isLong = true
    parts.push(new Blob([part]))
    if (done) return { digest: hash.digest(), start, parts, size }
    gathered = []
    gatheredBytes = 0
  }
}

const tooLarge = (maxBytes: number): XrpcError => new XrpcError(413, 'BlobTooLarge', `A blob may have at most ${maxBytes} bytes`)
