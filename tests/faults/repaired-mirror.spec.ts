/** A room whose storage is not what it was: put back from an older copy, or gone. The pod brings it up to date, and sends no more than it must. */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { TID } from '@atproto/common-web'
import type { Page } from 'playwright'
import { makePng } from '../../scripts/picture.ts'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { decodeMessage } from '../../wire/codec.ts'
import { parseTabFrame, type TabFrame, UPLINK_PATH } from '../../wire/frames.ts'
import { KEPT_EVENTS } from '../../wire/limits.ts'
import { expect, type Pod, POST, test } from '../fixtures/pod.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'repaired-mirror' })
test.describe.configure({ mode: 'serial', timeout: 240_000 })

const RECORDS = 3_000
/** One record of a few is written anew by each, so that little differs in the end. */
const LATER_COMMITS = KEPT_EVENTS + 700
const REWRITTEN = 5
const PICTURES = 4

interface Overheard {
  readonly frames: TabFrame[]
  /** Bytes of everything that the tab has sent, and of the bodies of its blobs. */
  bytes: number
  blobBytes: number
}

/** What the tab says on connections that it makes from now on. */
const overhear = (pod: Pod): Overheard => {
  const heard: Overheard = { frames: [], bytes: 0, blobBytes: 0 }
  const listen = (page: Page): void => {
    page.on('websocket', (socket) => {
      if (!socket.url().includes(UPLINK_PATH)) return
      socket.on('framesent', ({ payload }) => {
        if (typeof payload === 'string') return
        heard.bytes += payload.length
        for (const { head, payload: part } of decodeMessage(new Uint8Array(payload), parseTabFrame)) {
          heard.frames.push(head)
          if (head.t === 'body' && head.of === 'blob') heard.blobBytes += part.length
        }
      })
    })
  }
  pod.context.pages().forEach(listen)
  pod.context.on('page', listen)
  return heard
}

const kindsOf = ({ frames }: Overheard): ReadonlySet<string> => new Set(frames.map(({ t }) => t))
const blobsOf = ({ frames }: Overheard): string[] => frames.flatMap((frame) => (frame.t === 'blob' ? [frame.cid] : [])).toSorted()
const storageOf = ({ room }: Pod): string => join(room.directory, 'room')
const repoBytes = async (pod: Pod): Promise<number> =>
  (await (await pod.query('com.atproto.sync.getRepo', { did: pod.did })).arrayBuffer()).byteLength
const headOf = async (pod: Pod): Promise<{ rev: string }> =>
  (await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).json() as never

const postPicture = async (pod: Pod, tint: number): Promise<string> => {
  const agent = await pod.agent()
  const { data } = await agent.uploadBlob(makePng(64, tint), { encoding: 'image/png' })
  const embed = { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: `tint ${tint}` }] }
  await agent.post({ text: `tint ${tint}`, embed, createdAt: new Date().toISOString() })
  return data.blob.ref.toString()
}

/** Number of the oldest event that the pod still has. */
const oldestEvent = (pod: Pod): Promise<number> =>
  pod.page.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open('tabpod')
        opening.onerror = () => reject(opening.error)
        opening.onsuccess = () => {
          const asked = opening.result.transaction('events').objectStore('events').getAllKeys(null, 1)
          asked.onsuccess = () => {
            opening.result.close()
            resolve(Number(asked.result[0] ?? 0))
          }
        }
      }),
  )

const applyWrites = async (pod: Pod, from: number, count: number): Promise<void> => {
  const writes = Array.from({ length: count }, (_, n) => ({
    $type: 'com.atproto.repo.applyWrites#create',
    collection: POST,
    value: { $type: POST, text: `record ${from + n}, about as long as most of them are`, createdAt: new Date().toISOString() },
  }))
  expect((await pod.procedure('com.atproto.repo.applyWrites', JSON.stringify({ repo: pod.did, writes }))).status).toBe(200)
}

/** So many commits, each of which writes one of five records anew, as an app in the owner's tab does it. */
const writeAnew = async (pod: Pod, commits: number): Promise<void> => {
  const statuses = await pod.page.evaluate(
    async ({ token, repo, collection, commits, rkeys }) => {
      let next = 0
      const failed: number[] = []
      const write = async (): Promise<void> => {
        while (next < commits) {
          const n = next++
          const record = { $type: collection, text: `version ${n}`, createdAt: new Date().toISOString() }
          const answer = await fetch('/xrpc/com.atproto.repo.putRecord', {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
            body: JSON.stringify({ repo, collection, rkey: rkeys[n % rkeys.length], record }),
          })
          await answer.text()
          if (answer.status !== 200) failed.push(answer.status)
        }
      }
      await Promise.all(Array.from({ length: 8 }, write))
      return failed
    },
    { token: await pod.token(), repo: pod.did, collection: POST, commits, rkeys: Array.from({ length: REWRITTEN }, () => TID.nextStr()) },
  )
  expect(statuses).toEqual([])
}

test('a mirror older than the log is repaired: of some thousands of records only those that differ are sent, and only the blobs it lacks', async ({
  pod,
}) => {
  for (let from = 0; from < RECORDS; from += 200) await applyWrites(pod, from, 200)
  await postPicture(pod, 1)
  await postPicture(pod, 2)
  await pod.room.crash()
  const copy = join(pod.room.directory, 'older')
  cpSync(storageOf(pod), copy, { recursive: true })
  const { rev: older } = await pod.room.start().then(() => headOf(pod))
  await pod.online()

  const pictures = [await postPicture(pod, 3), await postPicture(pod, 4)].toSorted()
  await writeAnew(pod, LATER_COMMITS)
  const lastAcknowledged = async () => pod.page.getByText('Waiting to send').locator('..').innerText()
  await expect.poll(lastAcknowledged, { timeout: 30_000 }).toMatch(/\n0$/)
  await expect.poll(() => oldestEvent(pod), { timeout: 60_000, message: 'the log was never pruned' }).toBeGreaterThan(25)
  const before = await headOf(pod)

  await pod.room.crash()
  rmSync(storageOf(pod), { recursive: true, force: true })
  cpSync(copy, storageOf(pod), { recursive: true })
  const heard = overhear(pod)
  await pod.room.start()
  expect((await headOf(pod)).rev <= before.rev).toBe(true)
  await pod.online()
  await expect.poll(() => headOf(pod)).toEqual(before)
  expect(before.rev > older).toBe(true)
  await expect.poll(() => blobsOf(heard)).toEqual(pictures)

  const kinds = kindsOf(heard)
  expect([kinds.has('repair'), kinds.has('snapshot'), kinds.has('event')]).toEqual([true, false, false])
  const sent = heard.bytes - heard.blobBytes
  test.info().annotations.push({ type: 'bytes', description: `${sent} of ${await repoBytes(pod)}` })
  expect(sent).toBeLessThan((await repoBytes(pod)) / 10)
  expect((await fetchVerifiedRepo(pod.url, pod.did)).creates.filter(({ collection }) => collection === POST)).toHaveLength(
    RECORDS + REWRITTEN + PICTURES,
  )

  await pod.close()
  for (const cid of pictures) expect((await pod.query('com.atproto.sync.getBlob', { did: pod.did, cid })).status).toBe(200)
  const again = overhear(pod)
  await pod.reopen()
  await pod.online()
  await expect.poll(() => kindsOf(again).has('ready')).toBe(true)
  expect(kindsOf(again).has('blob')).toBe(false)
})

test('and after an import only what the imported repo has otherwise', async ({ pod }) => {
  const car = new Uint8Array(await (await pod.query('com.atproto.sync.getRepo', { did: pod.did })).arrayBuffer())
  for (let n = 0; n < 5; n++) await pod.post(`not in the copy ${n}`)
  const agent = await pod.agent()
  await agent.com.atproto.server.deactivateAccount({})
  const heard = overhear(pod)
  const imported = await pod.procedure('com.atproto.repo.importRepo', car, { 'content-type': 'application/vnd.ipld.car' })
  expect(imported.status).toBe(200)
  await agent.com.atproto.server.activateAccount()
  await expect.poll(() => kindsOf(heard).has('repair'), { timeout: 60_000 }).toBe(true)
  await pod.online()
  await expect.poll(async () => (await fetchVerifiedRepo(pod.url, pod.did)).creates.length).toBe(RECORDS + REWRITTEN + PICTURES)
  expect([kindsOf(heard).has('snapshot'), blobsOf(heard)]).toEqual([false, []])
  test.info().annotations.push({ type: 'bytes', description: `${heard.bytes} of ${car.length}` })
  expect(heard.bytes).toBeLessThan(car.length / 10)
  await pod.post('and on it goes')
})

test('a room that lost its storage is told the whole again, and the firehose does not go back', async ({ pod }) => {
  const first = subscribe(pod.url, 0)
  const { body: seen } = await first.until(({ t, body }) => t === '#commit' && body.ops.some(({ action }) => action === 'create'))
  const head = await headOf(pod)
  const last = (await first.until(({ body }) => body.rev === head.rev)).body.seq
  expect(last).toBeGreaterThanOrEqual(seen.seq)
  first.close()
  await pod.close()
  await pod.room.crash()
  rmSync(storageOf(pod), { recursive: true, force: true })
  await pod.room.start()

  const early = subscribe(pod.url, last)
  await early.until(({ t, body }) => t === '#info' && body.name === 'OutdatedCursor')
  const future = subscribe(pod.url, (Date.now() + 3_600_000) * 1000)
  expect((await future.until(({ op }) => op === -1)).body.error).toBe('FutureCursor')
  const heard = overhear(pod)
  await pod.reopen()
  await pod.online()
  await early.until(({ t, body }) => t === '#sync' && body.rev === head.rev)
  const rkey = await pod.post('after the loss')
  const { body } = await early.until(({ t, body }) => t === '#commit' && body.ops.some(({ path }) => path === `${POST}/${rkey}`))
  expect(body.since).toBe(head.rev)
  expect(commitsOf(early)).toHaveLength(1)
  const seqs = early.messages.filter(({ t }) => t !== '#info').map(({ body }) => body.seq)
  expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
  expect(seqs[0]).toBeGreaterThan(last)
  early.close()
  await expect.poll(() => blobsOf(heard)).toHaveLength(PICTURES)
  expect((await fetchVerifiedRepo(pod.url, pod.did)).creates.length).toBe(RECORDS + REWRITTEN + PICTURES + 2)
})
