/** What a verified commit changes in storage: read what it depends on, then one set of rows to put and keys to delete. */
import type { RoomStorage, StorageValue } from '../port.ts'
import type { BlobRow } from './blobs.ts'
import type { Blocks } from './blocks.ts'
import { type GenerationKeys, type Rows, blobKey, pieceKeys, waitingBlobKey } from './keys.ts'
import type { Removal } from './removals.ts'
import type { RecordChange, VerifiedCommit } from './verify.ts'

export interface Plan {
  readonly put: Rows
  readonly delete: readonly string[]
  /** To be called in the turn in which the rows are written: what left the repo is not shown any more. */
  land(): void
  /** Blobs that no record mentions after the commit. */
  readonly released: ReadonlyMap<string, BlobRow>
}

export const planCommit = async (
  commit: VerifiedCommit,
  before: { readonly commit: string } | null,
  { storage, blocks, keys }: { readonly storage: RoomStorage; readonly blocks: Blocks; readonly keys: GenerationKeys },
): Promise<Plan> => {
  const gone = [...commit.nodesOut, ...(before ? [before.commit] : [])]
  const uses = useDeltas(commit.changes)
  const replacedPaths = commit.changes.filter(({ prev }) => prev !== null).map(({ path }) => path)
  const named = new Set(commit.changes.flatMap(({ blobs }) => blobs))
  const packed = await blocks.packs.locate([...uses.keys(), ...gone])
  const rows = await storage.getMany<StorageValue>([
    ...[...uses.keys()].flatMap((cid) => [keys.block(cid), keys.uses(cid)]),
    ...gone.map(keys.block),
    ...replacedPaths.map(keys.blobsOf),
    ...[...named].map(blobKey),
  ])
  const put: Rows = {}
  const remove: string[] = []
  const removals: Removal[] = []
  const dropped: string[] = []
  const { rev } = commit.head
  const keep = (cid: string): void => {
    const bytes = commit.blocks.get(cid)
    if (bytes) Object.assign(put, blocks.rows(cid, { rev, bytes }))
  }
  const drop = (cid: string): void => {
    dropped.push(cid)
    for (const place of packed.get(cid) ?? []) removals.push({ ...place, isRecord: uses.has(cid) })
    if (!packed.has(cid)) remove.push(...pieceKeys(keys.block(cid), rows.get(keys.block(cid))))
  }

  keep(commit.head.commit)
  commit.nodesIn.forEach(keep)
  gone.forEach(drop)
  // The same record may stand at several paths; its block goes with the last of them.
  for (const [cid, delta] of uses) {
    const used = packed.has(cid) || rows.has(keys.block(cid)) ? Number(rows.get(keys.uses(cid)) ?? 1) : 0
    if (used === 0 && used + delta > 0) keep(cid)
    if (used > 0 && used + delta === 0) drop(cid)
    if (used + delta > 1) put[keys.uses(cid)] = used + delta
    else if (used > 1) remove.push(keys.uses(cid))
  }
  for (const blob of named) if (!rows.has(blobKey(blob))) put[keys.lacking(blob)] = true
  const unnamed = new Map<string, Set<string>>()
  for (const { path, cid, blobs } of commit.changes) {
    if (cid === null) remove.push(keys.record(path))
    else put[keys.record(path)] = cid
    const mentioned = namesOf(rows.get(keys.blobsOf(path)))
    if (blobs.length > 0) put[keys.blobsOf(path)] = blobs
    else if (mentioned.length > 0) remove.push(keys.blobsOf(path))
    for (const blob of blobs) put[keys.mention(blob, path)] = rev
    remove.push(...blobs.map(waitingBlobKey))
    for (const blob of mentioned.filter((each) => !blobs.includes(each))) {
      remove.push(keys.mention(blob, path))
      unnamed.set(blob, (unnamed.get(blob) ?? new Set()).add(keys.mention(blob, path)))
    }
  }
  const released = new Map<string, BlobRow>()
  for (const [blob, going] of unnamed) {
    if (named.has(blob) || (await isMentionedBeside(storage, keys, blob, going))) continue
    remove.push(keys.lacking(blob))
    const row = await storage.get<BlobRow>(blobKey(blob))
    if (row) released.set(blob, row)
  }
  const marks = await blocks.packs.plan(removals)
  return {
    put: { ...put, ...marks.put },
    delete: remove,
    released,
    land: () => {
      for (const cid of dropped) blocks.drop(cid, rows.get(keys.block(cid)))
      marks.land()
    },
  }
}

/** How many more (or fewer) records are each block after the commit. */
const useDeltas = (changes: readonly RecordChange[]): Map<string, number> => {
  const deltas = new Map<string, number>()
  const add = (cid: string | null, by: number): void => {
    if (cid !== null) deltas.set(cid, (deltas.get(cid) ?? 0) + by)
  }
  for (const { cid, prev } of changes) {
    add(cid, 1)
    add(prev, -1)
  }
  return deltas
}

/** Whether a record mentions the blob by another row than those that go. */
const isMentionedBeside = async (
  storage: RoomStorage,
  keys: GenerationKeys,
  blob: string,
  going: ReadonlySet<string>,
): Promise<boolean> => {
  const mentions = await storage.list({ prefix: keys.mention(blob, ''), limit: going.size + 1 })
  return [...mentions.keys()].some((key) => !going.has(key))
}

const namesOf = (row: StorageValue | undefined): string[] => (Array.isArray(row) ? row.map(String) : [])
