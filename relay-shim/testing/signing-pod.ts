/** A pod as the mirror sees it, made with @atproto/repo: real commits, signed, with the blocks that prove them. */
import { P256Keypair } from '@atproto/crypto'
import type { Keypair } from '@atproto/crypto'
import {
  BlockMap,
  MemoryBlockstore,
  Repo,
  WriteOpAction,
  blocksToCarFile,
  signCommit,
  type CommitData,
  type RecordWriteOp,
} from '@atproto/repo'
import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { type CommitEvent, encodeEvent } from '../../wire/event.ts'
import type { MirrorHead } from '../../wire/frames.ts'
import { writeCar } from '../mirror/car.ts'
import { cidOfBlock } from '../mirror/cid.ts'
import type { PodIdentity } from '../mirror/bound-pod.ts'
import { parseNode } from '../mirror/node.ts'

export const DID = 'did:web:pod.example'
const DOCUMENT = { id: DID, alsoKnownAs: ['at://alice.pod.example'] }

export class SigningPod {
  readonly storage = new MemoryBlockstore()
  readonly keypair: Keypair
  /** Records by path, as CID strings: what the repo should say. */
  readonly records = new Map<string, string>()
  /** Every block that ever was: `storage` forgets a record with the first of several paths that it stands at. */
  readonly blocks = new Map<string, Uint8Array>()
  repo: Repo | null = null
  event = 0

  static async create(): Promise<SigningPod> {
    return new SigningPod(await P256Keypair.create())
  }

  constructor(keypair: Keypair) {
    this.keypair = keypair
  }

  identity(): PodIdentity {
    return {
      did: DID,
      handle: 'alice.pod.example',
      signingKey: this.keypair.did(),
      documents: {
        '/.well-known/did.json': JSON.stringify(DOCUMENT),
        '/xrpc/com.atproto.identity.resolveDid': JSON.stringify({ didDoc: DOCUMENT }),
      },
    }
  }

  head(): MirrorHead {
    const { cid, commit } = this.#repo()
    return { rev: commit.rev, commit: cid.toString(), data: commit.data.toString() }
  }

  /** The first commit, empty. */
  async begin(): Promise<CommitEvent> {
    const data = await Repo.formatInitCommit(this.storage, DID, this.keypair)
    this.repo = await Repo.createFromCommit(this.storage, data)
    return this.#event(data, [], null)
  }

  async write(writes: readonly RecordWriteOp[]): Promise<CommitEvent> {
    const repo = this.#repo()
    const before = repo.commit
    const data = await repo.formatCommit([...writes], this.keypair)
    this.repo = await repo.applyCommit(data)
    const ops = await Promise.all(
      writes.map(async (write) => {
        const path = `${write.collection}/${write.rkey}`
        const prev = this.records.get(path)
        const cid = write.action === WriteOpAction.Delete ? null : ((await this.repo?.data.get(path)) ?? null)
        if (cid) this.records.set(path, cid.toString())
        else this.records.delete(path)
        return { action: write.action, path, cid: cid && CID.parse(cid.toString()), ...(prev !== undefined && { prev: CID.parse(prev) }) }
      }),
    )
    return this.#event(data, ops, before)
  }

  /** The whole repo as a tab sends it: in pre-order, a block at each place where it stands. */
  car(): Uint8Array<ArrayBuffer> {
    const { commit, data } = this.head()
    return writeCar(
      commit,
      [commit, ...this.#below(data)].map((cid) => ({ cid, bytes: this.#bytes(cid) })),
    )
  }

  *#below(cid: string): Generator<string> {
    yield cid
    const { subtrees, values } = parseNode(this.#bytes(cid))
    for (const [i, subtree] of subtrees.entries()) {
      if (subtree !== null) yield* this.#below(subtree)
      const value = values[i]
      if (value !== undefined) yield value
    }
  }

  #bytes(cid: string): Uint8Array {
    const bytes = this.blocks.get(cid)
    if (!bytes) throw new Error(`no block ${cid}`)
    return bytes
  }

  /** A commit of whatever tree. */
  async signed(rev: string, data: string): Promise<{ readonly cid: string; readonly bytes: Uint8Array }> {
    const commit = await signCommit({ did: DID, version: 3, rev, prev: null, data: CID.parse(data) }, this.keypair)
    const bytes = encode(commit)
    return { cid: await cidOfBlock(bytes), bytes }
  }

  next(event: CommitEvent): [event: number, body: Uint8Array] {
    this.event += 1
    return [this.event, encodeEvent(event)]
  }

  async #event(data: CommitData, ops: CommitEvent['ops'], before: Repo['commit'] | null): Promise<CommitEvent> {
    data.newBlocks.forEach((bytes, cid) => this.blocks.set(cid.toString(), bytes))
    const blocks = new BlockMap().addMap(data.newBlocks).addMap(data.relevantBlocks)
    return {
      kind: 'commit',
      repo: DID,
      commit: CID.parse(data.cid.toString()),
      rev: data.rev,
      since: before?.rev ?? null,
      ...(before && { prevData: CID.parse(before.data.toString()) }),
      ops,
      blocks: (await blocksToCarFile(data.cid, blocks)).slice(),
      blobs: [],
    }
  }

  #repo(): Repo {
    if (!this.repo) throw new Error('begin() first')
    return this.repo
  }
}

export const create = (collection: string, rkey: string, record: Record<string, unknown>): RecordWriteOp =>
  ({ action: WriteOpAction.Create, collection, rkey, record }) as RecordWriteOp
export const update = (collection: string, rkey: string, record: Record<string, unknown>): RecordWriteOp =>
  ({ action: WriteOpAction.Update, collection, rkey, record }) as RecordWriteOp
export const remove = (collection: string, rkey: string): RecordWriteOp =>
  ({ action: WriteOpAction.Delete, collection, rkey }) as RecordWriteOp
