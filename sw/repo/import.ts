/**
 * A repo from elsewhere (CAR) put in place of this one: staged as it streams in, checked as a whole, landed in packs beside the present repo, signed anew, and
 * then switched to in one transaction. Whatever fails before the switch leaves everything as it was.
 * @see https://atproto.com/specs/repository#car-file-serialization
 */
import { type Cid, parseCid } from '@atproto/lex-data'
import { verifySignature } from '@atproto/crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as v from 'valibot'
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_IMPORT_REV_AHEAD_MS, MAX_KNOWN_REVS, NODE_PACK_BYTES } from '../../wire/limits.ts'
import { lastEvent, readRevs } from '../store/events.ts'
import { beginGeneration, type Mention, putPacks, sweepGenerations, switchGeneration } from '../store/generation.ts'
import { NodePacker } from '../store/node-packs.ts'
import type { Store } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import type { Head } from '../store/schema.ts'
import { unfit } from './adopt.ts'
import { readCar } from './car-reader.ts'
import type { ImportProgress } from './contract.ts'
import { packRecords } from './import-records.ts'
import { invalidRepo, type Leaves, readTree } from './import-tree.ts'
import { type Author, planCommit, signCommit } from './plan.ts'
import { emptyTip } from './resume.ts'
import { Staging } from './staging.ts'
import { isTid, nextTid, tidToMs } from './tid.ts'

export interface ImportOptions {
  /** did:key that must have signed the imported commit; absent: its signature is not looked at. */
  readonly signingKey?: string
  readonly onProgress?: (progress: ImportProgress) => void
  /** The mirror's copy of this very repo, which this pod signed and has lost (`adopt.ts`): the commit stays as it is. `event`: the last the room has. */
  readonly takesBack?: { readonly event: number }
}

/**
 * @param present the head that is replaced
 * @throws XrpcError 400 `InvalidRequest` (the CAR) | 400 `InvalidRepo` (what is in it) | 413 `PayloadTooLarge` | 507 `StorageFull`
 * @throws HeadMoved when something was committed meanwhile
 */
export const importRepo = async (
  store: Store,
  author: Author,
  present: Head,
  car: ReadableStream<Uint8Array>,
  { signingKey, onProgress, takesBack }: ImportOptions,
): Promise<{ readonly rev: string; readonly records: number }> => {
  const importing = await beginGeneration(store, present.generation ?? 0, author.now())
  try {
    const { generation } = importing
    const staging = new Staging(store)
    const root = await stage(staging, car)
    const { commit, block } = await readCommit(staging, root, author, signingKey)
    if (takesBack) await checkOwn(commit, author, present)
    const { leaves, nodes } = await landTree(store, staging, parseCid(String(commit.data)), generation)
    const rev = takesBack ? commit.rev : nextTid(commit.rev > present.rev ? commit.rev : present.rev, author.now())
    const { mentions, packed } = await landRecords(store, staging, leaves, { generation, rev }, onProgress)
    const signed = takesBack ? { cid: root, bytes: block } : await signCommit(author, rev, parseCid(String(commit.data)))
    const knows = await revsBefore(store, commit.rev)
    const head = {
      commit: String(signed.cid),
      rev,
      data: String(commit.data),
      generation,
      packed: true as const,
      counts: { records: leaves.keys.length, nodes },
    }
    await switchGeneration(store, {
      expected: present.commit,
      importing: importing.id,
      head,
      begins: { base: { generation, rev, commit: head.commit, block: signed.bytes, knows }, packed },
      mentions,
      atLeast: takesBack?.event,
      now: author.now(),
    })
    return { rev, records: leaves.keys.length }
  } finally {
    // What is not swept now (the store may be full, or closed) is swept when the repo is opened again.
    await sweepGenerations(store).catch(() => {})
  }
}

/** The repo of another account, without records, in place of the present one. @throws HeadMoved */
export const replaceByEmpty = async (store: Store, author: Author, present: Head): Promise<void> => {
  const importing = await beginGeneration(store, present.generation ?? 0, author.now())
  try {
    const { generation } = importing
    const acknowledged = (await readPod(store, 'acknowledged'))?.event ?? 0
    // Numbers go on: the room knows the old ones.
    const last = Math.max(await lastEvent(store), present.event, acknowledged)
    const planned = await planCommit(author, { ...(await emptyTip(store)), after: present.rev, event: last }, [])
    await switchGeneration(store, {
      expected: present.commit,
      importing: importing.id,
      head: { ...planned.tip.head, generation },
      begins: { event: planned.event },
      mentions: [],
      now: author.now(),
    })
  } finally {
    await sweepGenerations(store).catch(() => {})
  }
}

const stage = async (staging: Staging, car: ReadableStream<Uint8Array>): Promise<Cid> => {
  let root: Cid | null = null
  for await (const piece of readCar(car)) {
    root = piece.root
    await staging.add(piece.blocks)
  }
  if (!root) throw invalidRequest('Invalid CAR: it ends in the middle')
  return root
}

/** Version 2 is of 2023, and lives on where nothing was written since. @see https://atproto.com/specs/repository#commit-objects */
const commitObject = v.looseObject({
  did: v.string(),
  version: v.picklist([2, 3]),
  rev: v.pipe(v.string(), v.check(isTid, 'no TID')),
  data: v.instance(CID),
  sig: v.instance(Uint8Array),
})

type CommitObject = v.InferOutput<typeof commitObject>

const readCommit = async (
  staging: Staging,
  root: Cid,
  { did, now }: Author,
  signingKey: string | undefined,
): Promise<{ readonly commit: CommitObject; readonly block: Uint8Array<ArrayBuffer> }> => {
  const place = staging.find(root.multihash.digest)
  if (place === undefined) throw invalidRepo('its commit is missing')
  const block = new Uint8Array(await staging.read(place))
  const commit = parseCommit(block)
  if (commit.did !== did) throw invalidRepo(`it is the repo of ${commit.did}, not of ${did}`)
  if (tidToMs(commit.rev) > now() + MAX_IMPORT_REV_AHEAD_MS) throw invalidRepo(`its rev ${commit.rev} lies in the future`)
  const { sig, ...unsigned } = commit
  if (signingKey !== undefined && !(await isSignedBy(signingKey, encode(unsigned), sig))) {
    throw invalidRepo(`it is not signed by the key of ${did}`)
  }
  return { commit, block }
}

/** @throws XrpcError 503 `RepoBehindMirror` */
const checkOwn = async (commit: CommitObject, { vault }: Author, present: Head): Promise<void> => {
  const { sig, ...unsigned } = commit
  if (commit.version !== 3 || commit.rev <= present.rev) throw unfit('it is not newer than what is here')
  if (!(await vault.verify(encode(unsigned), sig))) throw unfit('it is not signed by the key of this pod')
}

/** Of the commits that a mirror may still be at: those of the log that goes, those before it, and the one that comes. */
const revsBefore = async (store: Store, imported: string): Promise<string[]> => {
  const base = await readPod(store, 'base')
  const revs = [...(base?.knows ?? []), ...(base ? [base.rev] : []), ...(await readRevs(store)), imported]
  return [...new Set(revs)].sort().slice(-MAX_KNOWN_REVS)
}

const parseCommit = (bytes: Uint8Array): CommitObject => {
  try {
    return v.parse(commitObject, decode(bytes))
  } catch (cause) {
    throw Object.assign(invalidRepo('its root is no commit'), { cause })
  }
}

/** A signature of another length is an error to the library, and wrong to us. */
const isSignedBy = (key: string, message: Uint8Array, sig: Uint8Array): Promise<boolean> =>
  verifySignature(key, message, sig).catch(() => false)

const landTree = async (
  store: Store,
  staging: Staging,
  root: Cid,
  generation: number,
): Promise<{ readonly leaves: Leaves; readonly nodes: number }> => {
  const packer = new NodePacker()
  const leaves = await readTree(staging, root, (digest, bytes) => {
    packer.add(digest, bytes)
    return packer.size < NODE_PACK_BYTES ? undefined : putPacks(store, generation, { nodes: [packer.take()] })
  })
  const nodes = packer.count
  await putPacks(store, generation, { nodes: [packer.take(), packer.index()] })
  return { leaves, nodes }
}

/** While one batch is written, the next is read. */
const landRecords = async (
  store: Store,
  staging: Staging,
  leaves: Leaves,
  commit: { readonly generation: number; readonly rev: string },
  onProgress: ImportOptions['onProgress'],
): Promise<{ readonly mentions: readonly Mention[]; readonly packed: Readonly<Record<string, number>> }> => {
  const mentions: Mention[] = []
  const packed: Record<string, number> = {}
  let writing: Promise<void> = Promise.resolve()
  try {
    for await (const batch of packRecords(staging, leaves, commit.rev)) {
      await writing
      writing = putPacks(store, commit.generation, { records: batch.packs })
      writing.catch(() => {})
      for (const mention of batch.mentions) mentions.push(mention)
      for (const { collection, rkeys } of batch.packs) packed[collection] = (packed[collection] ?? 0) + rkeys.length
      onProgress?.({ records: batch.records })
    }
  } finally {
    // Nothing may be written any more when the rows are swept.
    await writing.catch(() => {})
  }
  await writing
  return { mentions, packed }
}
