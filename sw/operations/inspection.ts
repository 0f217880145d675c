/** The repo from inside, for its owner: where it stands, and single blocks. */
import type { LexValue } from '@atproto/lex'
import { decode } from '@ipld/dag-cbor'
import type { RepoLog, RepoReader } from '../repo/contract.ts'
import { readCar } from '../repo/car-reader.ts'
import type { Store } from '../store/open.ts'
import { readPod } from '../store/pod.ts'

/** JSON-safe. */
export const inspectRepo = async (store: Store, repo: RepoReader & RepoLog) => {
  const { commit, rev, data, event, generation = 0 } = repo.head()
  const [checkpoint, acknowledged, oldest, outbox, blocks, collections] = await Promise.all([
    readPod(store, 'checkpoint'),
    repo.acknowledged(),
    repo.oldestEvent(),
    countOutbox(repo),
    repo.blockCounts(),
    repo.collections(),
  ])
  return {
    did: repo.did,
    head: { commit, rev, data, event },
    generation,
    counts: { ...blocks, collections },
    checkpoint: checkpoint ?? null,
    events: { oldest, acknowledged },
    outbox,
  }
}

/** What the block holds. @throws XrpcError 400 `InvalidRequest` | `BlockNotFound` */
export const inspectBlock = async (repo: Pick<RepoReader, 'blocks'>, cid: string): Promise<LexValue> => {
  const car = new Uint8Array(await repo.blocks([cid]))
  for await (const { blocks } of readCar(new Blob([car]).stream())) {
    const [block] = blocks
    if (block) return decode<LexValue>(block.bytes)
  }
  throw new TypeError('a CAR of one block holds it')
}

/** Identity and account events may follow the newest commit: a few at most. */
const MAX_TRAILING_EVENTS = 100

/** Events that the room has not acknowledged. */
export const countOutbox = async (repo: Pick<RepoReader, 'head'> & Pick<RepoLog, 'eventsAfter' | 'acknowledged'>): Promise<number> => {
  const { event } = repo.head()
  const [trailing, acknowledged] = await Promise.all([repo.eventsAfter(event, MAX_TRAILING_EVENTS), repo.acknowledged()])
  return Math.max(0, (trailing.at(-1)?.event ?? event) - acknowledged)
}
