/** Accounts that move in, and what a large repo costs afterwards. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, signUp } from './client.ts'
import { createPost, getWholeRepo, type Measure, type Subject } from './measures.ts'
import { makeRepoCar } from './repo-car.ts'
import { median, timed } from './statistics.ts'

const IMPORTED = 10_000
const LARGE = 100_000
const PAGES = 30
const WRITES = 100
/** A room stores the whole repo before it answers from it. */
const MIRRORED_WITHIN_MS = 300_000

let accounts = 0

/**
 * Ours has one account: it is deactivated, so that a repo may take the place of the one before, and each import replaces what the last one brought. The
 * reference gets an empty account each time, because into a full one it imports the difference.
 */
const makeWay = async (subject: Subject): Promise<void> => {
  const { side, client } = subject
  if (side.name === 'tabpod') await client.post('com.atproto.server.deactivateAccount', {})
  else {
    client.close()
    subject.client = await signUp(side.url, `import-${(accounts += 1)}.test`)
  }
}

/** @returns records/s */
const importRepo = async (subject: Subject, records: number): Promise<number> => {
  await makeWay(subject)
  const { client } = subject
  const car = await makeRepoCar(client.did, records)
  return records / ((await timed(() => client.upload(car, 'application/vnd.ipld.car', 'com.atproto.repo.importRepo'))) / 1000)
}

export const importMeasures: readonly Measure[] = [
  { name: 'importRepo, 10,000 records', unit: '/s', target: 4, rounds: 3, run: (subject) => importRepo(subject, IMPORTED) },
]

/** A repo of 100,000 records on each side, and ours mirrored. */
export const prepareLarge = async (subject: Subject, progress: (line: string) => void): Promise<void> => {
  const rate = await importRepo(subject, LARGE)
  progress(`${subject.side.name} imported ${LARGE} records at ${rate.toFixed(0)} records/s`)
  const { side, client } = subject
  if (side.name !== 'tabpod') return
  // The tab alone answers this one, and from its activation on it is busy sending the repo.
  const { repoRev } = jsonOf<{ repoRev: string }>(await client.get('/xrpc/com.atproto.server.checkAccountStatus'))
  const ms = await timed(async () => {
    await client.call('com.atproto.server.activateAccount')
    await mirrored(client, repoRev)
  })
  progress(`and was mirrored ${(ms / 1000).toFixed(1)} s after its activation`)
}

const mirrored = async ({ did, get }: Subject['client'], rev: string): Promise<void> => {
  for (const until = Date.now() + MIRRORED_WITHIN_MS; Date.now() < until; await sleep(200)) {
    const answer = await get(`/xrpc/com.atproto.sync.getLatestCommit?did=${encodeURIComponent(did)}`).catch(() => null)
    if (answer?.headers['x-tabpod-answered-by'] === 'mirror' && jsonOf<{ rev: string }>(answer).rev === rev) return
  }
  throw new Error(`not mirrored within ${MIRRORED_WITHIN_MS / 1000} s`)
}

const jsonOf = <T>({ body }: Answer): T => JSON.parse(body.toString()) as T

export const largeMeasures: readonly Measure[] = [
  { name: 'getRepo, 100,000 records', unit: 'MB/s', target: 5, rounds: 3, run: getWholeRepo },
  {
    name: 'listRecords(100) of 100,000 p50',
    unit: 'ms',
    target: 0.5,
    run: async ({ client }) => {
      const path = `/xrpc/com.atproto.repo.listRecords?repo=${encodeURIComponent(client.did)}&collection=app.bsky.feed.post&limit=100`
      const samples: number[] = []
      let cursor = ''
      for (let page = 0; page < PAGES; page++) {
        samples.push(
          await timed(async () => {
            cursor = `&cursor=${jsonOf<{ cursor: string }>(await client.get(path + cursor)).cursor}`
          }),
        )
      }
      return median(samples)
    },
  },
  {
    name: 'createRecord p50 at 100,000',
    unit: 'ms',
    target: 0.3,
    run: async ({ client }) => {
      const samples: number[] = []
      for (let n = 0; n < WRITES; n++) samples.push(await timed(() => createPost(client, `in a large repo ${n}`)))
      return median(samples)
    },
  },
]
