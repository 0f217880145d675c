/** The records of an import on their way into packs: read in key order, each checked once. */
import { enumBlobRefs, isLexMap, type LexMap } from '@atproto/lex-data'
import { decode } from '@ipld/dag-cbor'
import { IMPORT_BATCH_BYTES, MAX_RECORD_BYTES, RECORD_PACK_BYTES, RECORD_PACK_RECORDS } from '../../wire/limits.ts'
import { concat } from '../../wire/bytes.ts'
import type { Mention } from '../store/generation.ts'
import type { RecordPack } from '../store/packs.ts'
import { invalidRepo, type Leaves } from './import-tree.ts'
import { isPlainRecord } from './record-scan.ts'
import type { Staging } from './staging.ts'

export interface RecordBatch {
  readonly packs: readonly RecordPack[]
  /** Blobs that the records of the batch mention. */
  readonly mentions: readonly Mention[]
  /** Records up to and including this batch. */
  readonly records: number
}

/** @throws XrpcError 400 `InvalidRepo` */
export async function* packRecords(staging: Staging, leaves: Leaves, rev: string): AsyncGenerator<RecordBatch> {
  for (let from = 0; from < leaves.keys.length;) {
    const to = batchEnd(staging, leaves, from)
    const blocks = await staging.readAll(leaves.places.slice(from, to))
    const packs: RecordPack[] = []
    const mentions: Mention[] = []
    let packer: Packer | null = null
    for (let at = from; at < to; at += 1) {
      const [collection = '', rkey = ''] = (leaves.keys[at] ?? '').split('/')
      const bytes = blocks[at - from] ?? new Uint8Array(0)
      for (const cid of blobsOf(leaves.keys[at] ?? '', bytes)) mentions.push({ cid, collection, rkey })
      if (packer && !packer.takes(collection, bytes)) {
        packs.push(packer.pack(rev))
        packer = null
      }
      packer ??= new Packer(collection)
      packer.add(rkey, staging.cid(leaves.places[at] ?? 0), bytes)
    }
    if (packer) packs.push(packer.pack(rev))
    from = to
    yield { packs, mentions, records: to }
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

class Packer {
  readonly #collection: string
  readonly #rkeys: string[] = []
  readonly #cids: Uint8Array[] = []
  readonly #records: Uint8Array[] = []
  #size = 0

  constructor(collection: string) {
    this.#collection = collection
  }

  takes(collection: string, bytes: Uint8Array): boolean {
    return collection === this.#collection && this.#rkeys.length < RECORD_PACK_RECORDS && this.#size + bytes.length <= RECORD_PACK_BYTES
  }

  add(rkey: string, cid: Uint8Array, bytes: Uint8Array): void {
    this.#rkeys.push(rkey)
    this.#cids.push(cid)
    this.#records.push(bytes)
    this.#size += bytes.length
  }

  pack(rev: string): RecordPack {
    let end = 0
    return {
      collection: this.#collection,
      first: this.#rkeys[0] ?? '',
      rkeys: this.#rkeys,
      cids: concat(this.#cids),
      ends: this.#records.map((bytes) => (end += bytes.length)),
      bytes: concat(this.#records),
      rev,
    }
  }
}
