/** Nodes of the checkpointed tree, by CID, and the transaction that moves the checkpoint on. */
import { settle } from './failure.ts'
import { HeadMoved } from './land.ts'
import type { Store } from './open.ts'
import type { Head, PodRows } from './schema.ts'

/** Several at once, in one transaction, in the order asked for. */
export const readNodes = (store: Store, cids: readonly string[]): Promise<Array<Uint8Array<ArrayBuffer> | undefined>> => {
  const nodes = store.transaction('nodes').store
  return Promise.all(cids.map((cid) => nodes.get(cid)))
}

export interface Checkpoint {
  /** The checkpoint this one builds upon must still be the stored one, and so must the head. */
  readonly from: PodRows['checkpoint'] | undefined
  readonly head: Head
  readonly to: PodRows['checkpoint']
  /** Nodes of the new tree that are not stored yet; own buffers. */
  readonly added: ReadonlyMap<string, Uint8Array<ArrayBuffer>>
  /** Stored nodes that the new tree has no use for. */
  readonly dropped: ReadonlySet<string>
  /** Events up to this number go; 0 for none. */
  readonly pruneEvents: number
  /** Recorded answers older than this (epoch ms) go. */
  readonly pruneAnswersBefore: number
}

/** @throws HeadMoved when another worker has written meanwhile; nothing is changed then. */
export const moveCheckpoint = (store: Store, checkpoint: Checkpoint): Promise<void> => {
  const tx = store.transaction(['pod', 'nodes', 'events', 'answers'], 'readwrite', { durability: 'relaxed' })
  return settle(tx, async () => {
    const pod = tx.objectStore('pod')
    const [head, stored] = (await Promise.all([pod.get('head'), pod.get('checkpoint')])) as [
      Head | undefined,
      PodRows['checkpoint'] | undefined,
    ]
    if (head?.commit !== checkpoint.head.commit || stored?.event !== checkpoint.from?.event) throw new HeadMoved()
    const nodes = tx.objectStore('nodes')
    const stale = await tx.objectStore('answers').index('at').getAllKeys(IDBKeyRange.upperBound(checkpoint.pruneAnswersBefore))
    await Promise.all([
      ...Array.from(checkpoint.added, ([cid, bytes]) => nodes.put(bytes, cid)),
      ...Array.from(checkpoint.dropped, (cid) => nodes.delete(cid)),
      ...stale.map((key) => tx.objectStore('answers').delete(key)),
      checkpoint.pruneEvents > 0 ? tx.objectStore('events').delete(IDBKeyRange.upperBound(checkpoint.pruneEvents)) : undefined,
      pod.put(checkpoint.to, 'checkpoint'),
    ])
  })
}

/** Records and nodes that have rows of their own. */
export const countRows = (store: Store): Promise<[records: number, nodes: number]> =>
  Promise.all([store.count('records'), store.count('nodes')])
