/** Blob rows and who mentions them. References change in `land` alone. */
import { XrpcError } from '../../wire/errors.ts'
import { moveUsage } from './blob-usage.ts'
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import type { BlobRow, PodRows } from './schema.ts'

export const readBlob = (store: Store, cid: string): Promise<BlobRow | undefined> => store.get('blobs', cid)

/**
 * Puts a fresh upload in: permanent at once when a record mentions it already, else temporary. A blob that is there stays as it is, but its time to live
 * starts anew. @throws XrpcError 507 `StorageFull` | 413 `BlobQuotaExceeded` when all blobs together would take more than `quota` bytes
 */
export const putBlob = (store: Store, row: BlobRow, quota: number): Promise<BlobRow> => {
  const tx = store.transaction(['blobs', 'blobRefs', 'pod'], 'readwrite')
  const blobs = tx.objectStore('blobs')
  const pod = tx.objectStore('pod')
  return settle(tx, async () => {
    const [known, mentions, head, usage] = await Promise.all([
      blobs.get(row.cid),
      tx.objectStore('blobRefs').count(IDBKeyRange.bound([row.cid], [row.cid, []])),
      pod.get('head') as Promise<PodRows['head'] | undefined>,
      pod.get('blobUsage') as Promise<PodRows['blobUsage'] | undefined>,
    ])
    if (known?.rev !== undefined) return known
    const kept = { ...(known ? { ...known, createdAt: row.createdAt } : row), ...(mentions > 0 && head && { rev: head.rev }) }
    const added = known ? 0 : row.size
    if (usage && added > 0 && usage.allBytes + added > quota) {
      throw new XrpcError(
        413,
        'BlobQuotaExceeded',
        `The blobs of an account may take ${quota} bytes together, and ${usage.allBytes} are taken.`,
      )
    }
    const [count, bytes] = kept.rev === undefined ? [0, 0] : [1, kept.size]
    await Promise.all([blobs.put(kept), moveUsage(pod, { count, bytes, allBytes: added })])
    return kept
  })
}

/** CIDs that records mention, sorted, after `cursor`; with `since`, those first mentioned after that rev. */
export const listReferencedBlobs = async (
  store: Store,
  options: { readonly since?: string; readonly cursor?: string; readonly limit: number },
): Promise<string[]> => {
  const { since, cursor, limit } = options
  const tx = store.transaction(['blobRefs', 'blobs'])
  const cids: string[] = []
  let range = cursor === undefined ? undefined : IDBKeyRange.lowerBound([cursor, []])
  while (cids.length < limit) {
    // As many as are missing, though some may be mentioned twice, or too early.
    const step = limit - cids.length
    const keys = await tx.objectStore('blobRefs').getAllKeys(range, step)
    const found = Array.from(new Set(keys.map(([cid]) => cid)))
    const rows = since === undefined ? [] : await Promise.all(found.map((cid) => tx.objectStore('blobs').get(cid)))
    cids.push(...found.filter((_, at) => since === undefined || (rows[at]?.rev ?? '') > since))
    const last = found.at(-1)
    if (last === undefined || keys.length < step) break
    range = IDBKeyRange.lowerBound([last, []])
  }
  return cids
}

/** CIDs that records mention and that are not here, each with the first record that does, sorted, after `cursor`. */
export const listMissingBlobs = async (
  store: Store,
  options: { readonly cursor?: string; readonly limit: number },
): Promise<Array<{ cid: string; collection: string; rkey: string }>> => {
  const { refs, here } = await readMentions(store)
  return refs.filter(({ cid }) => !here.has(cid) && (options.cursor === undefined || cid > options.cursor)).slice(0, options.limit)
}

/** Distinct blobs that records mention, and how many of them are here. */
export const countMentions = async (store: Store): Promise<{ expected: number; imported: number }> => {
  const { refs, here } = await readMentions(store)
  return { expected: refs.length, imported: refs.filter(({ cid }) => here.has(cid)).length }
}

/** Keys alone, in two requests, however many there are; the first mention of each blob. */
const readMentions = async (
  store: Store,
): Promise<{ refs: Array<{ cid: string; collection: string; rkey: string }>; here: ReadonlySet<string> }> => {
  const tx = store.transaction(['blobRefs', 'blobs'])
  const [keys, here] = await Promise.all([tx.objectStore('blobRefs').getAllKeys(), tx.objectStore('blobs').getAllKeys()])
  const firsts = keys.filter(([cid], at) => cid !== keys[at - 1]?.[0])
  return { refs: firsts.map(([cid, collection, rkey]) => ({ cid, collection, rkey })), here: new Set(here) }
}

/** Drops blobs uploaded before `before` (epoch ms) that no record ever mentioned. @returns how many went. */
export const sweepTemporaryBlobs = (store: Store, before: number): Promise<number> => {
  const tx = store.transaction(['blobs', 'pod'], 'readwrite')
  return settle(tx, async () => {
    let swept = 0
    let bytes = 0
    let cursor = await tx.objectStore('blobs').index('createdAt').openCursor(IDBKeyRange.upperBound(before, true))
    while (cursor) {
      if (cursor.value.rev === undefined) {
        bytes += cursor.value.size
        await cursor.delete()
        swept += 1
      }
      cursor = await cursor.continue()
    }
    await moveUsage(tx.objectStore('pod'), { count: 0, bytes: 0, allBytes: -bytes })
    return swept
  })
}
