/**
 * Imported records lie many to a row, in the order of their keys: rows cost time, bytes hardly do. A record is in a pack or has a row of its own, never
 * both: whoever writes it takes it out of its pack, so packs only shrink. `records.ts` reads both as one.
 */
import type { IDBPObjectStore, StoreNames } from 'idb'
import { base32 } from 'multiformats/bases/base32'
import type { PodDatabase, RecordPackRow, RecordRow } from './schema.ts'

/** CIDv1, dag-cbor, sha-256: 4 bytes of prefix and the digest (https://atproto.com/specs/data-model#link-and-cid-formats). */
export const CID_BYTES = 36

type PackStore = IDBPObjectStore<PodDatabase, Array<StoreNames<PodDatabase>>, 'recordPacks', IDBTransactionMode>
type WritablePackStore = IDBPObjectStore<PodDatabase, Array<StoreNames<PodDatabase>>, 'recordPacks', 'readwrite'>

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
): Promise<RecordPackRow | undefined> => (await packs.openCursor(packRange(generation, collection, { upTo: rkey }), 'prev'))?.value

export const recordOfPack = (pack: RecordPackRow, at: number): RecordRow | undefined => {
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

export const recordsOfPack = (pack: RecordPackRow): RecordRow[] => pack.rkeys.flatMap((_, at) => recordOfPack(pack, at) ?? [])

/**
 * Takes records out of their packs, each pack rewritten once. @returns what was taken out; records that no pack has are left out.
 */
export const takeFromPacks = async (
  packs: WritablePackStore,
  generation: number,
  records: ReadonlyArray<{ readonly collection: string; readonly rkey: string }>,
): Promise<RecordRow[]> => {
  const taken = new Map<string, { readonly pack: RecordPackRow; readonly places: Set<number> }>()
  for (const { collection, rkey } of records) {
    const pack = await readPackOf(packs, generation, collection, rkey)
    const at = pack ? pack.rkeys.indexOf(rkey) : -1
    if (!pack || at < 0) continue
    const id = `${pack.collection}/${pack.first}`
    const entry = taken.get(id) ?? { pack, places: new Set() }
    entry.places.add(at)
    taken.set(id, entry)
  }
  for (const { pack, places } of taken.values()) {
    if (places.size < pack.rkeys.length) await packs.put(withoutPlaces(pack, places))
    else await packs.delete([generation, pack.collection, pack.first])
  }
  return Array.from(taken.values()).flatMap(({ pack, places }) => Array.from(places).flatMap((at) => recordOfPack(pack, at) ?? []))
}

const withoutPlaces = (pack: RecordPackRow, places: ReadonlySet<number>): RecordPackRow => {
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
