import { buildDemo, type DemoSite, serveDemo } from '../../scripts/demo-site.ts'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'demo-any', browserFlags: ['--enable-features=FedCmIdPRegistration,FedCmLightweightMode'] })

let site: DemoSite
test.beforeAll(async () => {
  await buildDemo(null)
  site = await serveDemo(0)
})
test.afterAll(() => site?.stop())

test('a pod that its owner has registered with the browser is offered to a site that names no server', async ({ pod }) => {
  await pod.online()
  await pod.page.goto(`${pod.url}/#/account`)
  await pod.page.getByRole('button', { name: 'Register this pod' }).click()
  await expect(pod.page.getByRole('button', { name: 'Registered' })).toBeVisible()
  const page = await pod.context.newPage()
  const session = await pod.context.newCDPSession(page)
  session.on('FedCm.dialogShown', ({ dialogId, dialogType }) => {
    if (dialogType === 'AccountChooser') void session.send('FedCm.selectAccount', { dialogId, accountIndex: 0 })
  })
  await session.send('FedCm.enable', { disableRejectionDelay: true })
  await page.goto(site.url)
  await page.getByRole('radio', { name: /^FedCM, any server/ }).check()
  await page.getByRole('button', { name: 'Sign in with any server' }).click()
  await expect(page.getByTestId('identity').getByRole('link', { name: `${pod.url}/` })).toBeVisible()
  await page.close()
})
