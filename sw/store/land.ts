/**
 * THE commit transaction. What the repo service planned and signed becomes true here, all of it or nothing:
 * record rows, blob references, head, event rows and recorded answers, in one readwrite transaction.
 */
import type { IDBPTransaction, StoreNames } from 'idb'
import { MIN_PACKED_RECORDS } from '../../wire/limits.ts'
import { moveUsage } from './blob-usage.ts'
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import { type PacksOf, packsOf, putInPacks, takeFromPacks } from './packs.ts'
import type { AnswerRow, EventRow, Head, PodDatabase, PodRows, RecordRow } from './schema.ts'

/** The state of one record after the landing, whatever number of commits touched it. */
export interface RecordChange {
  readonly collection: string
  readonly rkey: string
  /** null: deleted. */
  readonly row: RecordRow | null
  /** Whether there was a row before the landing. */
  readonly existed: boolean
  /** CIDs of the blobs it mentions now. */
  readonly blobs: readonly string[]
}

export interface Landing {
  /** CID of the commit this builds upon; null for the first of a repo. */
  readonly expected: string | null
  /** Where the records of that commit may lie besides their rows. */
  readonly packs: PacksOf
  /** Absent when nothing was committed (an announcement, an answer). */
  readonly head?: Head
  readonly records: readonly RecordChange[]
  readonly events: readonly EventRow[]
  readonly answers: readonly AnswerRow[]
  /** Where given, sees every row that is about to be replaced or deleted, before it is. For readers in the middle of a walk. */
  readonly onReplaced?: (row: RecordRow) => void
}

/** Someone else (another worker) has written meanwhile, or a blob went: plan again from what is stored now. */
export class HeadMoved extends Error {
  override readonly name = 'HeadMoved'
}

/** @throws HeadMoved | XrpcError 507 `StorageFull`; nothing is changed then. */
export const land = (store: Store, landing: Landing): Promise<void> => {
  const tx = store.transaction(LANDING_STORES, 'readwrite', { durability: 'relaxed' })
  return settle(tx, async () => {
    const pod = tx.objectStore('pod')
    const records = tx.objectStore('records')
    const bulk = bulkOf(landing)
    // Requests run in the order they are made: the head is read before it is written, and what differs aborts it all. One round trip instead of two.
    const [head] = (await Promise.all([
      pod.get('head'),
      landing.onReplaced && showReplaced(tx, landing.records, landing.onReplaced),
      ...landing.records.flatMap((change) => {
        const { collection, rkey, row, existed } = change
        if (row) return bulk.has(change) ? [] : records.put(row)
        return existed ? records.delete([collection, rkey]) : []
      }),
      landPacks(tx, landing, bulk),
      ...landing.events.map((row) => tx.objectStore('events').add(row)),
      ...landing.answers.map((row) => tx.objectStore('answers').put(row)),
      landing.head && pod.put(landing.head, 'head'),
    ])) as [Head | undefined, ...unknown[]]
    if ((head?.commit ?? null) !== landing.expected) throw new HeadMoved()
    await landBlobs(
      tx,
      landing.records.filter((change) => change.existed || change.blobs.length > 0),
    )
  }).catch((cause: unknown) => {
    // The number of an event was taken: by another worker's announcement, which moves no head.
    throw cause instanceof Error && cause.name === 'ConstraintError' ? new HeadMoved() : cause
  })
}

const LANDING_STORES = ['pod', 'records', 'recordPacks', 'events', 'answers', 'blobs', 'blobRefs'] as const satisfies ReadonlyArray<
  StoreNames<PodDatabase>
>
type LandingTransaction = IDBPTransaction<PodDatabase, typeof LANDING_STORES, 'readwrite'>

const showReplaced = async (
  tx: LandingTransaction,
  changes: readonly RecordChange[],
  onReplaced: (row: RecordRow) => void,
): Promise<void> => {
  const replaced = changes.filter((change) => change.existed)
  const rows = await Promise.all(replaced.map(({ collection, rkey }) => tx.objectStore('records').get([collection, rkey])))
  for (const row of rows) if (row) onReplaced(row)
}

/** New records that come in numbers, and may share rows. A pack is of one commit, whose rev it has. */
const bulkOf = ({ head, records }: Landing): ReadonlySet<RecordChange> => {
  const created = head?.packed ? records.filter(({ row, existed }) => row && !existed) : []
  const groups = Array.from(Map.groupBy(created, groupOf).values())
  return new Set(groups.flatMap((group) => (group.length < MIN_PACKED_RECORDS ? [] : group)))
}

const groupOf = ({ collection, row }: RecordChange): string => `${collection}/${row?.rev}`

/** A record that is written anew, or deleted, leaves its pack; new ones that come together get one. */
const landPacks = async (tx: LandingTransaction, landing: Landing, bulk: ReadonlySet<RecordChange>): Promise<void> => {
  const { packs, head, records, onReplaced } = landing
  const store = tx.objectStore('recordPacks')
  const replaced = packs === null ? [] : records.filter((change) => change.existed)
  const taken = packs === null || replaced.length === 0 ? [] : await takeFromPacks(store, packs, replaced)
  const moved = new Map<string, number>()
  const count = (collection: string, by: number) => moved.set(collection, (moved.get(collection) ?? 0) + by)
  for (const { collection } of taken) count(collection, -1)
  for (const group of Map.groupBy(bulk, groupOf).values()) {
    const rows = group.flatMap(({ row }) => row ?? [])
    if (await putInPacks(store, packsOf(head ?? null) ?? 0, rows)) count(group[0]?.collection ?? '', rows.length)
    else await Promise.all(rows.map((row) => tx.objectStore('records').put(row)))
  }
  if (onReplaced) for (const row of taken) onReplaced(row)
  if (moved.size === 0) return
  const pod = tx.objectStore('pod')
  // The row under a key always has that key's type.
  const packed = { ...((await pod.get('packed')) as PodRows['packed'] | undefined) }
  for (const [collection, by] of moved) packed[collection] = (packed[collection] ?? 0) + by
  await pod.put(packed, 'packed')
}

/** References follow the record; a blob becomes permanent with its first reference and goes with its last. */
const landBlobs = async (tx: LandingTransaction, changes: readonly RecordChange[]): Promise<void> => {
  const refs = tx.objectStore('blobRefs')
  const rows = tx.objectStore('blobs')
  const released: string[] = []
  const usage = { count: 0, bytes: 0, allBytes: 0 }
  for (const { collection, rkey, row, existed, blobs } of changes) {
    const before = existed ? await refs.index('record').getAllKeys(IDBKeyRange.only([collection, rkey])) : []
    for (const key of before.filter(([cid]) => !blobs.includes(cid))) {
      await refs.delete(key)
      released.push(key[0])
    }
    for (const cid of blobs) {
      const blob = await rows.get(cid)
      if (!blob) throw new HeadMoved(`blob ${cid} was swept`)
      await refs.put({ cid, collection, rkey })
      if (blob.rev !== undefined || !row) continue
      await rows.put({ ...blob, rev: row.rev })
      usage.count += 1
      usage.bytes += blob.size
    }
  }
  // Only now, when every new reference is in: one commit may move a blob from one record to another.
  for (const cid of released) {
    if ((await refs.count(IDBKeyRange.bound([cid], [cid, []]))) > 0) continue
    const blob = await rows.get(cid)
    if (!blob) continue
    await rows.delete(cid)
    usage.count -= 1
    usage.bytes -= blob.size
    usage.allBytes -= blob.size
  }
  await moveUsage(tx.objectStore('pod'), usage)
}
