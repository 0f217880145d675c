/** The network's relay, as it runs for everyone, follows a pod through what happens to pods. */
import { test as base } from 'playwright/test'
import { noTool, RELAY } from '../fixtures/go-tools.ts'
import { IndigoRelay } from '../fixtures/indigo-relay.ts'
import { noDirectory, startDirectory } from '../fixtures/plc-directory.ts'
import { expect, Pod, POST } from '../fixtures/pod.ts'
import { Room } from '../fixtures/room.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

const missing = noDirectory ?? noTool(RELAY)
const suffix = missing === null ? '' : ` (skipped: ${missing})`

/** In each of four turns. */
const WRITES = 70
const LANES = 8
/** After ten dials in vain the relay waits for 30 s. */
const CATCHES_UP_WITHIN_MS = 60_000

interface Followed {
  readonly pod: Pod
  readonly relay: IndigoRelay
}

const test = base.extend<object, { followed: Followed }>({
  followed: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const directory = await startDirectory()
      const room = new Room('relay', 'token', { TABPOD_PLC_URL: directory.url })
      await room.start()
      const pod = await Pod.create(room, [], true)
      const relay = await IndigoRelay.crawling(pod.url, directory.url)
      await use({ pod, relay })
      await relay.end()
      await pod.context.close()
      await room.end()
      await directory.stop()
    },
    { scope: 'worker', timeout: 600_000 },
  ],
})

test.skip(missing !== null, missing ?? '')
test.slow()

test(`the relay keeps up with a pod whose tab closes, whose worker is killed and whose shim crashes, and drops nothing of it${suffix}`, async ({
  followed: { pod, relay },
}) => {
  await writeMany(pod, WRITES)
  await expectCaughtUp(relay, pod)

  const killed = pod.killWorker()
  await writeMany(pod, WRITES)
  await killed

  await pod.close()
  await pod.reopen()
  await writeMany(pod, WRITES)
  await expectCaughtUp(relay, pod)

  await pod.room.crash()
  await pod.postInTab('while the shim was down')
  await pod.room.start()
  await pod.online()
  await writeMany(pod, WRITES)
  await expectCaughtUp(relay, pod)

  // What it passed on is what the pod's own firehose holds, commit for commit.
  const { rev } = await latest(pod)
  const [ours, passedOn] = [subscribe(pod.url, 0), subscribe(relay.url, 0)]
  for (const stream of [ours, passedOn]) await stream.until(({ body }) => body.rev === rev)
  for (const stream of [ours, passedOn]) stream.close()
  const revs = commitsOf(ours).map((commit) => commit.rev)
  expect(revs.length).toBeGreaterThan(4 * WRITES)
  expect(commitsOf(passedOn).map((commit) => commit.rev)).toEqual(revs)
  expect(complaintsOf(relay)).toEqual([])
})

test(`the relay hears that an account is deactivated, and follows it on when it is active again${suffix}`, async ({
  followed: { pod, relay },
}) => {
  const agent = await pod.agent()
  const status = () => relay.query('com.atproto.sync.getRepoStatus', { did: pod.did })
  await agent.com.atproto.server.deactivateAccount({})
  await expect.poll(status).toMatchObject({ active: false, status: 'deactivated' })
  await agent.com.atproto.server.activateAccount()
  await expect.poll(status).toMatchObject({ active: true })
  await writeMany(pod, 1)
  await expectCaughtUp(relay, pod)
  expect(complaintsOf(relay)).toEqual([])
})

/** Of the pod. After the crash the relay asks once more for the last event that it had, and refuses what it has. */
const complaintsOf = ({ complaints }: IndigoRelay) =>
  complaints.filter(({ msg, rev, prevRev }) => !EXPECTED.has(msg) && !(msg === 'dropping commit with old rev' && rev === prevRev))

/** The shim is down; and then our own subscription to the relay ends. */
const EXPECTED = new Set(['host connection failed', 'dialing failed', 'failed to read message from client'])

/** Until each is acknowledged: in between the worker may be gone. */
const writeMany = async (pod: Pod, count: number): Promise<void> => {
  await pod.token()
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const record = { $type: POST, text: `post ${next++}`, createdAt: new Date().toISOString() }
      const body = JSON.stringify({ repo: pod.did, collection: POST, record })
      await expect.poll(async () => (await pod.procedure('com.atproto.repo.createRecord', body)).status).toBe(200)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

const latest = async (pod: Pod): Promise<{ cid: string; rev: string }> =>
  (await (await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).json()) as { cid: string; rev: string }

const expectCaughtUp = async (relay: IndigoRelay, pod: Pod): Promise<void> => {
  const { did } = pod
  const head = await latest(pod)
  await expect.poll(() => relay.query('com.atproto.sync.getLatestCommit', { did }), { timeout: CATCHES_UP_WITHIN_MS }).toMatchObject(head)
  expect(await relay.query('com.atproto.sync.getRepoStatus', { did })).toMatchObject({ did, active: true, rev: head.rev })
  const { host } = new URL(pod.url)
  expect(await relay.query('com.atproto.sync.getHostStatus', { hostname: host })).toMatchObject({ status: 'active', accountCount: 1 })
  expect(await relay.hosts()).toMatchObject([{ Host: host, HasActiveConnection: true, Registered: true }])
}
