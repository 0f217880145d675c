/** Blobs that were read lately, whole and in memory: content under its hash, which never goes out of date. Whether it may be shown still its row says. */
import { BLOB_CACHE_BYTES, MAX_CACHED_BLOB_BYTES } from '../../wire/limits.ts'

export class RecentBlobs {
  readonly #blobs = new Map<string, Uint8Array<ArrayBuffer>>()
  #bytes = 0

  get(cid: string): Uint8Array<ArrayBuffer> | undefined {
    const bytes = this.#blobs.get(cid)
    // Re-inserting makes the Map's order that of use.
    if (bytes && this.#blobs.delete(cid)) this.#blobs.set(cid, bytes)
    return bytes
  }

  keep(cid: string, bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length > MAX_CACHED_BLOB_BYTES) return
    this.forget(cid)
    this.#blobs.set(cid, bytes)
    this.#bytes += bytes.length
    for (const oldest of this.#blobs.keys()) {
      if (this.#bytes <= BLOB_CACHE_BYTES) break
      this.forget(oldest)
    }
  }

  forget(cid: string): void {
    this.#bytes -= this.#blobs.get(cid)?.length ?? 0
    this.#blobs.delete(cid)
  }
}
