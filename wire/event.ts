/**
 * An event as the pod logs it and the room verifies it: DAG-CBOR, the firehose message without `seq` and `time`, which are the room's to give.
 * @see https://atproto.com/specs/sync#commit
 */
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as v from 'valibot'
import { MAX_COMMIT_BLOCKS_BYTES, MAX_WRITES_PER_COMMIT } from './limits.ts'

/** The only kind there is in a repo: version 1, SHA-256. @see https://atproto.com/specs/data-model#link-and-cid-formats */
const cid = v.custom<CID>((value) => {
  const link = CID.asCID(value)
  return link?.version === 1 && link.multihash.code === SHA_256 && CODECS.has(link.code)
}, 'expected a CID of a block')
const SHA_256 = 0x12
/** DAG-CBOR and raw bytes. */
const CODECS: ReadonlySet<number> = new Set([0x71, 0x55])
const bytes = v.instance(Uint8Array)

const repoOp = v.object({
  action: v.picklist(['create', 'update', 'delete']),
  path: v.pipe(v.string(), v.maxLength(1024)),
  cid: v.nullable(cid),
  /** The record's CID before; absent for creates. */
  prev: v.optional(cid),
})

const commitEvent = v.object({
  kind: v.literal('commit'),
  repo: v.string(),
  commit: cid,
  rev: v.string(),
  /** rev of the commit before; null for the first. */
  since: v.nullable(v.string()),
  /** MST root of the commit before; absent for the first. */
  prevData: v.optional(cid),
  ops: v.pipe(v.array(repoOp), v.maxLength(MAX_WRITES_PER_COMMIT)),
  /** CAR v1 with root `commit`: the commit, new tree nodes and records, and the nodes that prove the ops. */
  blocks: v.pipe(
    bytes,
    v.check((car) => car.byteLength <= MAX_COMMIT_BLOCKS_BYTES, 'too many bytes of blocks'),
  ),
  /** Blobs the new records mention. The firehose field `blobs` stays empty (deprecated); the mirror uses this one. */
  blobs: v.array(cid),
})

/** CAR of the commit block alone: what the repo is now, when the way there cannot be shown. */
const syncEvent = v.object({ kind: v.literal('sync'), did: v.string(), rev: v.string(), blocks: bytes })
const identityEvent = v.object({ kind: v.literal('identity'), did: v.string(), handle: v.optional(v.string()) })
const accountEvent = v.object({
  kind: v.literal('account'),
  did: v.string(),
  active: v.boolean(),
  status: v.optional(v.picklist(['takendown', 'suspended', 'deleted', 'deactivated'])),
})

const podEvent = v.variant('kind', [commitEvent, syncEvent, identityEvent, accountEvent])

export type RepoOp = v.InferOutput<typeof repoOp>
export type CommitEvent = v.InferOutput<typeof commitEvent>
export type PodEvent = v.InferOutput<typeof podEvent>

/** Absent fields must be left out, never `undefined`: DAG-CBOR has no such value. */
export const encodeEvent = (event: PodEvent): Uint8Array<ArrayBuffer> => encode(event) as Uint8Array<ArrayBuffer>

/** @throws if the bytes are not DAG-CBOR or not a known event. */
export const decodeEvent = (body: Uint8Array): PodEvent => v.parse(podEvent, decode(body))
