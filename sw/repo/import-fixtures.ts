/** For the tests of imports: repos of other servers, good and bad. */
import { Secp256k1Keypair } from '@atproto/crypto'
import { type Cid, cidForCbor } from '@atproto/lex-data'
import { blocksToCarFile, BlockMap, MemoryBlockstore, Repo as StockRepo, WriteOpAction } from '@atproto/repo'
import { encode } from '@ipld/dag-cbor'
import { DID, NOTE } from './fixtures.ts'
import { nextTid } from './tid.ts'

export const OTHER = 'com.example.other'
export const YESTERDAY = Date.now() - 86_400_000

export const streamOf = (bytes: Uint8Array, step = 1000): ReadableStream<Uint8Array> => {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(at, (at += step)))
    },
  })
}

/** A repo as another server has it, built and signed by the stock library with a key of another kind. */
export const elsewhere = async (records: ReadonlyArray<readonly [path: string, record: Record<string, unknown>]>, did = DID) => {
  const key = await Secp256k1Keypair.create()
  const storage = new MemoryBlockstore()
  const repo = await StockRepo.create(
    storage,
    did,
    key,
    records.map(([path, record]) => {
      const [collection = '', rkey = ''] = path.split('/')
      return { action: WriteOpAction.Create as const, collection: collection as never, rkey: rkey as never, record: record as never }
    }),
  )
  const blocks = new BlockMap()
  for (const { cid, bytes } of storage.blocks.entries()) blocks.set(cid, bytes)
  return { key, repo, blocks, car: await blocksToCarFile(repo.cid, blocks) }
}

export const notes = (count: number): Array<readonly [string, Record<string, unknown>]> =>
  Array.from({ length: count }, (_, at) => {
    const collection = at % 10 === 0 ? OTHER : NOTE
    return [`${collection}/k${String(at).padStart(6, '0')}`, { $type: collection, text: `note number ${at}` }] as const
  })

/** A commit over any tree, signed by `key`. */
export const sealed = async (
  data: Cid,
  key: { sign(bytes: Uint8Array): Promise<Uint8Array> },
  change: Record<string, unknown> = {},
): Promise<{ cid: Cid; bytes: Uint8Array }> => {
  const unsigned = { did: DID, version: 3, rev: nextTid(null, YESTERDAY), prev: null, data, ...change }
  const bytes = encode({ ...unsigned, sig: await key.sign(encode(unsigned)) })
  return { cid: await cidForCbor(bytes), bytes }
}

export const blockOf = async (value: unknown): Promise<{ cid: Cid; bytes: Uint8Array }> => {
  const bytes = encode(value)
  return { cid: await cidForCbor(bytes), bytes }
}
