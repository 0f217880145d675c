import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import { fetchVerifiedRepo, newResolver } from '../../scripts/witness.ts'
import { Dice } from '../fixtures/dice.ts'
import { InductiveReplica } from '../fixtures/inductive-replica.ts'
import {
  fromInside,
  fromOutside,
  Ledger,
  LEDGER_COLLECTION,
  type LedgerRecord,
  numberIn,
  type Transport,
  Writer,
} from '../fixtures/ledger.ts'
import { expect, test } from '../fixtures/pod.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'killed-shim' })

/** All of it takes some minutes: `TABPOD_ALL_FAULTS=1`. */
const IS_WHOLE = process.env['TABPOD_ALL_FAULTS'] === '1'
const [KILLS, WRITES] = IS_WHOLE ? [50, 5000] : [3, 300]
const OUTSIDE = 6
/** The owner's own tab writes on while the shim is down. */
const INSIDE_PAUSE_MS = 100
/** After a request that nobody answered. */
const OUTSIDE_PAUSE_MS = 300

test(`a shim killed ${KILLS} times during ${WRITES} writes: each acknowledged one is in repo, mirror and firehose exactly once`, async ({
  pod,
}) => {
  test.setTimeout(IS_WHOLE ? 1_200_000 : 240_000)
  const seed = Date.now() % 1_000_000
  const dice = new Dice(seed)
  test.info().annotations.push({ type: 'seed', description: String(seed) })
  const replica = new InductiveReplica(pod.url, pod.did, await newResolver().did.resolveAtprotoKey(pod.did))
  const ledger = new Ledger()
  await pod.token()
  const [outside, inside] = [fromOutside(pod), fromInside(() => pod.page, await pod.token())]
  const writer = (call: Transport, n: number) => new Writer(ledger, pod.did, call, new Dice(seed + n))
  const lane = async (who: Writer, pauseMs: number): Promise<void> => {
    while (ledger.acknowledged < WRITES) if (!(await who.step()) || pauseMs === INSIDE_PAUSE_MS) await sleep(pauseMs)
  }
  const startedAt = performance.now()
  const writing = Promise.all([
    lane(writer(inside, 0), INSIDE_PAUSE_MS),
    ...Array.from({ length: OUTSIDE }, (_, n) => lane(writer(outside, n + 1), OUTSIDE_PAUSE_MS)),
  ])
  // Heard below.
  writing.catch(() => {})

  for (let kill = 1; kill <= KILLS; kill += 1) {
    // Every other time it dies while the tab is still coming back, with its outbox, to the shim started last.
    if (kill % 2 === 0) await sleep(dice.below(2_500))
    else while (ledger.acknowledged < (kill * WRITES) / (KILLS + 1)) await sleep(dice.below(60))
    await pod.room.crash()
    await sleep(dice.below(500))
    await pod.room.start()
  }
  await writing
  const ms = performance.now() - startedAt
  await pod.online()
  const last = await pod.post('last')

  await replica.untilFrame((frame) => 'ops' in frame && frame.ops.some(({ path }) => path.endsWith(last)))
  await replica.stop()
  const figures = {
    kills: KILLS,
    seconds: Math.round(ms / 1000),
    asked: ledger.entries.length,
    requests: ledger.acknowledged,
    inDoubt: ledger.unanswered,
  }
  console.log(JSON.stringify(figures))
  expect(ledger.unanswered).toBeGreaterThan(0)

  // The firehose as one saw it who was there all the time, through all the crashes, and took nothing on trust.
  expect(replica.errors).toEqual([])
  const witnessed = replica.operations.filter(({ path }) => path.startsWith(LEDGER_COLLECTION))
  expect(
    ledger.mistakesIn(witnessed.map(({ action, path, value }) => ({ action, path, n: value === null ? null : numberIn(value) }))),
  ).toEqual([])
  // And as one sees it who comes now.
  const stored = subscribe(pod.url, 0)
  await stored.until(({ body }) => body.ops?.some(({ path }) => path.endsWith(last)) ?? false)
  stored.close()
  expect(stored.messages.map(({ body }) => body.seq)).toEqual(replica.frames.flatMap((frame) => ('seq' in frame ? [frame.seq] : [])))
  expect(commitsOf(stored).flatMap(({ ops }) => ops.map(({ action, path }) => `${action} ${path}`))).toEqual(
    replica.operations.map(({ action, path }) => `${action} ${path}`),
  )

  // The mirror, verified by @atproto/repo, holds what the firehose leads to, and what the tab has.
  const repo = await fetchVerifiedRepo(pod.url, pod.did)
  expect(new Map(repo.creates.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, cid.toString()]))).toEqual(
    new Map([...replica.records].map(([path, { cid }]) => [path, cid])),
  )
  const ofLedger = repo.records.filter(({ collection }) => collection === LEDGER_COLLECTION)
  const records = new Map(ofLedger.map(({ collection, rkey, value }) => [`${collection}/${rkey}`, numberIn(value)]))
  expect(ledger.mistakesInRepo(records)).toEqual([])
  const query = `/xrpc/com.atproto.sync.getRepo?did=${encodeURIComponent(pod.did)}`
  const ofTab = await pod.page.evaluate(
    async (path) => [...new Uint8Array(await crypto.subtle.digest('SHA-256', await (await fetch(path)).arrayBuffer()))],
    query,
  )
  const ofMirror = new Uint8Array(await (await pod.room.request(query)).arrayBuffer())
  expect(Buffer.from(ofTab)).toEqual(createHash('sha256').update(ofMirror).digest())

  await pod.close()
  const mentioned = [...replica.records.values()].flatMap(({ value }) => (value as LedgerRecord).file?.ref.$link ?? [])
  expect(mentioned.length).toBeGreaterThan(0)
  for (const cid of mentioned) {
    const blob = await pod.query('com.atproto.sync.getBlob', { did: pod.did, cid })
    expect([cid, blob.status]).toEqual([cid, 200])
    const digest = createHash('sha256')
      .update(new Uint8Array(await blob.arrayBuffer()))
      .digest()
    expect(digest.equals(CID.parse(cid).multihash.digest), cid).toBe(true)
  }
})
