/** Blob rows and who mentions them. References change in `land` alone. */
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import type { BlobRow } from './schema.ts'

export const readBlob = (store: Store, cid: string): Promise<BlobRow | undefined> => store.get('blobs', cid)

/** Puts a fresh upload in; a blob that is there already stays as it is, but its time to live starts anew. @throws XrpcError 507 `StorageFull` */
export const putTemporaryBlob = (store: Store, row: BlobRow): Promise<BlobRow> => {
  const tx = store.transaction('blobs', 'readwrite')
  return settle(tx, async () => {
    const known = await tx.store.get(row.cid)
    if (known?.rev !== undefined) return known
    const kept = known ? { ...known, createdAt: row.createdAt } : row
    await tx.store.put(kept)
    return kept
  })
}

/** CIDs that records mention, sorted, after `cursor`; with `since`, those first mentioned after that rev. */
export const listReferencedBlobs = async (
  store: Store,
  options: { readonly since?: string; readonly cursor?: string; readonly limit: number },
): Promise<string[]> => {
  const tx = store.transaction(['blobRefs', 'blobs'])
  const refs = tx.objectStore('blobRefs')
  const cids: string[] = []
  let range = options.cursor === undefined ? undefined : IDBKeyRange.lowerBound([options.cursor, []])
  while (cids.length < options.limit) {
    const [key] = await refs.getAllKeys(range, 1)
    if (!key) break
    const [cid] = key
    if (options.since === undefined || ((await tx.objectStore('blobs').get(cid))?.rev ?? '') > options.since) cids.push(cid)
    range = IDBKeyRange.lowerBound([cid, []])
  }
  return cids
}

/** Permanent blobs only. */
export const totalBlobs = async (store: Store): Promise<{ count: number; bytes: number }> => {
  let count = 0
  let bytes = 0
  let cursor = await store.transaction('blobs').store.openCursor()
  while (cursor) {
    if (cursor.value.rev !== undefined) {
      count += 1
      bytes += cursor.value.size
    }
    cursor = await cursor.continue()
  }
  return { count, bytes }
}

/** Drops blobs uploaded before `before` (epoch ms) that no record ever mentioned. @returns how many went. */
export const sweepTemporaryBlobs = (store: Store, before: number): Promise<number> => {
  const tx = store.transaction('blobs', 'readwrite')
  return settle(tx, async () => {
    let swept = 0
    let cursor = await tx.store.index('createdAt').openCursor(IDBKeyRange.upperBound(before, true))
    while (cursor) {
      if (cursor.value.rev === undefined) {
        await cursor.delete()
        swept += 1
      }
      cursor = await cursor.continue()
    }
    return swept
  })
}
