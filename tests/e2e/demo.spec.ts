import type { Page } from 'playwright'
import { buildDemo, type DemoSite, serveDemo } from '../../scripts/demo-site.ts'
import { expect, type Pod, test } from '../fixtures/pod.ts'

test.use({ name: 'demo' })

let site: DemoSite
test.beforeAll(async () => {
  await buildDemo(null)
  site = await serveDemo(0)
})
test.afterAll(() => site?.stop())

const openDemo = async (pod: Pod): Promise<Page> => {
  const page = await pod.context.newPage()
  await page.goto(site.url)
  await page.getByLabel('Address of the pod').fill(pod.url)
  return page
}

const choose = (page: Page, road: RegExp): Promise<void> => page.getByRole('radio', { name: road }).check()

/** Titles of the steps, and how each ended. */
const steps = (page: Page) => page.getByTestId('trace').getByRole('heading')

test('an app of the AT Protocol: pushed, allowed on the pod’s own page, and called with a bound token', async ({ pod }) => {
  const page = await openDemo(pod)
  await choose(page, /^AT Protocol/)
  await page.getByRole('button', { name: 'Sign in to this app' }).click()
  await page.getByRole('button', { name: 'Allow' }).click()
  await expect(page.getByTestId('identity')).toContainText(pod.did)
  await expect(steps(page)).toHaveText([
    'Find the server, and push the request to it done',
    'Send the visitor there done',
    'Trade the code for tokens done',
    'Call the server with them done',
  ])
  await page.close()
})
