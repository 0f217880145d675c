/**
 * Records that come together, by an import or in one large commit, lie many to a row, in the order of their keys: rows cost time, bytes hardly do. A record
 * is in a pack or has a row of its own, never both: whoever writes it again takes it out of its pack, so packs only shrink, and no two overlap.
 * `records.ts` reads packs and rows as one.
 *
 * A pack is one byte array, because an object of many strings costs more to clone than to store:
 * number of records and length of the names (32 bits each) · where each record ends (32 bits each) · CIDs (36 bytes each) · names · records.
 * The names are rev, key of the first record when the pack was made, and the keys, with `/` between them, which is in none of them.
 */
import type { IDBPObjectStore, StoreNames } from 'idb'
import { base32 } from 'multiformats/bases/base32'
import { concat } from '../../wire/bytes.ts'
import { RECORD_PACK_BYTES, RECORD_PACK_RECORDS } from '../../wire/limits.ts'
import type { Head, PodDatabase, RecordPackRow, RecordRow } from './schema.ts'

/** CIDv1, dag-cbor, sha-256: 4 bytes of prefix and the digest (https://atproto.com/specs/data-model#link-and-cid-formats). */
export const CID_BYTES = 36
export const CID_PREFIX = [0x01, 0x71, 0x12, 0x20] as const
const WORD_BYTES = 4

export interface RecordPack {
  readonly collection: string
  /** The pack's name, even after that record left. */
  readonly first: string
  readonly rev: string
  readonly rkeys: readonly string[]
  /** In binary, one behind the other. */
  readonly cids: Uint8Array<ArrayBuffer>
  /** Where each record ends in `bytes`. */
  readonly ends: Uint32Array<ArrayBuffer> | readonly number[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

export const encodePack = ({ first, rev, rkeys, cids, ends, bytes }: RecordPack): RecordPackRow => {
  const names = utf8.encode([rev, first, ...rkeys].join('/'))
  const endsAt = 2 * WORD_BYTES
  const cidsAt = endsAt + rkeys.length * WORD_BYTES
  const namesAt = cidsAt + cids.length
  const row = new Uint8Array(namesAt + names.length + bytes.length)
  new Uint32Array(row.buffer, 0, 2).set([rkeys.length, names.length])
  new Uint32Array(row.buffer, endsAt, rkeys.length).set(ends)
  row.set(cids, cidsAt)
  row.set(names, namesAt)
  row.set(bytes, namesAt + names.length)
  return row
}

/** Views on the row. */
export const decodePack = (collection: string, row: RecordPackRow): RecordPack => {
  const { buffer } = row
  const [count = 0, nameBytes = 0] = new Uint32Array(buffer, 0, 2)
  const cidsAt = (2 + count) * WORD_BYTES
  const namesAt = cidsAt + count * CID_BYTES
  const [rev = '', first = '', ...rkeys] = ascii.decode(row.subarray(namesAt, namesAt + nameBytes)).split('/')
  return {
    collection,
    first,
    rev,
    rkeys,
    cids: row.subarray(cidsAt, namesAt),
    ends: new Uint32Array(buffer, 2 * WORD_BYTES, count),
    bytes: row.subarray(namesAt + nameBytes),
  }
}

const utf8 = new TextEncoder()
const ascii = new TextDecoder()

type PackStore = IDBPObjectStore<PodDatabase, Array<StoreNames<PodDatabase>>, 'recordPacks', IDBTransactionMode>
type WritablePackStore = IDBPObjectStore<PodDatabase, Array<StoreNames<PodDatabase>>, 'recordPacks', 'readwrite'>

/** Generation of the packs to look into; null where there are none. */
export type PacksOf = number | null

export const packsOf = (head: Head | null): PacksOf => (head?.packed ? (head.generation ?? 0) : null)

/** All packs of a collection from the one with `first` on, or up to it. */
export const packRange = (generation: number, collection: string, bounds: { from?: string; upTo?: string } = {}): IDBKeyRange =>
  // In IndexedDB's order an array comes after every string.
  IDBKeyRange.bound([generation, collection, bounds.from ?? ''], [generation, collection, bounds.upTo ?? []])

/** The pack that has the record, if any pack has. */
export const readPackOf = async (
  packs: PackStore,
  generation: number,
  collection: string,
  rkey: string,
): Promise<RecordPack | undefined> => {
  const cursor = await packs.openCursor(packRange(generation, collection, { upTo: rkey }), 'prev')
  return cursor ? decodePack(collection, cursor.value) : undefined
}

export const recordOfPack = (pack: RecordPack, at: number): RecordRow | undefined => {
  const rkey = pack.rkeys[at]
  if (rkey === undefined) return undefined
  return {
    collection: pack.collection,
    rkey,
    cid: base32.encode(pack.cids.subarray(at * CID_BYTES, (at + 1) * CID_BYTES)),
    bytes: pack.bytes.subarray(pack.ends[at - 1] ?? 0, pack.ends[at]),
    rev: pack.rev,
  }
}

export const recordsOfPack = (pack: RecordPack): RecordRow[] => pack.rkeys.flatMap((_, at) => recordOfPack(pack, at) ?? [])

/**
 * Takes records out of their packs, each pack rewritten once. @returns what was taken out; records that no pack has are left out.
 */
export const takeFromPacks = async (
  packs: WritablePackStore,
  generation: number,
  records: ReadonlyArray<{ readonly collection: string; readonly rkey: string }>,
): Promise<RecordRow[]> => {
  const taken = new Map<string, { readonly pack: RecordPack; readonly places: Set<number> }>()
  const found = await readPacksOf(packs, generation, records)
  for (const [index, { rkey }] of records.entries()) {
    const pack = found[index]
    const at = pack ? pack.rkeys.indexOf(rkey) : -1
    if (!pack || at < 0) continue
    const id = `${pack.collection}/${pack.first}`
    const entry = taken.get(id) ?? { pack, places: new Set() }
    entry.places.add(at)
    taken.set(id, entry)
  }
  for (const { pack, places } of taken.values()) {
    const key: [number, string, string] = [generation, pack.collection, pack.first]
    if (places.size < pack.rkeys.length) await packs.put(encodePack(withoutPlaces(pack, places)), key)
    else await packs.delete(key)
  }
  return Array.from(taken.values()).flatMap(({ pack, places }) => Array.from(places).flatMap((at) => recordOfPack(pack, at) ?? []))
}

/** Like `readPackOf` for each of them, but each pack is read once. */
const readPacksOf = async (
  packs: WritablePackStore,
  generation: number,
  records: ReadonlyArray<{ readonly collection: string; readonly rkey: string }>,
): Promise<Array<RecordPack | undefined>> => {
  const [only] = records
  if (only && records.length === 1) return [await readPackOf(packs, generation, only.collection, only.rkey)]
  const names = await Promise.all(
    records.map(
      async ({ collection, rkey }) => (await packs.openKeyCursor(packRange(generation, collection, { upTo: rkey }), 'prev'))?.key,
    ),
  )
  const rows = new Map<string, Promise<RecordPack | undefined>>()
  const packOf = (name: [number, string, string]): Promise<RecordPack | undefined> => {
    const id = name.join('/')
    const pack = rows.get(id) ?? packs.get(name).then((row) => row && decodePack(name[1], row))
    rows.set(id, pack)
    return pack
  }
  return Promise.all(names.map((name) => (name ? packOf(name) : undefined)))
}

/**
 * Puts new records of one collection into packs, where no pack lies between them already. @returns whether it did.
 */
export const putInPacks = async (packs: WritablePackStore, generation: number, records: readonly RecordRow[]): Promise<boolean> => {
  const sorted = records.toSorted((a, b) => (a.rkey < b.rkey ? -1 : 1))
  const [first, last] = [sorted[0], sorted.at(-1)]
  if (!first || !last) return true
  const near = await readPackOf(packs, generation, first.collection, last.rkey)
  if (near && (near.first >= first.rkey || (near.rkeys.at(-1) ?? '') >= first.rkey)) return false
  const requests: Array<Promise<unknown>> = []
  for (let from = 0; from < sorted.length;) {
    let to = from
    for (let size = 0; to < sorted.length && to - from < RECORD_PACK_RECORDS; to += 1) {
      size += sorted[to]?.bytes.length ?? 0
      if (to > from && size > RECORD_PACK_BYTES) break
    }
    const pack = packOfRows(sorted.slice(from, to))
    requests.push(packs.put(encodePack(pack), [generation, pack.collection, pack.first]))
    from = to
  }
  await Promise.all(requests)
  return true
}

const packOfRows = (rows: readonly RecordRow[]): RecordPack => {
  let end = 0
  return {
    collection: rows[0]?.collection ?? '',
    first: rows[0]?.rkey ?? '',
    rev: rows[0]?.rev ?? '',
    rkeys: rows.map(({ rkey }) => rkey),
    cids: concat(rows.map(({ cid }) => base32.decode(cid))),
    ends: rows.map(({ bytes }) => (end += bytes.length)),
    bytes: concat(rows.map(({ bytes }) => bytes)),
  }
}

const withoutPlaces = (pack: RecordPack, places: ReadonlySet<number>): RecordPack => {
  const kept = pack.rkeys.flatMap((_, at) => (places.has(at) ? [] : [at]))
  const size = kept.reduce((sum, at) => sum + (pack.ends[at] ?? 0) - (pack.ends[at - 1] ?? 0), 0)
  const bytes = new Uint8Array(size)
  const cids = new Uint8Array(kept.length * CID_BYTES)
  const ends: number[] = []
  let end = 0
  for (const [place, at] of kept.entries()) {
    const record = pack.bytes.subarray(pack.ends[at - 1] ?? 0, pack.ends[at])
    bytes.set(record, end)
    cids.set(pack.cids.subarray(at * CID_BYTES, (at + 1) * CID_BYTES), place * CID_BYTES)
    ends.push((end += record.length))
  }
  return { ...pack, rkeys: kept.flatMap((at) => pack.rkeys[at] ?? []), cids, ends, bytes }
}
