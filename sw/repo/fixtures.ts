/** For the tests of this room: a vault with a real P-256 key, and fresh stores. */
import 'fake-indexeddb/auto'
import { P256Keypair, verifySignature } from '@atproto/crypto'
import { type Cid, parseCid } from '@atproto/lex-data'
import { type MST, type BlockMap, MemoryBlockstore, MST as Tree, readCarWithRoot } from '@atproto/repo'
import { type CommitEvent, decodeEvent } from '../../wire/event.ts'
import type { KeyVault } from '../identity/contract.ts'
import { openStore, type Store } from '../store/open.ts'
import { writePod } from '../store/pod.ts'
import type { EventRow } from '../store/schema.ts'
import type { Write } from './contract.ts'
import { Repo, type RepoOptions } from './repo.ts'

export const DID = 'did:web:alice.example'

export const makeVault = async (): Promise<KeyVault> => {
  const pair = await P256Keypair.create()
  const session = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  const sign = async (message: Uint8Array) => new Uint8Array(await pair.sign(message))
  const verify = (message: Uint8Array, sig: Uint8Array) => verifySignature(pair.did(), message, sig)
  return {
    signingDidKey: pair.did(),
    sign,
    verify,
    signJoin: sign,
    uplinkKey: { kty: 'EC', crv: 'P-256', x: '', y: '' },
    sessionKey: session,
  }
}

let stores = 0

export interface Bench {
  readonly name: string
  readonly store: Store
  readonly vault: KeyVault
  readonly repo: Repo
}

export const makeRepo = async (options: RepoOptions = {}): Promise<Bench> => {
  const name = `repo-${(stores += 1)}`
  const [store, vault] = [await openStore(name), await makeVault()]
  await writePod(store, {
    identity: { did: DID, handle: 'alice.example', origin: 'https://alice.example', createdAt: '2026-01-01T00:00:00Z' },
  })
  return { name, store, vault, repo: await Repo.create(store, vault, DID, options) }
}

export const NOTE = 'com.example.note'

export const create = (rkey: string, text: string, collection = NOTE): Write => ({ action: 'create', collection, rkey, record: { text } })
export const put = (rkey: string, text: string, collection = NOTE): Write & { action: 'put' } => ({
  action: 'put',
  collection,
  rkey,
  record: { text },
})
export const remove = (rkey: string, collection = NOTE): Write & { action: 'delete' } => ({ action: 'delete', collection, rkey })

export const bytesOf = async (stream: ReadableStream<Uint8Array>): Promise<Uint8Array> =>
  new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer())

export const commitOf = (row: EventRow): CommitEvent => {
  const event = decodeEvent(row.body)
  if (event.kind !== 'commit') throw new Error(`event ${row.event} is ${event.kind}`)
  return event
}

/** Undoes the ops on nothing but the blocks of the event. @returns the root of the tree before. */
export const invert = async (event: CommitEvent): Promise<{ prevData: string; blocks: BlockMap }> => {
  const { root, blocks } = await readCarWithRoot(event.blocks)
  const commit = (await new MemoryBlockstore(blocks).readObj(root, {
    name: 'commit',
    schema: { parse: (v: unknown) => v, safeParse: (v: unknown) => ({ success: true, data: v }) },
  } as never)) as {
    data: Cid
  }
  let tree: MST = Tree.load(new MemoryBlockstore(blocks), commit.data)
  for (const op of event.ops.toReversed()) {
    if (op.action === 'create') tree = await tree.delete(op.path)
    else if (op.action === 'update') tree = await tree.update(op.path, parseCid(String(op.prev)))
    else tree = await tree.add(op.path, parseCid(String(op.prev)))
  }
  return { prevData: String(await tree.getPointer()), blocks }
}
