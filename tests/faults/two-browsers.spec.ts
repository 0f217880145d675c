/** Two browsers with the same keys: a profile that was copied. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright'
import { launchBrowser } from '../../scripts/browser.ts'
import { openPodInTab, roomStatus } from '../../scripts/pod.ts'
import { fetchVerifiedRepo, newResolver } from '../../scripts/witness.ts'
import { InductiveReplica } from '../fixtures/inductive-replica.ts'
import { expect, HANDLE, PASSWORD, type Pod, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'two-browsers' })
test.slow()

interface Browser {
  readonly context: BrowserContext
  readonly page: Page
}

/** The page, whatever its light says. */
const open = async (pod: Pod, profile: string): Promise<Browser> => {
  const context = await launchBrowser({ profileDir: join(pod.room.directory, profile), headless: true })
  const page = await context.newPage()
  await page.goto(`${pod.url}/`)
  await expect(page.getByTestId('home')).toBeVisible()
  return { context, page }
}

const openOnline = async (pod: Pod, profile: string): Promise<Browser> => {
  const context = await launchBrowser({ profileDir: join(pod.room.directory, profile), headless: true })
  return { context, page: await openPodInTab({ context, url: pod.url, claim: pod.room.claim, handle: HANDLE, password: PASSWORD }) }
}

/** All that was written has arrived, and the pod has noted it. */
const untilSent = (page: Page): Promise<void> =>
  expect.poll(() => page.getByText('Waiting to send').locator('..').innerText(), { timeout: 15_000 }).toMatch(/\n0$/)

const light = (page: Page) => page.getByTestId('home').getByRole('status')

/** As an app in that tab. @returns the status */
const writeIn = (page: Page, pod: Pod, token: string, text: string): Promise<number> =>
  page.evaluate(
    async ([token, repo, collection, text]) => {
      const answer = await fetch('/xrpc/com.atproto.repo.createRecord', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ repo, collection, record: { $type: collection, text, createdAt: new Date().toISOString() } }),
      })
      return answer.status
    },
    [token, pod.did, POST, text],
  )

/** As that browser's own worker tells it. */
const textsIn = (page: Page, pod: Pod): Promise<string[]> =>
  page.evaluate(
    async ([repo, collection]) => {
      const query = new URLSearchParams({ repo: repo!, collection: collection!, limit: '100', reverse: 'true' })
      const answer = await fetch(`/xrpc/com.atproto.repo.listRecords?${query}`)
      return ((await answer.json()) as { records: Array<{ value: { text: string } }> }).records.map(({ value }) => value.text)
    },
    [pod.did, POST],
  )

const textsInMirror = async (pod: Pod): Promise<string[]> =>
  (await fetchVerifiedRepo(pod.url, pod.did)).records
    .filter(({ collection }) => collection === POST)
    .map(({ value }) => String(value['text']))

test('browsers that write in turn each take over what the other wrote, and those who follow see one unbroken chain', async ({ pod }) => {
  const replica = new InductiveReplica(pod.url, pod.did, await newResolver().did.resolveAtprotoKey(pod.did))
  const written = ['in the first browser']
  await pod.post(written[0]!)
  await untilSent(pod.page)
  await pod.context.close()
  cpSync(join(pod.room.directory, 'profile'), join(pod.room.directory, 'copy'), { recursive: true })
  for (const [turn, profile] of ['copy', 'profile', 'copy', 'profile'].entries()) {
    const { context, page } = await openOnline(pod, profile)
    for (let n = 0; n < 3; n += 1) {
      written.push(`turn ${turn}, ${n}`)
      await pod.post(written.at(-1)!)
    }
    expect(await textsIn(page, pod)).toEqual(written)
    await untilSent(page)
    await context.close()
  }
  expect(await textsInMirror(pod)).toEqual(written)
  await replica.until((await roomStatus(pod.url)).rev!)
  await replica.stop()
  expect(replica.errors).toEqual([])
  expect(replica.resyncs).toBe(0)
  await pod.restartBrowser()
})

for (const [who, first] of [
  ['the one that wrote first', 'copy'],
  ['the one that wrote last', 'profile'],
] as const) {
  test(`of two browsers that both wrote while the shim was down, the world keeps what came first, from ${who}, and the other is told`, async ({
    pod,
  }) => {
    const token = await pod.token()
    await pod.online()
    await untilSent(pod.page)
    const before = await textsIn(pod.page, pod)
    await pod.context.close()
    cpSync(join(pod.room.directory, 'profile'), join(pod.room.directory, 'copy'), { recursive: true, force: true })
    await pod.room.crash()
    for (const profile of ['copy', 'profile']) {
      const { context, page } = await open(pod, profile)
      expect(await writeIn(page, pod, token, `offline in ${profile}`)).toBe(200)
      await context.close()
    }
    await pod.room.start()
    const replica = new InductiveReplica(pod.url, pod.did, await newResolver().did.resolveAtprotoKey(pod.did))

    const second = first === 'copy' ? 'profile' : 'copy'
    const keeper = await openOnline(pod, first)
    await pod.post(`online in ${first}`)
    const kept = [...before, `offline in ${first}`, `online in ${first}`]
    expect(await textsInMirror(pod)).toEqual(kept)
    const { rev } = await roomStatus(pod.url)

    // It says so, writes nothing more, and what it had acknowledged is still there, for its owner.
    const other = await open(pod, second)
    await expect(light(other.page)).toHaveText(/^\s*Refused/, { timeout: 30_000 })
    expect(await writeIn(other.page, pod, token, 'too late')).toBe(503)
    expect(await textsIn(other.page, pod)).toEqual([...before, `offline in ${second}`])
    await other.context.close()

    // The world has heard nothing of that, and the first one goes on.
    await keeper.page.reload()
    await expect(light(keeper.page)).toHaveText(/^\s*Online/, { timeout: 30_000 })
    expect((await roomStatus(pod.url)).rev).toBe(rev)
    await pod.post('and on')
    expect(await textsInMirror(pod)).toEqual([...kept, 'and on'])
    await replica.until((await roomStatus(pod.url)).rev!)
    await replica.stop()
    expect(replica.errors).toEqual([])
    await untilSent(keeper.page)
    await keeper.context.close()
    if (first === 'copy') cpSync(join(pod.room.directory, 'copy'), join(pod.room.directory, 'profile'), { recursive: true, force: true })
    await pod.restartBrowser()
  })
}
