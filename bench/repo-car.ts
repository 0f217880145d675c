/** A whole repo as a CAR, as another server would export it: for imports. @see https://atproto.com/specs/repository#car-file-serialization */
import { setTimeout as sleep } from 'node:timers/promises'
import { TID } from '@atproto/common-web'
import { P256Keypair } from '@atproto/crypto'
import { BlockMap, blocksToCarFile, MemoryBlockstore, MST, signCommit } from '@atproto/repo'

const SETTLE_MS = 50
const COLLECTION = 'app.bsky.feed.post'

/** `records` posts of the usual length, signed by a key that nobody has. */
export const makeRepoCar = async (did: string, records: number): Promise<Uint8Array<ArrayBuffer>> => {
  const blocks = new BlockMap()
  let tree = await MST.create(new MemoryBlockstore())
  for (let n = 0; n < records; n++) {
    const text = `post ${n} of a repo that is made for the benchmark, about as long as a real one`
    const cid = await blocks.add({ $type: COLLECTION, text, createdAt: new Date(1.7e12 + n * 1000).toISOString() })
    tree = await tree.add(`${COLLECTION}/${TID.nextStr()}`, cid)
  }
  const { root, blocks: nodes } = await tree.getUnstoredBlocks()
  const unsigned = { did: did as `did:${string}:${string}`, version: 3, data: root, rev: TID.nextStr(), prev: null } as const
  const commit = await signCommit(unsigned, await P256Keypair.create())
  const commitCid = await blocks.add(commit)
  blocks.addMap(nodes)
  const car = Uint8Array.from(await blocksToCarFile(commitCid, blocks))
  // All that took the event loop's whole time: sockets that were closed meanwhile must be noticed before the next request takes one of them.
  await sleep(SETTLE_MS)
  return car
}
