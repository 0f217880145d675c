/** The records of an import on their way into packs: read in key order, each checked once. */
import { enumBlobRefs, isLexMap, type LexMap } from '@atproto/lex-data'
import { decode } from '@ipld/dag-cbor'
import { release } from '../../wire/bytes.ts'
import { IMPORT_BATCH_BYTES, MAX_RECORD_BYTES, RECORD_PACK_BYTES, RECORD_PACK_RECORDS } from '../../wire/limits.ts'
import type { Mention } from '../store/generation.ts'
import { CID_BYTES, CID_PREFIX, type RecordPack } from '../store/packs.ts'
import { invalidRepo, type Leaves } from './import-tree.ts'
import { isPlainRecord } from './record-scan.ts'
import type { Place, Staging } from './staging.ts'

export interface RecordBatch {
  readonly packs: readonly RecordPack[]
  /** Blobs that the records of the batch mention. */
  readonly mentions: readonly Mention[]
  /** Records up to and including this batch. */
  readonly records: number
}

/** A batch is good until the next is asked for. @throws XrpcError 400 `InvalidRepo` */
export async function* packRecords(staging: Staging, leaves: Leaves, rev: string): AsyncGenerator<RecordBatch> {
  for (let from = 0; from < leaves.keys.length;) {
    const to = batchEnd(staging, leaves, from)
    const places = leaves.places.slice(from, to)
    const bytes = await staging.readAll(places)
    const packs: RecordPack[] = []
    const mentions: Mention[] = []
    let pack = new Packer('', 0)
    let end = 0
    for (const [at, place] of places.entries()) {
      const key = leaves.keys[from + at] ?? ''
      const [collection = '', rkey = ''] = key.split('/')
      const start = end
      end += staging.length(place)
      for (const cid of blobsOf(key, bytes.subarray(start, end))) mentions.push({ cid, collection, rkey })
      if (!pack.takes(collection, end)) {
        if (!pack.isEmpty) packs.push(pack.take(staging, bytes, rev))
        pack = new Packer(collection, start)
      }
      pack.add(rkey, place, end)
    }
    packs.push(pack.take(staging, bytes, rev))
    from = to
    yield { packs, mentions, records: to }
    release(bytes)
  }
}

const batchEnd = (staging: Staging, { keys, places }: Leaves, from: number): number => {
  let to = from
  for (let size = 0; to < keys.length && (to === from || size < IMPORT_BATCH_BYTES); to += 1) size += staging.length(places[to] ?? 0)
  return to
}

/** The reference takes records with the legacy form of blobs, which old accounts have. */
const blobsOf = (key: string, bytes: Uint8Array): ReadonlySet<string> => {
  if (bytes.length > MAX_RECORD_BYTES) throw invalidRepo(`the record ${key} is too large`)
  if (isPlainRecord(bytes)) return NO_BLOBS
  const record = decodeRecord(key, bytes)
  const cids = new Set<string>()
  for (const blob of enumBlobRefs(record, { strict: false, allowLegacy: true })) cids.add(String('ref' in blob ? blob.ref : blob.cid))
  return cids
}

const NO_BLOBS: ReadonlySet<string> = new Set()

const decodeRecord = (key: string, bytes: Uint8Array): LexMap => {
  let record: unknown
  try {
    record = decode(bytes)
  } catch {
    throw invalidRepo(`the record ${key} is not DAG-CBOR`)
  }
  if (!isLexMap(record)) throw invalidRepo(`the record ${key} is not of the AT Protocol data model`)
  return record
}

/** Neighbours in the batch, so that their bytes are one piece of it. */
class Packer {
  readonly #collection: string
  readonly #start: number
  readonly #rkeys: string[] = []
  readonly #places: Place[] = []
  readonly #ends: number[] = []

  constructor(collection: string, start: number) {
    this.#collection = collection
    this.#start = start
  }

  get isEmpty(): boolean {
    return this.#rkeys.length === 0
  }

  takes(collection: string, end: number): boolean {
    if (this.isEmpty) return collection === this.#collection
    return collection === this.#collection && this.#rkeys.length < RECORD_PACK_RECORDS && end - this.#start <= RECORD_PACK_BYTES
  }

  add(rkey: string, place: Place, end: number): void {
    this.#rkeys.push(rkey)
    this.#places.push(place)
    this.#ends.push(end - this.#start)
  }

  take(staging: Staging, batch: Uint8Array<ArrayBuffer>, rev: string): RecordPack {
    const cids = new Uint8Array(this.#places.length * CID_BYTES)
    for (const [at, place] of this.#places.entries()) {
      cids.set(CID_PREFIX, at * CID_BYTES)
      cids.set(staging.digest(place), at * CID_BYTES + CID_PREFIX.length)
    }
    return {
      collection: this.#collection,
      first: this.#rkeys[0] ?? '',
      rev,
      rkeys: this.#rkeys,
      cids,
      ends: this.#ends,
      bytes: batch.subarray(this.#start, this.#start + (this.#ends.at(-1) ?? 0)),
    }
  }
}
