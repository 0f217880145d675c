import { AxeBuilder } from '@axe-core/playwright'
import { launchBrowser } from '../../scripts/browser.ts'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'accessibility' })

/** What axe finds against WCAG 2.2 AA, as `rule: element`. */
const violationsOn = async (page: ConstructorParameters<typeof AxeBuilder>[0]['page']): Promise<string[]> => {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze()
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

test('nothing on the first visit is in the way of assistive technology', async ({ room }) => {
  const context = await launchBrowser({ profileDir: `${room.directory}/newcomer`, headless: true })
  try {
    const page = await context.newPage()
    await page.goto(room.claimUrl)
    await expect(page.getByTestId('first-visit')).toBeVisible()
    expect(await violationsOn(page)).toEqual([])
  } finally {
    await context.close()
  }
})

test("nothing on the owner's home page and the visitor's page is either", async ({ pod }) => {
  await pod.online()
  expect(await violationsOn(pod.page)).toEqual([])
  const context = await launchBrowser({ profileDir: `${pod.room.directory}/visitor`, headless: true })
  try {
    const page = await context.newPage()
    await page.goto(pod.url)
    await expect(page.getByTestId('visitor')).toBeVisible()
    expect(await violationsOn(page)).toEqual([])
  } finally {
    await context.close()
  }
})
