/**
 * Blobs that records of the mirror mention and that never came, or not whole: noted when the record lands, asked for when a tab joins. What came meanwhile is found
 * out then. A blob that had to make room for others has come, and is not asked for again.
 */
import { MAX_ASKED_CIDS } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import { type GenerationKeys, type Rows, blobKey } from './keys.ts'

/** Those of `cids` that never came. */
export const neverCame = async (storage: RoomStorage, cids: readonly string[]): Promise<string[]> => {
  const rows = await storage.getMany(cids.map(blobKey))
  return cids.filter((cid) => !rows.has(blobKey(cid)))
}

/** The rows that note which of `blobs` are lacking. */
export const lackingRows = async (storage: RoomStorage, keys: GenerationKeys, blobs: readonly string[]): Promise<Rows> =>
  Object.fromEntries((await neverCame(storage, blobs)).map((blob) => [keys.lacking(blob), true]))

/** As many at a time as one frame may ask for. */
export async function* lackingBlobs(storage: RoomStorage, keys: GenerationKeys): AsyncGenerator<readonly string[]> {
  for (let startAfter = keys.allLacking, more = true; more;) {
    const noted = [...(await storage.list({ prefix: keys.allLacking, startAfter, limit: MAX_ASKED_CIDS })).keys()]
    const lacking = await neverCame(
      storage,
      noted.map((key) => key.slice(keys.allLacking.length)),
    )
    const still = new Set(lacking.map(keys.lacking))
    await storage.delete(noted.filter((key) => !still.has(key)))
    if (lacking.length > 0) yield lacking
    startAfter = noted.at(-1) ?? startAfter
    more = noted.length === MAX_ASKED_CIDS
  }
}
