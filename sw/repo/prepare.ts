/** From what a client asks to what a commit can take: checked, encoded, hashed. Knows nothing of the state of the repo. */
import { CBOR_DATA_CODEC, type Cid, createCid, SHA256_HASH_CODE, type TypedBlobRef } from '@atproto/lex-data'
import { encode } from '@ipld/dag-cbor'
import { sha256 } from '@noble/hashes/sha2'
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_RECORD_BYTES, MAX_WRITES_PER_COMMIT } from '../../wire/limits.ts'
import type { ValidationStatus, Write } from './contract.ts'
import { nextTid } from './tid.ts'
import { checkPath, checkRecord } from './validation.ts'

export interface PreparedRecord {
  readonly cid: Cid
  /** Own buffer. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly blobs: readonly TypedBlobRef[]
  readonly validationStatus?: ValidationStatus
}

export interface PreparedWrite {
  readonly action: Write['action']
  readonly collection: string
  readonly rkey: string
  /** Key in the tree. */
  readonly path: string
  /** Absent for deletes. */
  readonly record?: PreparedRecord
  readonly swapRecord?: string | null
}

/** Synchronous, so that calls stand in line in the order they were made. @throws XrpcError 400 `InvalidRequest` */
export const prepareWrites = (writes: readonly Write[], validate: boolean | undefined, now: () => number): PreparedWrite[] => {
  if (writes.length > MAX_WRITES_PER_COMMIT) throw invalidRequest(`Too many writes: ${writes.length}, at most ${MAX_WRITES_PER_COMMIT}`)
  const prepared: PreparedWrite[] = []
  for (const write of writes) {
    const rkey = write.rkey ?? (lastKey = nextTid(lastKey, now()))
    checkPath(write.collection, rkey)
    prepared.push({
      action: write.action,
      collection: write.collection,
      rkey,
      path: `${write.collection}/${rkey}`,
      ...('record' in write && { record: prepareRecord(write, rkey, validate) }),
      ...('swapRecord' in write && write.swapRecord !== undefined && { swapRecord: write.swapRecord }),
    })
  }
  return prepared
}

/** Keys made here grow even within one microsecond, so that records keep the order they were written in. */
let lastKey: string | null = null

const prepareRecord = (write: Exclude<Write, { action: 'delete' }>, rkey: string, validate: boolean | undefined): PreparedRecord => {
  const { record, blobs, validationStatus } = checkRecord(write.collection, rkey, write.record, validate)
  const bytes = new Uint8Array(encode(record))
  if (bytes.length > MAX_RECORD_BYTES) throw invalidRequest(`Record is too large: ${bytes.length} bytes, at most ${MAX_RECORD_BYTES}`)
  return { cid: createCid(CBOR_DATA_CODEC, SHA256_HASH_CODE, sha256(bytes)), bytes, blobs, ...(validationStatus && { validationStatus }) }
}
