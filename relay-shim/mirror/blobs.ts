/** The mirror's copies of blobs: cut into pieces while they stream in, within a budget that the least recently used ones give way to. */
import { sha256 } from '@noble/hashes/sha2'
import { BLOB_USE_GRAIN_MS, MAX_BLOB_BYTES, STORAGE_BATCH_KEYS, STORAGE_VALUE_BYTES, TEMPORARY_BLOB_TTL_MS } from '../../wire/limits.ts'
import type { RoomPort } from '../port.ts'
import { Refused } from '../refused.ts'
import { openPipe } from '../streams.ts'
import { cidOfDigest } from './cid.ts'
import {
  BLOB_BYTES,
  BLOB_USES,
  type GenerationKeys,
  type Rows,
  blobKey,
  blobPieceKey,
  blobUseKey,
  cidOfUseKey,
  pages,
  stagedBlobKey,
  waitingBlobKey,
} from './keys.ts'
import { isMentioned, mentionedBlobs } from './mentions.ts'
import { RecentBlobs } from './recent-blobs.ts'

export interface BlobDeclaration {
  readonly cid: string
  readonly mime: string
  /** Bytes. */
  readonly size: number
}

/** Blob as stored; the bytes lie in `pieces` rows beside it, unless it was evicted. */
export type BlobRow = {
  readonly mime: string
  readonly size: number
  readonly pieces: number
  readonly at: number
  /** When it was last asked for, as far as that was noted (BLOB_USE_GRAIN_MS). */
  readonly used: number
  /** The bytes are not here (any more): the tab has them. */
  readonly evicted?: boolean
}

type InTurn = <T>(work: () => Promise<T>) => Promise<T>

export class Blobs {
  readonly #port: RoomPort
  /** Shared with the commits, which release blobs: what is counted is what is stored. */
  readonly #inTurn: InTurn
  /** Of the generation that serves. */
  readonly #keys: () => GenerationKeys
  readonly recent = new RecentBlobs()
  readonly #storing = new Map<string, Promise<unknown>>()
  #bytes: number

  static async open(port: RoomPort, parts: { readonly inTurn: InTurn; readonly keys: () => GenerationKeys }): Promise<Blobs> {
    const bytes = await port.storage.get<number>(BLOB_BYTES)
    const blobs = new Blobs(port, parts, bytes ?? 0)
    if (bytes === undefined) await blobs.#count()
    return blobs
  }

  private constructor(port: RoomPort, { inTurn, keys }: Parameters<typeof Blobs.open>[1], bytes: number) {
    this.#port = port
    this.#inTurn = inTurn
    this.#keys = keys
    this.#bytes = bytes
  }

  /** Bytes of all blobs that lie here. */
  get bytes(): number {
    return this.#bytes
  }

  /** A blob that is asked for; `evicted` ones only the tab has. */
  async use(cid: string): Promise<BlobRow | undefined> {
    const row = await this.#port.storage.get<BlobRow>(blobKey(cid))
    if (row && !row.evicted && this.#isStale(row)) void this.#inTurn(() => this.#noteUse(cid))
    return row
  }

  /** Only the last write makes the blob visible; what an interrupted one left behind is swept. @throws Refused BadBlob | BlobTooLarge */
  async store(blob: BlobDeclaration, body: AsyncIterable<Uint8Array>): Promise<void> {
    const { cid } = blob
    // The same blob twice at a time: one that breaks off would take the pieces of the other with it.
    for (let other = this.#storing.get(cid); other; other = this.#storing.get(cid)) await other
    const storing = this.#store(blob, body).finally(() => this.#storing.delete(cid))
    this.#storing.set(
      cid,
      storing.catch(() => {}),
    )
    await storing
  }

  /** The tab's answer with a whole blob, on its way to a client: one that was evicted is stored again as it passes, at the pace of the slower of the two. */
  async keepPassing(cid: string, response: Response): Promise<Response> {
    const row = await this.#port.storage.get<BlobRow>(blobKey(cid))
    if (!response.body || !row?.evicted || row.size > this.#port.settings.blobBudgetBytes || this.#storing.has(cid)) return response
    const { readable, writable } = openPipe(row.size)
    const writer = writable.getWriter()
    this.store({ cid, mime: row.mime, size: row.size }, passing(response.body, writer)).catch((cause: unknown) => {
      // The client left, or the tab broke off, or these are other bytes: the next one who asks tries again.
      writer.abort(cause).catch(() => {})
    })
    return new Response(readable, response)
  }

  /** What storage loses with blobs that nobody mentions any more. Call it in a turn, and hand both to storage before the next await. */
  release(gone: ReadonlyMap<string, BlobRow>): { readonly put: Rows; readonly delete: readonly string[] } {
    const keys: string[] = []
    for (const [cid, row] of gone) {
      this.recent.forget(cid)
      if (!row.evicted) this.#bytes -= row.size
      keys.push(blobKey(cid), waitingBlobKey(cid), blobUseKey(row.used, cid), ...pieceKeys(cid, row))
    }
    return { put: gone.size > 0 ? { [BLOB_BYTES]: this.#bytes } : {}, delete: keys }
  }

  /** What interrupted uploads left. Before anything is stored: a mark that is found belongs to nobody. */
  async dropStaged(): Promise<void> {
    const { storage } = this.#port
    const prefix = stagedBlobKey('')
    for await (const rows of pages<BlobRow>(storage, prefix))
      for (const [key, row] of rows) await storage.delete([key, ...pieceKeys(key.slice(prefix.length), row)])
  }

  /** Blobs that no record came to mention. A turn for each page of them: commits need not wait for all. */
  async sweep(): Promise<void> {
    const { storage } = this.#port
    const prefix = waitingBlobKey('')
    for await (const rows of pages<number>(storage, prefix)) {
      const oldest = this.#port.now() - TEMPORARY_BLOB_TTL_MS
      const due = [...rows].flatMap(([key, at]) => (at > oldest ? [] : [key.slice(prefix.length)]))
      if (due.length > 0) await this.#inTurn(() => this.#sweep(due))
    }
  }

  /** All that no record mentions. Those that came lately wait a while: their commit may be on its way. Call it in a turn. */
  async dropUnmentioned(beforeMs = this.#port.now() - TEMPORARY_BLOB_TTL_MS): Promise<void> {
    const { storage } = this.#port
    const prefix = blobKey('')
    // Both lists are in order of CID, so that they are walked once, side by side.
    const mentioned = mentionedBlobs(storage, this.#keys(), {})
    let next = await mentioned.next()
    for await (const rows of pages<BlobRow>(storage, prefix)) {
      const gone = new Map<string, BlobRow>()
      const waiting: Rows = {}
      for (const [key, row] of rows) {
        const cid = key.slice(prefix.length)
        while (!next.done && next.value < cid) next = await mentioned.next()
        if (next.value === cid) continue
        if (row.at <= beforeMs) gone.set(cid, row)
        else waiting[waitingBlobKey(cid)] = row.at
      }
      await Promise.all([storage.put(waiting), this.#drop(gone)])
    }
  }

  async #store(blob: BlobDeclaration, body: AsyncIterable<Uint8Array>): Promise<void> {
    const { storage, settings } = this.#port
    const { cid, mime, size } = blob
    if (size > MAX_BLOB_BYTES) throw new Refused('BlobTooLarge', `The blob has ${size} bytes; the limit is ${MAX_BLOB_BYTES}.`)
    const known = await storage.get<BlobRow>(blobKey(cid))
    const now = this.#port.now()
    const row: BlobRow = { mime, size, pieces: Math.ceil(size / STORAGE_VALUE_BYTES), at: known?.at ?? now, used: now }
    const isWhole = known !== undefined && !known.evicted
    // One that would push out everything else is only remembered: the tab answers for it.
    if (size > settings.blobBudgetBytes) {
      await checkBytes(blob, body)
      if (!known) await storage.put({ [blobKey(cid)]: { ...row, evicted: true }, [waitingBlobKey(cid)]: now })
      return
    }
    // Stored already: the bytes are only checked, so that a wrong repetition cannot spoil them.
    if (isWhole) return checkBytes(blob, body)
    let rows: Rows = {}
    let isStaged = false
    try {
      await checkBytes(blob, body, async (piece, bytes) => {
        rows[blobPieceKey(cid, piece)] = bytes
        if ((piece + 1) % PIECES_PER_WRITE !== 0 || piece + 1 === row.pieces) return
        // A blob of a megabyte or less needs no mark: it lands in one write.
        const written = storage.put({ ...rows, ...(!isStaged && { [stagedBlobKey(cid)]: row }) })
        isStaged = true
        rows = {}
        await written
      })
    } catch (cause) {
      if (isStaged) await storage.delete([stagedBlobKey(cid), ...pieceKeys(cid, row)])
      throw cause
    }
    await this.#inTurn(async () => {
      // After a snapshot the records are here before the blobs.
      const isWaiting = !(await isMentioned(storage, this.#keys(), cid))
      this.#bytes += size
      Object.assign(rows, { [blobKey(cid)]: row, [blobUseKey(now, cid)]: size, [BLOB_BYTES]: this.#bytes })
      if (isWaiting) rows[waitingBlobKey(cid)] = now
      await Promise.all([storage.put(rows), isStaged && storage.delete([stagedBlobKey(cid)])])
      await this.#makeRoom()
    })
  }

  /** Call it in a turn. */
  async #sweep(cids: readonly string[]): Promise<void> {
    const { storage } = this.#port
    const [found, waiting] = await Promise.all([
      storage.getMany<BlobRow>(cids.map(blobKey)),
      storage.getMany<number>(cids.map(waitingBlobKey)),
    ])
    const gone = new Map<string, BlobRow>()
    for (const cid of cids) {
      const row = found.get(blobKey(cid))
      if (row && waiting.has(waitingBlobKey(cid)) && !(await isMentioned(storage, this.#keys(), cid))) gone.set(cid, row)
    }
    await Promise.all([this.#drop(gone), storage.delete(cids.map(waitingBlobKey))])
  }

  /** The least recently used go until the rest fits. */
  async #makeRoom(): Promise<void> {
    const { storage, settings } = this.#port
    while (this.#bytes > settings.blobBudgetBytes) {
      const oldest = await storage.list({ prefix: BLOB_USES, limit: STORAGE_BATCH_KEYS })
      if (oldest.size === 0) return
      for (const key of oldest.keys()) {
        if (this.#bytes <= settings.blobBudgetBytes) return
        const cid = cidOfUseKey(key)
        const row = await storage.get<BlobRow>(blobKey(cid))
        if (!row || row.evicted) await storage.delete([key])
        else {
          this.#bytes -= row.size
          const rows = { [blobKey(cid)]: { ...row, evicted: true }, [BLOB_BYTES]: this.#bytes }
          await Promise.all([storage.put(rows), storage.delete([key, ...pieceKeys(cid, row)])])
        }
      }
    }
  }

  async #noteUse(cid: string): Promise<void> {
    const { storage } = this.#port
    const row = await storage.get<BlobRow>(blobKey(cid))
    if (!row || row.evicted || !this.#isStale(row)) return
    const used = this.#port.now()
    const rows = { [blobKey(cid)]: { ...row, used }, [blobUseKey(used, cid)]: row.size }
    await Promise.all([storage.put(rows), storage.delete([blobUseKey(row.used, cid)])])
  }

  #isStale({ used }: BlobRow): boolean {
    return this.#port.now() - used >= BLOB_USE_GRAIN_MS
  }

  async #drop(gone: ReadonlyMap<string, BlobRow>): Promise<void> {
    if (gone.size === 0) return
    const released = this.release(gone)
    await Promise.all([this.#port.storage.put(released.put), this.#port.storage.delete(released.delete)])
  }

  /** Once, for a room that stored its blobs before they were counted. */
  async #count(): Promise<void> {
    const { storage } = this.#port
    const prefix = blobKey('')
    for await (const rows of pages<Omit<BlobRow, 'used'>>(storage, prefix)) {
      const counted: Rows = {}
      for (const [key, row] of rows) {
        const cid = key.slice(prefix.length)
        this.#bytes += row.size
        Object.assign(counted, { [key]: { ...row, used: row.at }, [blobUseKey(row.at, cid)]: row.size, [waitingBlobKey(cid)]: row.at })
      }
      await storage.put(counted)
    }
    // Only now: a count that was cut off begins anew.
    await storage.put({ [BLOB_BYTES]: this.#bytes })
  }
}

/** A megabyte: what a blob holds of memory while it streams in. */
const PIECES_PER_WRITE = 8

const pieceKeys = (cid: string, { pieces }: BlobRow): string[] => Array.from({ length: pieces }, (_, piece) => blobPieceKey(cid, piece))

/** Reads the bytes to their end and hands them on in pieces of STORAGE_VALUE_BYTES. @throws Refused BadBlob when they are not the blob's */
const checkBytes = async (
  blob: BlobDeclaration,
  body: AsyncIterable<Uint8Array>,
  keep: (piece: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void> = async () => {},
): Promise<void> => {
  const hash = sha256.create()
  const bufferOf = (piece: number) => new Uint8Array(Math.min(STORAGE_VALUE_BYTES, Math.max(0, blob.size - piece * STORAGE_VALUE_BYTES)))
  let size = 0
  let piece = 0
  let buffer = bufferOf(0)
  let filled = 0
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
      await keep(piece, buffer)
      piece += 1
      filled = 0
      buffer = bufferOf(piece)
    }
  }
  if (size !== blob.size) throw new Refused('BadBlob', `The blob was announced with ${blob.size} bytes; ${size} came.`)
  if (cidOfDigest(hash.digest(), 'raw') !== blob.cid) throw new Refused('BadBlob', `The bytes are not those of ${blob.cid}.`)
}

/** Each piece is stored, then sent on, before the next one is read. */
async function* passing(body: ReadableStream<Uint8Array>, writer: WritableStreamDefaultWriter<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    yield piece
    await writer.write(piece)
  }
  await writer.close()
}
