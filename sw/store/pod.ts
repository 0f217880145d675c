/** The pod's singletons: identity, keys, head, checkpoint, acknowledged, owner, preferences. */
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import type { PodRows } from './schema.ts'

/** undefined: never written; for `identity` that means that no pod lives in this profile. */
export const readPod = async <K extends keyof PodRows>(store: Store, key: K): Promise<PodRows[K] | undefined> =>
  // The row under a key always has that key's type: `writePod` is the only way in, and it is typed so.
  (await store.get('pod', key)) as PodRows[K] | undefined

/** Writes several rows, and drops others, together or not at all. @throws XrpcError 507 `StorageFull` */
export const writePod = (store: Store, rows: Partial<PodRows>, dropped: ReadonlyArray<keyof PodRows> = []): Promise<void> => {
  const tx = store.transaction('pod', 'readwrite')
  return settle(tx, async () => {
    await Promise.all([
      ...Object.entries(rows).map(([key, row]) => tx.store.put(row, key as keyof PodRows)),
      ...dropped.map((key) => tx.store.delete(key)),
    ])
  })
}

/**
 * Reads a row, lets `change` compute its successor synchronously, and writes it, all in one transaction: for counters such as the lockout.
 * `change` returning undefined leaves the row as it is. @returns the row as it is afterwards.
 */
export const changePod = <K extends keyof PodRows>(
  store: Store,
  key: K,
  change: (row: PodRows[K] | undefined) => PodRows[K] | undefined,
): Promise<PodRows[K] | undefined> => {
  const tx = store.transaction('pod', 'readwrite')
  return settle(tx, async () => {
    const before = (await tx.store.get(key)) as PodRows[K] | undefined
    const after = change(before)
    if (after === undefined) return before
    await tx.store.put(after, key)
    return after
  })
}
