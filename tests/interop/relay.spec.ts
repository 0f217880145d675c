/**
 * The network's relay, as it runs for everyone, follows a pod through what happens to pods; beside it goat, @atproto/sync and @atcute, each with all its checks. Where
 * the programs in Go are not here, the other two are judges all the same.
 */
import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { newResolver } from '../../scripts/witness.ts'
import type { RelayView } from '../../wire/frames.ts'
import { Dice } from '../fixtures/dice.ts'
import { DiffReplica } from '../fixtures/diff-replica.ts'
import { noTool, RELAY, WATCHING_GOAT } from '../fixtures/go-tools.ts'
import { Goat, type GoatFollower, showDirectory } from '../fixtures/goat.ts'
import { IndigoRelay } from '../fixtures/indigo-relay.ts'
import { InductiveReplica } from '../fixtures/inductive-replica.ts'
import { command } from '../fixtures/owner.ts'
import { noDirectory, startDirectory } from '../fixtures/plc-directory.ts'
import { expect, Pod } from '../fixtures/pod.ts'
import { RandomClient } from '../fixtures/random-client.ts'
import { Room, test as roomTest } from '../fixtures/room.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

const noRelay = noDirectory ?? noTool(RELAY)
const noGoat = noDirectory ?? noTool(WATCHING_GOAT)
const skipped = noRelay === null ? '' : ` (skipped: ${noRelay})`
const absent = [noRelay && `without the relay: ${noRelay}`, noGoat && `without goat: ${noGoat}`].filter((why) => why !== null)

const JUDGED = 'a thousand random writes while tabs close, workers are killed and the shim crashes: nobody who follows finds a fault'
const WRITES = 1_000
const LANES = 4
/** The same seed makes the same writes and disturbances again. */
const seed = Number(process.env['TABPOD_SEED'] ?? randomInt(2 ** 31))
/** After ten dials in vain the relay waits for 30 s. */
const CATCHES_UP_WITHIN_MS = 90_000

interface Scene {
  readonly pod: Pod
  /** URL of the directory of the pod's did:plc; undefined: it has a did:web. */
  readonly plc: string | undefined
  /** Only where `noRelay` is null. */
  readonly relay: IndigoRelay
  /** null where `noGoat` is not. */
  readonly goat: Goat | null
}

const test = roomTest.extend<object, { scene: Scene }>({
  scene: [
    async ({ runtime }, use) => {
      const directory = noDirectory === null ? await startDirectory() : null
      const relay = noRelay === null && directory ? await IndigoRelay.create(directory.url) : null
      const goat = noGoat === null && directory ? await Goat.start(WATCHING_GOAT) : null
      const hideDirectory = goat && directory ? await showDirectory(directory.url, WATCHING_GOAT) : null
      const variables = { ...(directory && { TABPOD_PLC_URL: directory.url }), ...(relay && { TABPOD_RELAYS: relay.url }) }
      const room = new Room('relay', 'token', variables, runtime)
      await room.start()
      const pod = await Pod.create(room, [], directory !== null)
      await pod.token()
      // `as`: tests that need a relay are skipped where there is none.
      await use({ pod, plc: directory?.url, relay: relay as IndigoRelay, goat })
      await relay?.end()
      await hideDirectory?.()
      goat?.end()
      await pod.context.close()
      await room.end()
      await directory?.stop()
    },
    { scope: 'worker', timeout: 600_000 },
  ],
})

test(`the room asks the relay to crawl, and the owner reads why it will not: on this machine it never does${skipped}`, async ({
  scene,
}) => {
  test.skip(noRelay !== null, noRelay ?? '')
  const { pod, relay } = scene
  // A host with a port must be localhost, and localhost is no public host: `--allow-insecure-hosts` changes neither (`handleComAtprotoSyncRequestCrawl`).
  await expect
    .poll(() => command<RelayView[] | null>(pod.page, { kind: 'relays', crawl: false }))
    .toMatchObject([{ url: relay.url, status: null, error: 'It answered with 400: can not configure localhost via public endpoint' }])
})

test(`${JUDGED}${absent.map((why) => ` (${why})`).join('')}`, async ({ scene: { pod, plc, relay, goat } }) => {
  test.setTimeout(400_000)
  console.log(`relay with seed ${seed}: TABPOD_SEED=${seed} does the same again`)
  const key = await newResolver(plc).did.resolveAtprotoKey(pod.did)
  if (noRelay === null) await relay.crawl(pod.url)
  const watched = noRelay === null ? watch(relay, pod) : null
  const official = new DiffReplica(pod.url, pod.did, key, plc)
  const second = new InductiveReplica(pod.url, pod.did, key)
  const herd = goat?.follow(pod.url)

  const acknowledged = await writeThroughTrouble(pod, new Dice(seed))

  const { rev } = await latest(pod)
  const own = subscribe(pod.url, 0)
  await own.until(({ body }) => body.rev === rev)
  own.close()
  const revs = commitsOf(own).map((commit) => commit.rev)
  expect(acknowledged.length).toBeGreaterThanOrEqual(WRITES)
  expect(acknowledged.filter((each) => !revs.includes(each))).toEqual([])

  await Promise.all([official.until(rev), second.until(rev)])
  expect(unexpected(official.errors.map(explain))).toEqual([])
  expect(unexpected(second.errors.map(explain))).toEqual([])
  expect([second.strangers, second.resyncs]).toEqual([0, 0])
  expect([...official.records.keys()].toSorted()).toEqual([...second.records.keys()].toSorted())

  if (herd) {
    await expect.poll(() => revsOf(herd).at(-1), { timeout: CATCHES_UP_WITHIN_MS }).toBe(rev)
    await herd.stop()
    expect(revsOf(herd)).toEqual(revs)
    // Nothing but that the first commit of a repo has no tree before it.
    expect(herd.complaints.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['prevData is nil, skipping MST check'])
  }

  if (watched) {
    await expectCaughtUp(relay, pod)
    // Never offline, throttled or desynchronized, and its account never anything but active.
    expect(await watched.stop()).toEqual(['host active, account active, upstream active'])
    // What it passed on is what the pod's own firehose holds, commit for commit.
    const passedOn = subscribe(relay.url, 0)
    await passedOn.until(({ body }) => body.rev === rev)
    passedOn.close()
    expect(commitsOf(passedOn).map((commit) => commit.rev)).toEqual(revs)
    expect(complaintsOf(relay)).toEqual([])
    await expect
      .poll(() => command<RelayView[] | null>(pod.page, { kind: 'relays', crawl: false }), { timeout: 60_000 })
      .toMatchObject([{ url: relay.url, status: 'active', error: null }])
  }
  await Promise.all([official.stop(), second.stop()])
})

test(`while the tab is closed the account stays active for the relay, and the answers of the mirror say how old they are${skipped}`, async ({
  scene,
}) => {
  test.skip(noRelay !== null, noRelay ?? '')
  const { pod, relay } = await followed(scene)
  await pod.close()
  const answer = await pod.query('com.atproto.sync.getRepoStatus', { did: pod.did })
  expect(await answer.json()).toMatchObject({ did: pod.did, active: true })
  expect(Number(answer.headers.get('x-tabpod-mirror-age'))).toBeGreaterThanOrEqual(0)
  expect(Date.parse(answer.headers.get('x-tabpod-tab-seen') ?? '')).toBeLessThanOrEqual(Date.now())
  await expectCaughtUp(relay, pod)
  await pod.reopen()
})

test(`the relay that was away comes back with its cursor and gets what it missed, and nothing else${skipped}`, async ({ scene }) => {
  test.skip(noRelay !== null, noRelay ?? '')
  const { pod, relay } = await followed(scene)
  await expectCaughtUp(relay, pod)
  await relay.stop()
  for (let n = 0; n < 20; n += 1) await pod.post(`the relay is away ${n}`)
  await relay.start()
  await expectCaughtUp(relay, pod)
  expect(complaintsOf(relay)).toEqual([])
})

test(`a relay that meets the pod now asks for what comes next only, and takes it from there${skipped}`, async ({ scene }) => {
  test.skip(noRelay !== null, noRelay ?? '')
  const { pod, plc } = await followed(scene)
  const late = await IndigoRelay.create(plc ?? '')
  try {
    await late.crawl(pod.url, -1)
    // Its connection may not be up yet when it answers.
    await expect(async () => {
      await pod.post('perhaps the first that it sees')
      await expect.poll(() => late.accounts(), { timeout: 2_000 }).toHaveLength(1)
    }).toPass()
    await expectCaughtUp(late, pod)
    expect(late.accounts()).toEqual([{ did: pod.did, status: 'active', upstream: 'active' }])
    expect(complaintsOf(late)).toEqual([])
  } finally {
    await late.end()
  }
})

test(`a room that lost its storage is no stranger to the relay, whose cursor is of the time before${skipped}`, async ({ scene }) => {
  test.skip(noRelay !== null, noRelay ?? '')
  const { pod, relay } = await followed(scene)
  await expectCaughtUp(relay, pod)
  await pod.close()
  await relay.stop()
  await pod.room.crash()
  rmSync(join(pod.room.directory, 'room'), { recursive: true })
  await pod.room.start()
  // It dials before it answers: the room is empty still, and has no event. Told that its cursor is in the future it would let go of the host until it is asked to crawl.
  await relay.start()
  const watched = watch(relay, pod)
  await pod.reopen()
  await pod.post('in the new room')
  await expectCaughtUp(relay, pod)
  expect(await watched.stop()).toEqual(['host active, account active, upstream active'])
  expect(complaintsOf(relay)).toEqual([])
})

test(`the relay hears that an account is deactivated, and follows it on when it is active again${skipped}`, async ({ scene }) => {
  test.skip(noRelay !== null, noRelay ?? '')
  const { pod, relay } = await followed(scene)
  const agent = await pod.signIn()
  const status = () => relay.query('com.atproto.sync.getRepoStatus', { did: pod.did })
  await agent.com.atproto.server.deactivateAccount({})
  await expect.poll(status).toMatchObject({ active: false, status: 'deactivated' })
  await agent.com.atproto.server.activateAccount()
  await expect.poll(status).toMatchObject({ active: true })
  await pod.post('active again')
  await expectCaughtUp(relay, pod)
  expect(complaintsOf(relay)).toEqual([])
})

/** In this order the relay follows already; by itself a test has it do so. */
const followed = async (scene: Scene): Promise<Scene> => {
  await scene.relay.crawl(scene.pod.url)
  return scene
}

/** Each at a moment of the dice, and some more. The lanes write on as well as they can; what they lose they do not repeat. */
const TROUBLES: Readonly<Record<string, (pod: Pod) => Promise<void>>> = {
  'worker killed': (pod) => pod.killWorker(),
  'tab closed and opened': async (pod) => {
    await pod.close()
    await pod.reopen()
  },
  'shim crashed': async (pod) => {
    await pod.room.crash()
    await pod.postInTab('while the shim was down')
    await pod.room.start()
  },
  'tab closed, shim crashed': async (pod) => {
    await pod.close()
    await pod.room.crash()
    await pod.room.start()
    await pod.reopen()
  },
}
const MORE_TROUBLES = 2

/** @returns revs of the commits that were acknowledged */
const writeThroughTrouble = async (pod: Pod, dice: Dice): Promise<readonly string[]> => {
  const agent = await pod.agent()
  const clients = Array.from({ length: LANES }, (_, lane) => new RandomClient(agent, new Dice(dice.below(2 ** 31)), `lane${lane}`))
  const written = () => clients.reduce((sum, { revs }) => sum + revs.length, 0)
  const started = Date.now()
  const told: string[] = []
  const failures = new Map<string, number>()
  const lanes = clients.map(async (client) => {
    while (written() < WRITES) {
      try {
        await client.step()
      } catch (cause) {
        // Nobody was there to answer; or it was done and the answer was lost, and the client's picture is wrong since.
        const what = cause instanceof Error ? cause.message : String(cause)
        failures.set(what, (failures.get(what) ?? 0) + 1)
        await sleep(100)
      }
    }
  })
  const kinds = Object.keys(TROUBLES)
  const troubles = [...kinds, ...Array.from({ length: MORE_TROUBLES }, () => dice.pick(kinds))]
  const plan = troubles.map((name) => ({ name, at: dice.below(WRITES) })).toSorted((a, b) => a.at - b.at)
  for (const { name, at } of plan) {
    while (written() < at) await sleep(20)
    const begun = Date.now()
    await TROUBLES[name]!(pod)
    await pod.online()
    told.push(`${name} at ${at} for ${Date.now() - begun} ms`)
  }
  await Promise.all(lanes)
  console.log(`troubles: ${told.join(', ')}; all: ${Date.now() - started} ms; lost: ${JSON.stringify([...failures])}`)
  return clients.flatMap(({ revs }) => revs)
}

/** Looks at what the relay says of host and account until it is stopped. */
const watch = (relay: IndigoRelay, pod: Pod): { stop(): Promise<string[]> } => {
  const seen = new Set<string>()
  const stopped = new AbortController()
  const look = async (): Promise<void> => {
    const { status } = await relay.query<{ status: string }>('com.atproto.sync.getHostStatus', { hostname: new URL(pod.url).host })
    for (const account of relay.accounts()) seen.add(`host ${status}, account ${account.status}, upstream ${account.upstream}`)
  }
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      await look()
      await sleep(200)
    }
  })()
  return {
    stop: async () => {
      stopped.abort()
      await watching
      return [...seen]
    },
  }
}

const revsOf = ({ events }: GoatFollower): string[] => events.flatMap(({ type, payload }) => (type === 'commit' ? [payload.rev ?? ''] : []))

const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  return [error.name, typeof code === 'string' ? code : '', error.message, error.cause ? explain(error.cause) : ''].join(' ')
}

/** The shim is down. */
const CONNECTION = /ECONNREFUSED|ECONNRESET|socket hang up/
const unexpected = (errors: readonly string[]): string[] => errors.filter((error) => !CONNECTION.test(error))

/**
 * All that it warns of or calls an error is a fault of the pod (a commit that was dropped, did not verify, did not fit the one before; an event out of order; an error
 * frame; a message it cannot read), but for what says that the shim is down, and that our own subscription to the relay ended. After a crash it asks once more for the last
 * event that it had, and refuses what it has.
 */
const complaintsOf = ({ complaints }: IndigoRelay) =>
  complaints.filter(({ msg, rev, prevRev }) => !EXPECTED.has(msg) && !(msg === 'dropping commit with old rev' && rev === prevRev))
const EXPECTED = new Set(['host connection failed', 'dialing failed', 'failed to read message from client'])

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
