import { setTimeout as sleep } from 'node:timers/promises'
import { newResolver } from '../../scripts/witness.ts'
import { openPodInTab } from '../../scripts/pod.ts'
import { Dice } from '../fixtures/dice.ts'
import { InductiveReplica } from '../fixtures/inductive-replica.ts'
import { fromOutside, Ledger, LEDGER_COLLECTION, numberIn, Writer } from '../fixtures/ledger.ts'
import { expect, HANDLE, PASSWORD, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'two-tabs' })

const EACH = 40
const TURNS = 5
const APPS = 4
const ACKNOWLEDGED_PER_TURN = 40
/** After a request that nobody answered. */
const PAUSE_MS = 100

test('two tabs and an outside app write at once: every record lands once, in one unbroken chain of commits', async ({ pod }) => {
  const second = await openPodInTab({ context: pod.context, url: pod.url, claim: pod.room.claim, handle: HANDLE, password: PASSWORD })
  const replica = new InductiveReplica(pod.url, pod.did, await newResolver().did.resolveAtprotoKey(pod.did))
  const token = await pod.token()
  const inTab = (page: typeof second, name: string): Promise<number[]> =>
    page.evaluate(
      ({ token, repo, collection, name, count }) =>
        Promise.all(
          Array.from({ length: count }, async (_, n) => {
            const answer = await fetch('/xrpc/com.atproto.repo.createRecord', {
              method: 'POST',
              headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
              body: JSON.stringify({
                repo,
                collection,
                record: { $type: collection, text: `${name} ${n}`, createdAt: new Date().toISOString() },
              }),
            })
            return answer.status
          }),
        ),
      { token, repo: pod.did, collection: POST, name, count: EACH },
    )
  const outside = Promise.all(Array.from({ length: EACH }, (_, n) => pod.post(`outside ${n}`)))
  const [one, two] = await Promise.all([inTab(pod.page, 'first tab'), inTab(second, 'second tab'), outside])
  expect([...one, ...two]).toEqual(Array.from({ length: 2 * EACH }, () => 200))

  const last = await pod.post('last')
  await replica.untilFrame((frame) => 'ops' in frame && frame.ops.some(({ path }) => path === `${POST}/${last}`))
  await replica.stop()
  expect(replica.errors).toEqual([])
  const texts = Array.from(replica.records.values(), ({ value }) => (value as { text: string }).text)
  const expected = ['first tab', 'second tab', 'outside'].flatMap((name) => Array.from({ length: EACH }, (_, n) => `${name} ${n}`))
  expect(texts.toSorted()).toEqual([...expected, 'last'].toSorted())
  await second.close()
})

test('tabs lead in turn while four apps write: each acknowledged write is on the firehose exactly once', async ({ pod }) => {
  const replica = new InductiveReplica(pod.url, pod.did, await newResolver().did.resolveAtprotoKey(pod.did))
  const seed = Date.now() % 1_000_000
  test.info().annotations.push({ type: 'seed', description: String(seed) })
  const dice = new Dice(seed)
  const ledger = new Ledger()
  await pod.token()
  const over = new AbortController()
  const lane = async (writer: Writer): Promise<void> => {
    while (!over.signal.aborted) if (!(await writer.step())) await sleep(PAUSE_MS)
  }
  const writing = Promise.all(
    Array.from({ length: APPS }, (_, n) => lane(new Writer(ledger, pod.did, fromOutside(pod), new Dice(seed + n + 1)))),
  )
  // Heard below.
  writing.catch(() => {})

  for (let turn = 1; turn <= TURNS; turn += 1) {
    await expect.poll(() => ledger.acknowledged, { timeout: 60_000 }).toBeGreaterThan(turn * ACKNOWLEDGED_PER_TURN)
    const leader = pod.page
    const next = openPodInTab({ context: pod.context, url: pod.url, claim: pod.room.claim, handle: HANDLE, password: PASSWORD })
    // The leader goes while the other one is still loading, or when it stands by.
    if (dice.next() < 0.5) await next
    else await sleep(dice.below(300))
    await leader.close()
    pod.page = await next
    await pod.online()
  }
  over.abort()
  await writing

  const last = await pod.post('last of all')
  await replica.untilFrame((frame) => 'ops' in frame && frame.ops.some(({ path }) => path === `${POST}/${last}`))
  await replica.stop()
  expect(replica.errors).toEqual([])
  const witnessed = replica.operations.filter(({ path }) => path.startsWith(LEDGER_COLLECTION))
  expect(
    ledger.mistakesIn(witnessed.map(({ action, path, value }) => ({ action, path, n: value === null ? null : numberIn(value) }))),
  ).toEqual([])
})
