import { openPodInTab, roomStatus } from '../../scripts/pod.ts'
import { expect, HANDLE, PASSWORD, test } from '../fixtures/pod.ts'
import { subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'farewell' })

test('a deleted pod is gone from browser, mirror and firehose, and the address takes a new one', async ({ pod }) => {
  const agent = await pod.agent()
  await agent.post({ text: 'the last one' })
  const { page } = pod
  const subscriber = subscribe(pod.url)
  await subscriber.opened
  await page.getByRole('link', { name: 'Account' }).click()
  await page.getByText('Delete this PDS').click()
  await page.getByLabel(`Type ${HANDLE} to confirm`).fill(HANDLE)
  await page.getByRole('button', { name: 'Delete for good' }).click()
  await expect(page.getByRole('button', { name: 'Create my PDS' })).toBeVisible()

  const farewell = await subscriber.until(({ t }) => t === '#account')
  expect(farewell.body).toMatchObject({ did: pod.did, active: false, status: 'deleted' })
  subscriber.close()
  expect(await roomStatus(pod.url)).toMatchObject({ bound: false, did: null, rev: null })
  expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)).toBe(0)
  expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).not.toContain('tabpod')

  await page.close()
  await openPodInTab({ context: pod.context, url: pod.url, claim: pod.room.claim, handle: 'bob.test', password: PASSWORD })
  expect(await roomStatus(pod.url)).toMatchObject({ bound: true, online: true, did: pod.did, handle: 'bob.test' })
})
