import type { Page } from 'playwright'
import { faultsOn } from '../fixtures/page-faults.ts'
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

/** Chooses the first account in the browser's dialog, whenever it comes. @returns kinds of dialogs that came */
const answerDialogs = async (page: Page): Promise<string[]> => {
  const session = await page.context().newCDPSession(page)
  const shown: string[] = []
  session.on('FedCm.dialogShown', ({ dialogId, dialogType }) => {
    shown.push(dialogType)
    if (dialogType === 'AccountChooser') void session.send('FedCm.selectAccount', { dialogId, accountIndex: 0 })
  })
  await session.send('FedCm.enable', { disableRejectionDelay: true })
  await session.send('FedCm.resetCooldown')
  return shown
}

test('by the browser’s own dialog: whoever made a pod is offered at once, and every claim of the server is checked', async ({ pod }) => {
  await pod.online()
  const page = await openDemo(pod)
  const dialogs = await answerDialogs(page)
  await page.getByRole('button', { name: 'Sign in with the browser' }).click()
  await expect(page.getByTestId('identity').getByRole('link', { name: `${pod.url}/` })).toBeVisible()
  await expect(steps(page)).toHaveText([
    'Make a secret, and keep it done',
    'Ask the browser: who is there? done',
    'Ask the server where its doors are done',
    'Trade the code for an identity done',
    'Do not believe it yet: ask that address done',
    'Load the picture done',
  ])
  expect(dialogs[0]).toBe('AccountChooser')
  expect(await faultsOn(page)).toEqual([])
  await page.getByRole('button', { name: 'Forget this site' }).click()
  await expect(steps(page)).toHaveText(['Tell the server to forget this site done'])
  await page.close()
})

test('by a redirect: the address is all that the site knows, and state, issuer and address are checked', async ({ pod }) => {
  const page = await openDemo(pod)
  await choose(page, /^IndieAuth/)
  await page.getByRole('button', { name: 'Sign in with this address' }).click()
  await page.getByRole('button', { name: 'Allow' }).click()
  await expect(page.getByTestId('identity').getByRole('link', { name: `${pod.url}/` })).toBeVisible()
  await expect(steps(page)).toHaveText([
    'Look at the address for its server done',
    'Ask the server where its doors are done',
    'Make a secret, and keep it done',
    'Send the visitor there done',
    'Read what it brought back done',
    'Trade the code for an identity done',
    'Do not believe it yet: ask that address done',
    'Load the picture done',
  ])
  await page.close()
})

test('what the owner refuses is said, and nobody is signed in', async ({ pod }) => {
  const page = await openDemo(pod)
  await choose(page, /^IndieAuth/)
  await page.getByRole('button', { name: 'Sign in with this address' }).click()
  await page.getByRole('button', { name: 'Deny' }).click()
  await expect(steps(page).last()).toHaveText('Read what it brought back failed')
  await expect(page.getByTestId('trace')).toContainText('access_denied')
  await expect(page.getByTestId('identity')).toBeHidden()
  await page.close()
})

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
