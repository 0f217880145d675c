/**
 * How soon the owner, in their own browser, can answer an app: from the navigation to an interactive page, with a worker that the browser had stopped. In turn with it the
 * same page out of a worker that does nothing else, which is what the browser itself takes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { hostPod } from '../scripts/pod.ts'
import { CLIENT_ID, RawClient } from '../tests/interop/comparison/oauth/client.ts'
import { CLICK_GUARD_MS } from '../wire/oauth-limits.ts'
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
    const addressOf = (query: URLSearchParams): string => `${url}/oauth/authorize?${query}`
    await using empty = await emptyWorker(page, addressOf(queries[0] ?? new URLSearchParams()))
    const openings: Opening[] = []
    const floor: Opening[] = []
    for (const query of queries) {
      openings.push(await open(page, addressOf(query)))
      floor.push(await open(page, `${empty.url}/page`))
    }
    const of = (read: (opening: Opening) => number, from = openings): number => median(from.map(read))
    const ms = of(({ interactive }) => interactive)
    const verdict = ms <= TARGET_MS ? 'met' : 'MISSED'
    say(
      `\n${"authorize page, owner's browser".padEnd(36)}${ms.toFixed(0)} ms   target ≤ ${TARGET_MS} ms ${verdict}   ` +
        `(worker stopped; awake after ${of(({ awake }) => awake).toFixed(0)} ms, answered after ${of(({ answered }) => answered).toFixed(0)} ms; ` +
        `its buttons take clicks ${CLICK_GUARD_MS} ms later, by design)`,
    )
    const [awake, answered, interactive] = (['awake', 'answered', 'interactive'] as const).map((step) =>
      of((opening) => opening[step], floor),
    )
    say(
      `${'  the same from an empty worker'.padEnd(36)}${interactive?.toFixed(0)} ms   (awake after ${awake?.toFixed(0)} ms, answered after ${answered?.toFixed(0)} ms)`,
    )
  } finally {
    await pod.stop()
    await rm(home, { recursive: true, force: true })
  }
}

/** On another port of the same host, so that it lives in the same process. @param model the page that it is to answer with */
const emptyWorker = async (page: Page, model: string): Promise<{ readonly url: string } & AsyncDisposable> => {
  const response = await page.goto(model)
  const html = JSON.stringify(await response?.text())
  const headers = JSON.stringify({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': response?.headers()['content-security-policy'] ?? '',
  })
  const script = `
    addEventListener('install', (event) => event.waitUntil(Promise.allSettled([
      event.addRoutes?.([{ condition: { urlPattern: { pathname: '/*' } }, source: 'fetch-event' }]), skipWaiting()])))
    addEventListener('activate', (event) => event.waitUntil(clients.claim()))
    addEventListener('fetch', (event) => event.respondWith(new Response(${html}, { headers: ${headers} })))`
  const site = createServer(({ url }, response) => {
    if (url === '/sw.js') response.setHeader('content-type', 'text/javascript').end(script)
    else response.setHeader('content-type', 'text/html').end('<!doctype html><title>empty</title>')
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const url = `http://localhost:${(site.address() as AddressInfo).port}`
  await page.goto(url)
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/sw.js')
    await navigator.serviceWorker.ready
  })
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      site.closeAllConnections()
      site.close()
    },
  }
}

/** Milliseconds since the navigation began. */
interface Opening {
  readonly awake: number
  readonly answered: number
  /** It can be read and filled in, without any script. Its buttons wait `CLICK_GUARD_MS` more, whatever the speed. */
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
