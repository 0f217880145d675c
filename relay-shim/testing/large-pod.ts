/** A pod whose repo is made at once instead of commit by commit: a hundred thousand records in seconds. */
import { createHash } from 'node:crypto'
import { TID } from '@atproto/common-web'
import { BlockMap, Repo, signCommit } from '@atproto/repo'
import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { cidOfDigest } from '../mirror/cid.ts'
import { layerOf, writeNode } from '../mirror/node.ts'
import { DID, SigningPod } from './signing-pod.ts'

/** Paths must be sorted. */
export const largePod = async (records: Iterable<readonly [path: string, record: unknown]>): Promise<SigningPod> => {
  const pod = await SigningPod.create()
  const keep = (bytes: Uint8Array): string => {
    const cid = cidOfDigest(sha256(bytes), 'dag-cbor')
    pod.blocks.set(cid, bytes)
    return cid
  }
  const entries: Entry[] = []
  for (const [path, record] of records) {
    const cid = keep(encode(record))
    entries.push({ path, cid, layer: layerOf(path) })
    pod.records.set(path, cid)
  }
  const top = entries.reduce((highest, { layer }) => Math.max(highest, layer), 0)
  const data = treeOf(entries, 0, entries.length, top, keep) ?? keep(writeNode({ keys: [], values: [], subtrees: [null] }))
  const unsigned = { did: DID, version: 3, data: CID.parse(data), rev: TID.nextStr(), prev: null } as Parameters<typeof signCommit>[0]
  const commit = keep(encode(await signCommit(unsigned, pod.keypair)))
  const blocks = new BlockMap()
  for (const [cid, bytes] of pod.blocks) blocks.set(CID.parse(cid) as Parameters<BlockMap['set']>[0], bytes)
  await pod.storage.putMany(blocks)
  pod.repo = await Repo.load(pod.storage, CID.parse(commit) as Parameters<BlockMap['set']>[0])
  return pod
}

/** Record keys in ascending order. @see https://atproto.com/specs/tid */
export const tidNumber = (n: number): string => {
  let tid = ''
  for (let rest = n; tid.length < TID_CHARACTERS - 1; rest = Math.floor(rest / 32)) tid = `${SORTABLE[rest % 32]}${tid}`
  return `3${tid}`
}
const TID_CHARACTERS = 13
const SORTABLE = '234567abcdefghijklmnopqrstuvwxyz'

export interface TestBlob {
  readonly cid: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Another one for each number, of bytes that nothing can compress. */
export const blobNumber = (n: number, size: number): TestBlob => {
  const bytes = new Uint8Array(size)
  // xorshift32: https://www.jstatsoft.org/article/view/v008i14
  let state = n + 0x9e3779b9
  for (const words = new Uint32Array(bytes.buffer, 0, size >> 2), i = { at: 0 }; i.at < words.length; i.at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i.at] = state
  }
  return { cid: cidOfDigest(sha256(bytes), 'raw'), bytes }
}

/** What a record says of it. */
export const blobRef = ({ cid, bytes }: TestBlob) => ({ $type: 'blob', ref: CID.parse(cid), mimeType: 'image/jpeg', size: bytes.length })

interface Entry {
  readonly path: string
  readonly cid: string
  readonly layer: number
}

/** Of the entries from `from` to `to`, none of which is above `layer`. */
const treeOf = (entries: readonly Entry[], from: number, to: number, layer: number, keep: (bytes: Uint8Array) => string): string | null => {
  if (from === to) return null
  const here: Entry[] = []
  const subtrees: (string | null)[] = []
  let start = from
  for (let i = from; i < to; i++) {
    const entry = entries[i]
    if (entry?.layer !== layer) continue
    subtrees.push(treeOf(entries, start, i, layer - 1, keep))
    here.push(entry)
    start = i + 1
  }
  subtrees.push(treeOf(entries, start, to, layer - 1, keep))
  return keep(writeNode({ keys: here.map(({ path }) => path), values: here.map(({ cid }) => cid), subtrees }))
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()
