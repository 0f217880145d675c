import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { launchBrowser } from '../../scripts/browser.ts'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { makePng } from '../../scripts/picture.ts'
import { expect, type Pod, POST, test } from '../fixtures/pod.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'lost-commits' })

const profileOf = ({ room }: Pod): string => join(room.directory, 'profile')
const headOf = async (pod: Pod): Promise<unknown> => (await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).json()

test('a profile put back from an older copy takes its lost commits and blobs back from the mirror, and writes on', async ({ pod }) => {
  const agent = await pod.agent()
  await pod.post('kept')
  // The acknowledgement is written down in batches: a copy without it could not know that its head had arrived.
  await expect.poll(() => pod.page.getByText('Waiting to send').locator('..').innerText(), { timeout: 15_000 }).toMatch(/\n0$/)
  const profile = profileOf(pod)
  const copy = join(pod.room.directory, 'profile-copy')
  await pod.context.close()
  cpSync(profile, copy, { recursive: true })

  await pod.restartBrowser()
  const picture = makePng(32, 7)
  const { data } = await agent.uploadBlob(picture, { encoding: 'image/png' })
  const embed = { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: 'lost and found' }] }
  await agent.post({ text: 'lost, with a picture', embed, createdAt: new Date().toISOString() })
  for (let n = 0; n < 5; n++) await pod.post(`lost ${n}`)
  const before = await (await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).json()
  await pod.context.close()

  rmSync(profile, { recursive: true, force: true })
  cpSync(copy, profile, { recursive: true })
  await pod.restartBrowser()
  await pod.online()
  expect(await (await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).json()).toEqual(before)

  // The owner's own tab answers this one from its own storage.
  const local = await pod.page.evaluate(
    async ([did, collection]) => {
      const answer = await fetch(`/xrpc/com.atproto.repo.listRecords?${new URLSearchParams({ repo: did!, collection: collection! })}`)
      return {
        by: answer.headers.get('x-tabpod-answered-by'),
        body: (await answer.json()) as { records: Array<{ value: { text: string } }> },
      }
    },
    [pod.did, POST],
  )
  expect(local.by).toBe('tab')
  expect(local.body.records.map(({ value }) => value.text)).toEqual([
    'lost 4',
    'lost 3',
    'lost 2',
    'lost 1',
    'lost 0',
    'lost, with a picture',
    'kept',
  ])

  await pod.signIn().then((fresh) => fresh.post({ text: 'found', createdAt: new Date().toISOString() }))
  expect((await pod.posts()).map(({ text }) => text).at(-1)).toBe('found')
  const { records } = await fetchVerifiedRepo(pod.url, pod.did)
  expect(records).toHaveLength(8)
})

test('a copy of the profile that has written on its own is stopped when it joins: nothing of it goes out, and it writes no more', async ({
  pod,
}) => {
  await pod.agent()
  const copy = join(pod.room.directory, 'profile-copy')
  await pod.context.close()
  rmSync(copy, { recursive: true, force: true })
  cpSync(profileOf(pod), copy, { recursive: true })
  await pod.restartBrowser()
  await pod.post('newer, by the one')
  const newest = await headOf(pod)
  await pod.context.close()

  await pod.room.crash()
  rmSync(profileOf(pod), { recursive: true, force: true })
  cpSync(copy, profileOf(pod), { recursive: true })
  pod.context = await launchBrowser({ profileDir: profileOf(pod), headless: true, flags: [] })
  pod.page = await pod.context.newPage()
  await pod.page.goto(pod.url)
  await expect(pod.page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Unreachable/)
  await pod.postInTab('newer too, by the other')

  await pod.room.start()
  const subscriber = subscribe(pod.url)
  await subscriber.opened
  await expect(pod.page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Refused/, { timeout: 60_000 })
  await expect(pod.postInTab('refused')).rejects.toThrow(/503.*RepoFork/s)
  await pod.page.reload()
  await expect(pod.page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Refused/, { timeout: 60_000 })
  expect(await headOf(pod)).toEqual(newest)
  expect(commitsOf(subscriber)).toEqual([])
  subscriber.close()
  const texts = new Set((await pod.posts()).map(({ text }) => text))
  expect([texts.has('newer, by the one'), texts.has('newer too, by the other')]).toEqual([true, false])
})
