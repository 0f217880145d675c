/** How many blobs there are and what they take, as a row that is kept up with them: walking over ten thousand of them takes a second. */
import type { IDBPObjectStore, StoreNames } from 'idb'
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import type { PodDatabase, PodRows } from './schema.ts'

type Usage = PodRows['blobUsage']
type PodStore<Stores extends ArrayLike<StoreNames<PodDatabase>>> = IDBPObjectStore<PodDatabase, Stores, 'pod', 'readwrite'>

/** Part of the transaction that changes the blobs. What was never counted stays so. */
export const moveUsage = async <Stores extends ArrayLike<StoreNames<PodDatabase>>>(pod: PodStore<Stores>, change: Usage): Promise<void> => {
  if (change.count === 0 && change.bytes === 0 && change.allBytes === 0) return
  // The row under a key always has that key's type.
  const usage = (await pod.get('blobUsage')) as Usage | undefined
  if (!usage) return
  const { count, bytes, allBytes } = change
  await pod.put({ count: usage.count + count, bytes: usage.bytes + bytes, allBytes: usage.allBytes + allBytes }, 'blobUsage')
}

/** Counts the blobs the first time, and reads one row from then on. */
export const readUsage = async (store: Store): Promise<Usage> =>
  ((await store.get('pod', 'blobUsage')) as Usage | undefined) ?? countUsage(store)

const countUsage = (store: Store): Promise<Usage> => {
  const tx = store.transaction(['blobs', 'pod'], 'readwrite')
  return settle(tx, async () => {
    const usage = { count: 0, bytes: 0, allBytes: 0 }
    for (let cursor = await tx.objectStore('blobs').openCursor(); cursor; cursor = await cursor.continue()) {
      const { rev, size } = cursor.value
      usage.allBytes += size
      if (rev === undefined) continue
      usage.count += 1
      usage.bytes += size
    }
    await tx.objectStore('pod').put(usage, 'blobUsage')
    return usage
  })
}
