/**
 * A whole repo put in place of the present one. Its rows are written beside it under the next generation, in as many transactions as it takes; one more
 * makes it the repo. A row `importing` stands while that goes on: whoever finds it at start sweeps what a cut-off import has left.
 */
import { release } from '../../wire/bytes.ts'
import { settle } from './failure.ts'
import { HeadMoved } from './land.ts'
import type { Store } from './open.ts'
import { encodePack, type RecordPack } from './packs.ts'
import { readPod } from './pod.ts'
import type { Base, BlobRow, EventRow, Head, PodRows } from './schema.ts'

export interface Mention {
  readonly cid: string
  readonly collection: string
  readonly rkey: string
}

/** Sweeps what an earlier import left, and claims a generation that no other import can have. */
export const beginGeneration = async (store: Store, present: number, now: number): Promise<PodRows['importing']> => {
  await sweepGenerations(store)
  const importing = { id: crypto.randomUUID(), generation: Math.max(present + 1, now) }
  await store.put('pod', importing, 'importing')
  return importing
}

/** At start. */
export const sweepInterrupted = async (store: Store): Promise<void> => {
  if (await readPod(store, 'importing')) await sweepGenerations(store)
}

/** Deletes the rows of every generation but the present one: of an import that did not come to its end, or of a repo that was replaced. */
export const sweepGenerations = (store: Store): Promise<void> => {
  const tx = store.transaction(['pod', 'recordPacks', 'nodePacks', 'staged'], 'readwrite', { durability: 'relaxed' })
  return settle(tx, async () => {
    // The row under a key always has that key's type.
    const present = ((await tx.objectStore('pod').get('head')) as Head | undefined)?.generation ?? 0
    const others = [IDBKeyRange.upperBound([present], true), IDBKeyRange.lowerBound([present, []])]
    await Promise.all([
      ...others.flatMap((range) => [tx.objectStore('recordPacks').delete(range), tx.objectStore('nodePacks').delete(range)]),
      tx.objectStore('staged').clear(),
      tx.objectStore('pod').delete('importing'),
    ])
  })
}

export const putStaged = (store: Store, pack: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
  const tx = store.transaction('staged', 'readwrite', { durability: 'relaxed' })
  return settle(tx, async () => void (await tx.store.put(bytes, pack)))
}

export const readStaged = (store: Store, pack: number): Promise<Uint8Array<ArrayBuffer> | undefined> => store.get('staged', pack)

/** Rows of a generation that is not the repo yet. The packs are encoded before it returns, and the nodes' buffers are its own from then on. */
export const putPacks = (
  store: Store,
  generation: number,
  packs: {
    readonly records?: readonly RecordPack[]
    readonly nodes?: ReadonlyArray<{ readonly number: number; readonly bytes: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> }>
  },
): Promise<void> => {
  const tx = store.transaction(['recordPacks', 'nodePacks'], 'readwrite', { durability: 'relaxed' })
  return settle(tx, async () => {
    const requests: Array<Promise<unknown>> = []
    // A put has cloned its value when it returns.
    for (const pack of packs.records ?? []) {
      const row = encodePack(pack)
      requests.push(tx.objectStore('recordPacks').put(row, [generation, pack.collection, pack.first]))
      release(row)
    }
    for (const { number, bytes } of packs.nodes ?? []) {
      requests.push(tx.objectStore('nodePacks').put(bytes, [generation, number]))
      release(bytes)
    }
    await Promise.all(requests)
  })
}

export interface Switch {
  /** CID of the commit that is replaced. */
  readonly expected: string
  /** `importing.id`; a worker that has begun anew meanwhile has swept our rows. */
  readonly importing: string
  readonly head: Omit<Head, 'event'>
  /** What begins the new log: the commit itself, or where it began elsewhere. */
  readonly begins: { readonly base: Base; readonly packed: PodRows['packed'] } | { readonly event: EventRow }
  readonly mentions: readonly Mention[]
  /** Where given, a number that the head's must not be below: the last that the room has. */
  readonly atLeast?: number | undefined
  /** ms. */
  readonly now: number
}

/**
 * THE switch. The old repo's rows go, the new head stands; commits that were not sent yet go with it, other events stay in line.
 * Blobs that records mention now are permanent; the others have their time to live to be mentioned again.
 * @throws HeadMoved when another worker has written or begun an import meanwhile; nothing is changed then.
 */
export const switchGeneration = (
  store: Store,
  { expected, importing, head, begins, mentions, atLeast = 0, now }: Switch,
): Promise<void> => {
  // What a power cut takes of a commit, the mirror gives back; a whole repo it would not.
  const tx = store.transaction(SWITCHED_STORES, 'readwrite', { durability: 'strict' })
  return settle(tx, async () => {
    const pod = tx.objectStore('pod')
    const events = tx.objectStore('events')
    // The row under a key always has that key's type.
    const [stood, claim, room, last] = await Promise.all([
      pod.get('head') as Promise<Head | undefined>,
      pod.get('importing') as Promise<PodRows['importing'] | undefined>,
      pod.get('acknowledged') as Promise<PodRows['acknowledged'] | undefined>,
      events.openKeyCursor(null, 'prev'),
    ])
    if (stood?.commit !== expected || claim?.id !== importing) throw new HeadMoved()
    await events.delete(IDBKeyRange.upperBound(room?.event ?? 0))
    for (let row = await events.openCursor(); row; row = await row.continue()) {
      if (row.value.kind === 'commit' || row.value.kind === 'sync') await row.delete()
    }
    const before = Math.max(last?.key ?? 0, stood.event, room?.event ?? 0, atLeast)
    const first = 'event' in begins ? begins.event : undefined
    const number = first?.event ?? before
    if (first && first.event <= before) throw new HeadMoved()
    await Promise.all([
      tx.objectStore('records').clear(),
      tx.objectStore('nodes').clear(),
      tx.objectStore('blobRefs').clear(),
      ...mentions.map((mention) => tx.objectStore('blobRefs').put(mention)),
      first && events.add(first),
      pod.put({ ...head, event: number }, 'head'),
      // A log that begins with its first commit is replayed from there.
      first ? pod.delete('checkpoint') : pod.put({ data: head.data, event: number }, 'checkpoint'),
      'base' in begins ? pod.put(begins.base, 'base') : pod.delete('base'),
      'base' in begins ? pod.put(begins.packed, 'packed') : pod.delete('packed'),
      pod.delete('blobUsage'),
    ])
    await settleBlobs(tx.objectStore('blobs'), mentions, head.rev, now)
  })
}

const SWITCHED_STORES = ['pod', 'records', 'nodes', 'events', 'blobs', 'blobRefs'] as const

const settleBlobs = async (blobs: BlobRows, mentions: readonly Mention[], rev: string, now: number): Promise<void> => {
  const mentioned = new Set(mentions.map(({ cid }) => cid))
  for (const cid of await blobs.getAllKeys()) {
    const row = await blobs.get(cid)
    if (!row || (row.rev === undefined && !mentioned.has(cid))) continue
    const { rev: _, ...temporary } = row
    await blobs.put(mentioned.has(cid) ? { ...row, rev } : { ...temporary, createdAt: now })
  }
}

interface BlobRows {
  getAllKeys(): Promise<string[]>
  get(cid: string): Promise<BlobRow | undefined>
  put(row: BlobRow): Promise<unknown>
}
