/** A thousand random operations through the public address, and two consumers of the firehose that must end with the same repo. */
import { randomInt } from 'node:crypto'
import type { AtpAgent } from '@atproto/api'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { fetchVerifiedRepo, newResolver } from '../../scripts/witness.ts'
import { Dice } from '../fixtures/dice.ts'
import { DiffReplica } from '../fixtures/diff-replica.ts'
import { InductiveReplica, type Replicated } from '../fixtures/inductive-replica.ts'
import { expect, type Pod, test } from '../fixtures/pod.ts'
import { RandomClient } from '../fixtures/random-client.ts'

test.use({ name: 'random-operations' })
test.slow()

const OPERATIONS = 1_000
const LANES = 4
/** The same seed makes the same operations again. */
const seed = Number(process.env['TABPOD_SEED'] ?? randomInt(2 ** 31))

interface Witnesses {
  readonly official: DiffReplica
  readonly second: InductiveReplica
}

const witnessesOf = async ({ url, did }: Pod): Promise<Witnesses> => {
  const key = await newResolver().did.resolveAtprotoKey(did)
  return { official: new DiffReplica(url, did, key), second: new InductiveReplica(url, did, key) }
}

test(`${OPERATIONS} random operations: both consumers end with the repo as it is listed, exported and answered`, async ({ pod }) => {
  console.log(`random operations with seed ${seed}: TABPOD_SEED=${seed} does the same ones again`)
  const { official, second } = await witnessesOf(pod)
  const agent = await pod.agent()
  const clients = Array.from({ length: LANES }, (_, lane) => new RandomClient(agent, new Dice(seed + lane), `lane${lane}`))
  const run = async (operations: number, meanwhile?: () => Promise<void>): Promise<void> => {
    const lanes = clients.map(async (client) => {
      for (let n = 0; n < operations / LANES; n++) await client.step()
    })
    await Promise.all([...lanes, meanwhile?.()])
  }

  await run(OPERATIONS / 2, () => pod.killWorker())
  await pod.online()
  await pod.close()
  const closed = await latest(pod)
  await Promise.all([official.until(closed), second.until(closed)])
  await pod.reopen()
  await run(OPERATIONS / 2, () => pod.killWorker())

  const rev = await latest(pod)
  await Promise.all([official.until(rev), second.until(rev)])
  expect(official.errors).toEqual([])
  expect(second.errors).toEqual([])
  expect([second.strangers, second.resyncs]).toEqual([0, 0])

  const listed = await listAll(agent)
  expect(cidsOf(listed)).toEqual(sorted(clients.flatMap(({ records }) => Array.from(records))))
  expect(sorted(official.records)).toEqual(sorted(listed))
  expect(sorted(second.records)).toEqual(sorted(listed))
  const exported = await fetchVerifiedRepo(pod.url, pod.did)
  expect(sorted(exported.creates.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, String(cid)] as const))).toEqual(
    cidsOf(listed),
  )
  expect(String(exported.commit.rev)).toBe(rev)
  expect(listed.size).toBeGreaterThan(100)
  await expectBlobs(agent, pod, listed)
  await Promise.all([official.stop(), second.stop()])

  const kinds = new Set(clients.flatMap(({ done }) => Array.from(done.keys())))
  expect(kinds.size, [...kinds].join()).toBeGreaterThan(8)
})

test('identity, account and sync: both consumers see each of them, and the repo after them is the one before', async ({ pod }) => {
  const { official, second } = await witnessesOf(pod)
  const agent = await pod.agent()
  await second.until(await latest(pod))
  const before = second.kinds.length
  await agent.com.atproto.server.deactivateAccount({})
  await second.untilFrame((frame) => 'active' in frame && !frame.active && frame.status === 'deactivated')
  expect((await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).status).toBe(400)
  await agent.com.atproto.server.activateAccount()
  await pod.online()
  await pod.post('back again')
  const rev = await latest(pod)
  await Promise.all([official.until(rev), second.until(rev)])

  expect(second.kinds.slice(before)).toEqual(['account', 'account', 'identity', 'sync', 'commit'])
  const own = official.events.filter((event) => event.seq > 0 && !('uri' in event)).map((event) => event.event)
  expect(own.slice(-4)).toEqual(['account', 'account', 'identity', 'sync'])
  expect([official.errors, second.errors]).toEqual([[], []])
  expect(sorted(second.records)).toEqual(sorted(await listAll(agent)))
  expect(sorted(official.records)).toEqual(sorted(second.records))
  await Promise.all([official.stop(), second.stop()])
})

const latest = async (pod: Pod): Promise<string> => {
  const answer = await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })
  return ((await answer.json()) as { rev: string }).rev
}

const listAll = async (agent: AtpAgent): Promise<Map<string, Replicated>> => {
  const { data } = await agent.com.atproto.repo.describeRepo({ repo: agent.assertDid })
  const found = new Map<string, Replicated>()
  for (const collection of data.collections) {
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const query = new URLSearchParams({ repo: agent.assertDid, collection, limit: '100', ...(cursor !== undefined && { cursor }) })
      // As it is on the wire: the client's own method would make objects of links and bytes.
      const answer = await agent.fetchHandler(`/xrpc/com.atproto.repo.listRecords?${query.toString()}`, { method: 'GET' })
      const page = (await answer.json()) as { cursor?: string; records: Array<{ uri: string; cid: string; value: unknown }> }
      for (const { uri, cid, value } of page.records) found.set(uri.split('/').slice(3).join('/'), { cid, value })
      cursor = page.cursor
    }
  }
  return found
}

/** Referenced blobs are exactly those that records mention, and their bytes are what their CIDs say. */
const expectBlobs = async (agent: AtpAgent, pod: Pod, records: ReadonlyMap<string, Replicated>): Promise<void> => {
  const mentioned = new Set<string>()
  for (const { value } of records.values()) {
    for (const [, cid] of JSON.stringify(value).matchAll(/"ref":\{"\$link":"(\w+)"/g)) mentioned.add(cid!)
  }
  const { data } = await agent.com.atproto.sync.listBlobs({ did: pod.did, limit: 1_000 })
  expect(data.cids.toSorted()).toEqual([...mentioned].toSorted())
  for (const cid of data.cids) {
    const blob = await agent.com.atproto.sync.getBlob({ did: pod.did, cid })
    expect(String(CID.createV1(raw.code, await sha256.digest(blob.data)))).toBe(cid)
  }
}

const sorted = <T>(entries: Iterable<readonly [string, T]>): Array<readonly [string, T]> =>
  [...entries].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

const cidsOf = (records: ReadonlyMap<string, Replicated>): Array<readonly [string, string]> =>
  sorted(Array.from(records, ([path, { cid }]) => [path, cid] as const))
