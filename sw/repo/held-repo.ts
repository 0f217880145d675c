/**
 * The repo as it is now, block by block, for a mirror that asks its way down the tree. A record is found by its path, which the node that names it has told:
 * nothing here is kept by the CIDs of records.
 */
import { parseCidSafe } from '@atproto/lex-data'
import { base32 } from 'multiformats/bases/base32'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import type { Store } from '../store/open.ts'
import { packsOf } from '../store/packs.ts'
import { readRecord } from '../store/records.ts'
import { type Block, writeSections } from './car.ts'
import type { HeldRepo } from './contract.ts'
import { recordBytes } from './export.ts'
import { parseNode } from './mst-node.ts'
import type { Pins } from './pins.ts'
import type { Landed } from './resume.ts'

export const holdRepo = (store: Store, { tip, nodes }: Landed, pins: Pins): HeldRepo => {
  const { head, commitBlock } = tip
  const read = nodes.reader()
  const letGo = pins.acquire()
  /** Paths of the records that nodes which were asked for have named. */
  const paths = new Map<string, string>()

  const readRecordAt = async (cid: string, path: string): Promise<Uint8Array> => {
    const [collection = '', rkey = ''] = path.split('/')
    return recordBytes(cid, await readRecord(store, packsOf(head), collection, rkey), pins)
  }

  const readNodes = async (cids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> => {
    const found = await read(cids.map((cid) => idOf(cid).bytes))
    const blocks = new Map<string, Uint8Array>()
    for (const [at, bytes] of found.entries()) {
      if (!bytes) throw new XrpcError(503, 'RepoMoved', 'The repo was rewritten faster than it was read: ask again.')
      blocks.set(cids[at] ?? '', bytes)
      for (const { key, value } of parseNode(bytes).entries) paths.set(base32.encode(value), key)
    }
    return blocks
  }

  return {
    head,
    letGo,
    async sections(cids) {
      const found = await readNodes(cids.filter((cid) => cid !== head.commit && !paths.has(cid)))
      const blocks: Block[] = []
      for (const cid of cids) {
        const path = paths.get(cid)
        const bytes = found.get(cid) ?? (path === undefined ? commitBlock : await readRecordAt(cid, path))
        blocks.push({ cid: idOf(cid), bytes })
      }
      return writeSections(blocks)
    },
  }
}

/** @throws XrpcError 400 `InvalidRequest` */
const idOf = (text: string): NonNullable<ReturnType<typeof parseCidSafe>> => {
  const cid = parseCidSafe(text)
  if (!cid) throw invalidRequest(`Invalid CID: ${text}`)
  return cid
}
