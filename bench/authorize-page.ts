/** How soon the owner, in their own browser, can answer an app: from the navigation to a page that takes clicks, with a worker that the browser had stopped. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { hostPod } from '../scripts/pod.ts'
import { CLIENT_ID, RawClient } from '../tests/interop/comparison/oauth/client.ts'
import { median } from './statistics.ts'

const OPENINGS = 12
const TARGET_MS = 100

export const reportAuthorizePage = async (say: (line: string) => void): Promise<void> => {
  const home = await mkdtemp(join(tmpdir(), 'tabpod-authorize-'))
  const pod = await hostPod({
    shim: { persist: join(home, 'room') },
    browser: { profileDir: join(home, 'profile'), headless: true },
    handle: 'bench.test',
    password: 'a password for the benchmark',
  })
  try {
    const { url } = pod.shim
    const queries: URLSearchParams[] = []
    for (let n = 0; n < OPENINGS; n++) {
      const app = await RawClient.make({ url, issuer: url })
      const { request_uri } = (await (await app.push()).json()) as { request_uri: string }
      queries.push(new URLSearchParams({ client_id: CLIENT_ID, request_uri }))
    }
    // The owner's page would wake the worker at once; without it the worker stays stopped until the navigation.
    const page = await pod.context.newPage()
    await pod.page.close()
    const openings: Opening[] = []
    for (const query of queries) openings.push(await open(page, `${url}/oauth/authorize?${query}`))
    const of = (read: (opening: Opening) => number): number => median(openings.map(read))
    const ms = of(({ interactive }) => interactive)
    const verdict = ms <= TARGET_MS ? 'met' : 'MISSED'
    say(
      `\n${"authorize page, owner's browser".padEnd(36)}${ms.toFixed(0)} ms   target ≤ ${TARGET_MS} ms ${verdict}   ` +
        `(worker stopped; awake after ${of(({ awake }) => awake).toFixed(0)} ms, answered after ${of(({ answered }) => answered).toFixed(0)} ms)`,
    )
  } finally {
    await pod.stop()
    await rm(home, { recursive: true, force: true })
  }
}

/** Milliseconds since the navigation began. */
interface Opening {
  readonly awake: number
  readonly answered: number
  /** Its form takes clicks: it needs no script for that. */
  readonly interactive: number
}

const open = async (page: Page, address: string): Promise<Opening> => {
  await page.goto('about:blank')
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('ServiceWorker.enable')
  await devtools.send('ServiceWorker.stopAllWorkers')
  await devtools.detach()
  const response = await page.goto(address)
  if (response?.status() !== 200 || !response.fromServiceWorker()) throw new Error(`${response?.status()} and not from the worker`)
  return page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
    if (!navigation || document.forms.length === 0) throw new Error('no page to answer on')
    const { fetchStart: awake, responseStart: answered, domInteractive: interactive } = navigation
    return { awake, answered, interactive }
  })
}
