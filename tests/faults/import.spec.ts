/** Repos that come in broken, or not to their end: whatever happens, the one that was there stays until the new one is whole. */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeRepoCar } from '../../bench/repo-car.ts'
import { answeredByTab } from '../../scripts/pod.ts'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { expect, type Pod, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'import' })
test.describe.configure({ mode: 'serial' })

const IMPORT = 'com.atproto.repo.importRepo'
const CAR = { 'content-type': 'application/vnd.ipld.car' }
const RECORDS = 20_000

interface State {
  readonly repoRev: string
  readonly repoCommit: string
  readonly indexedRecords: number
}

const stateOf = async (pod: Pod): Promise<State> => {
  const { repoRev, repoCommit, indexedRecords } = (await (await pod.agent()).com.atproto.server.checkAccountStatus()).data
  return { repoRev, repoCommit, indexedRecords }
}

/** Sends part of the file, waits for `then`, and sends the rest unless it was told to hang up. @returns the status, 0 for a broken connection */
const importInParts = async (pod: Pod, car: Uint8Array, sentFirst: number, then: () => Promise<'go on' | 'hang up'>): Promise<number> => {
  const upload = request({
    host: 'localhost',
    port: new URL(pod.url).port,
    path: `/xrpc/${IMPORT}`,
    method: 'POST',
    headers: { ...CAR, authorization: `Bearer ${await pod.token()}`, 'content-length': car.length },
  })
  const status = new Promise<number>((resolve) => {
    upload.on('response', (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    upload.on('error', () => resolve(0))
  })
  await new Promise((resolve) => upload.write(car.subarray(0, sentFirst), resolve))
  if ((await then()) === 'hang up') upload.destroy()
  else upload.end(car.subarray(sentFirst))
  return status
}

/** Waits until the pod takes another import, which it does not while one is under way. */
const givenUp = async (pod: Pod): Promise<void> => {
  await expect.poll(async () => (await importWhole(pod, Uint8Array.of(1))).status, { timeout: 10_000 }).toBe(400)
}

const importWhole = (pod: Pod, car: Uint8Array<ArrayBuffer>): Promise<Response> => pod.procedure(IMPORT, car, CAR)

test('an account that is active keeps its records: no import replaces them', async ({ pod }) => {
  for (const text of ['one', 'two', 'three']) await pod.post(text)
  const before = await stateOf(pod)
  const refused = await importWhole(pod, await makeRepoCar(pod.did, 10))
  expect([refused.status, await refused.json()]).toMatchObject([400, { error: 'RepoNotEmpty' }])
  expect(await stateOf(pod)).toEqual(before)
  await (await pod.agent()).com.atproto.server.deactivateAccount({})
})

test('files that are no repo of this account are refused with 400, each by what is wrong with it, and change nothing', async ({ pod }) => {
  const before = await stateOf(pod)
  const good = Buffer.from(await makeRepoCar(pod.did, 20))
  const flipped = Buffer.from(good)
  flipped[flipped.length - 3]! ^= 1
  const twoRoots = Buffer.from(good)
  const files: ReadonlyArray<readonly [what: string, file: Uint8Array, error: string]> = [
    ['nothing', Buffer.alloc(0), 'InvalidRequest'],
    ['text', Buffer.from('this is no CAR, and never was one'), 'InvalidRequest'],
    ['only a header', good.subarray(0, 59), 'InvalidRepo'],
    ['cut in the middle', good.subarray(0, good.length / 2), 'InvalidRequest'],
    ['a flipped bit', flipped, 'InvalidRequest'],
    ['version 2', Buffer.from(twoRoots.toString('latin1').replace('version\x01', 'version\x02'), 'latin1'), 'InvalidRequest'],
    ['another account', await makeRepoCar('did:web:somebody.else.example', 20), 'InvalidRepo'],
    ['a section of 2 GB', Buffer.concat([good.subarray(0, 59), Buffer.of(0xff, 0xff, 0xff, 0xff, 0x07)]), 'InvalidRequest'],
  ]
  for (const [what, file, error] of files) {
    const answer = await importWhole(pod, Uint8Array.from(file))
    expect([answer.status, await answer.json()], what).toEqual([400, { error, message: expect.any(String) }])
  }
  expect(await stateOf(pod)).toEqual(before)
})

test('an upload that breaks off leaves the repo that was there', async ({ pod }) => {
  const before = await stateOf(pod)
  const car = await makeRepoCar(pod.did, RECORDS)
  for (const share of [0.1, 0.5, 0.99]) {
    expect(await importInParts(pod, car, Math.floor(car.length * share), () => Promise.resolve('hang up'))).toBe(0)
    await givenUp(pod)
  }
  expect(await stateOf(pod)).toEqual(before)
})

test('a worker killed while the file comes in leaves the repo that was there', async ({ pod }) => {
  const before = await stateOf(pod)
  const car = await makeRepoCar(pod.did, RECORDS)
  const status = await importInParts(pod, car, Math.floor(car.length / 2), async () => {
    await pod.killWorker()
    return 'go on'
  })
  expect(status === 0 || status >= 500, `answered ${status}`).toBe(true)
  await answeredByTab(pod.url)
  expect(await stateOf(pod)).toEqual(before)
})

test('a worker killed while the records land leaves the old repo or the new one, whole', async ({ pod }) => {
  const before = await stateOf(pod)
  const car = await makeRepoCar(pod.did, RECORDS)
  const answer = importInParts(pod, car, car.length, () => Promise.resolve('go on'))
  await sleep(300)
  await pod.killWorker()
  const status = await answer
  await answeredByTab(pod.url)
  const after = await stateOf(pod)
  expect([before.indexedRecords, RECORDS]).toContain(after.indexedRecords)
  if (after.indexedRecords === before.indexedRecords) expect(after).toEqual(before)
  if (status === 200) expect(after.indexedRecords).toBe(RECORDS)
})

test('and the next try works: the repo is there, signed anew, for everyone who verifies it', async ({ pod }) => {
  const { repoRev } = await stateOf(pod)
  const car = await makeRepoCar(pod.did, RECORDS)
  expect((await importWhole(pod, car)).status).toBe(200)
  const after = await stateOf(pod)
  expect(after.indexedRecords).toBe(RECORDS)
  expect(after.repoRev > repoRev).toBe(true)
  const agent = await pod.agent()
  await agent.com.atproto.server.activateAccount()
  await answeredByTab(pod.url)
  const rkey = await pod.post('and writes go on')
  const { creates } = await fetchVerifiedRepo(pod.url, pod.did)
  expect(creates).toHaveLength(RECORDS + 1)
  expect(creates.find((record) => record.collection === POST && record.rkey === rkey)).toBeDefined()
})
