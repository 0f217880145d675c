/** Storage keys of the mirror; `docs/storage.md`, "The room", says what lies under each. */
import { concat } from '../../wire/bytes.ts'
import type { RoomStorage, StorageValue } from '../port.ts'
import { STORAGE_BATCH_KEYS, STORAGE_VALUE_BYTES } from '../../wire/limits.ts'

export type Rows = Record<string, StorageValue>

/**
 * Keys of one generation of the mirror. A snapshot is built as a new generation beside the old one, and takes its place by one write of `head`.
 */
export const generationKeys = (generation: number) => ({
  all: ['b', 'n', 'r', 'g', 'f', 'l', 'p', 'i', 'd'].map((kind) => `${kind}:${generation}:`),
  block: (cid: string) => `b:${generation}:${cid}`,
  /** How many records are this block, where it is more than one. */
  uses: (cid: string) => `n:${generation}:${cid}`,
  record: (path: string) => `r:${generation}:${path}`,
  /** Blobs a record mentions, for when it goes. */
  blobsOf: (path: string) => `g:${generation}:${path}`,
  /** Records that mention a blob. */
  mention: (blob: string, path: string) => `f:${generation}:${blob}/${path}`,
  /** A blob that records mention and that never came. */
  lacking: (blob: string) => `l:${generation}:${blob}`,
  allLacking: `l:${generation}:`,
  /** Blocks of the snapshot, many in a row. */
  pack: (pack: number) => `p:${generation}:${String(pack).padStart(5, '0')}`,
  allPacks: `p:${generation}:`,
  packIndex: `i:${generation}:`,
  /** What commits took out of a pack. */
  removed: (pack: number) => `d:${generation}:${pack}`,
  allRemoved: `d:${generation}:`,
})

export type GenerationKeys = ReturnType<typeof generationKeys>

export const HEAD = 'head'
export const IDENTITY = 'identity'
export const DOCUMENTS = 'documents'
export const ACCOUNT = 'account'
export const LAST_EVENT = 'event'
/** Generations to be deleted: an unfinished snapshot, or what a finished one replaced. */
export const DISCARDED = 'discarded'

/** Sequence numbers that events of the tab got, and what they were, for repetitions. */
export const ACCEPTED = 'a:'
export const acceptedKey = (event: number): string => ACCEPTED + padded(event)
export const eventKey = (seq: number): string => `e:${padded(seq)}`
export const seqOfKey = (key: string): number => Number(key.slice(2, 2 + NUMBER_DIGITS))
export const blobKey = (cid: string): string => `m:${cid}`
export const blobPieceKey = (cid: string, piece: number): string => `x:${cid}/${String(piece).padStart(5, '0')}`
export const stagedBlobKey = (cid: string): string => `y:${cid}`
/** In order of last use: what stands first goes first. */
export const blobUseKey = (usedMs: number, cid: string): string => `u:${padded(usedMs)}:${cid}`
export const cidOfUseKey = (key: string): string => key.slice(2 + NUMBER_DIGITS + 1)
export const BLOB_USES = 'u:'
/** A blob that no commit has mentioned yet. */
export const waitingBlobKey = (cid: string): string => `w:${cid}`
/** Bytes of all blobs that lie here. */
export const BLOB_BYTES = 'blob-bytes'

/** Safe integers have up to 16 digits; padded, their order as text is their order as numbers. */
const NUMBER_DIGITS = 16
const padded = (value: number): string => String(value).padStart(NUMBER_DIGITS, '0')

/** Bytes as rows: whole under `key`, or, above the runtime's limit, the number of pieces there and the pieces under `key/00`, `key/01`, …. */
export const cut = (key: string, bytes: Uint8Array): Rows => {
  // Storing a view stores the whole buffer behind it, hence slice().
  if (bytes.length <= STORAGE_VALUE_BYTES) return { [key]: bytes.slice() }
  const pieces = Math.ceil(bytes.length / STORAGE_VALUE_BYTES)
  const rows: Rows = { [key]: pieces }
  for (let i = 0; i < pieces; i++) rows[pieceKey(key, i)] = bytes.slice(i * STORAGE_VALUE_BYTES, (i + 1) * STORAGE_VALUE_BYTES)
  return rows
}

/** Keys that `cut` made, from what lies under `key`. */
export const pieceKeys = (key: string, value: StorageValue | undefined): string[] =>
  typeof value === 'number' ? [key, ...Array.from({ length: value }, (_, i) => pieceKey(key, i))] : [key]

/** Of bytes that `cut` made `count` pieces of. */
export const joinPieces = async (storage: RoomStorage, key: string, count: number): Promise<Uint8Array> => {
  const keys = Array.from({ length: count }, (_, i) => pieceKey(key, i))
  const rows = await storage.getMany<Uint8Array>(keys)
  return concat(keys.map((each) => rows.get(each) ?? new Uint8Array(0)))
}

/** All rows under a prefix, a page at a time: no list grows with the size of the account. */
export async function* pages<T extends StorageValue>(
  storage: RoomStorage,
  prefix: string,
  limit = STORAGE_BATCH_KEYS,
): AsyncGenerator<ReadonlyMap<string, T>, void, void> {
  for (let startAfter: string | undefined; ;) {
    const rows = await storage.list<T>({ prefix, limit, ...(startAfter !== undefined && { startAfter }) })
    if (rows.size > 0) yield rows
    if (rows.size < limit) return
    startAfter = [...rows.keys()].at(-1)
  }
}

/** Two digits keep the pieces in order up to 12 MB; nothing that is read in their order is larger than an event. */
export const pieceKey = (key: string, piece: number): string => `${key}/${String(piece).padStart(2, '0')}`
