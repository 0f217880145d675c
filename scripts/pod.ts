/** A pod as its owner makes it: the shim, a browser, and the clicks on the real page. Hosting, the demo, tests and the benchmark start here. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BrowserContext, Page } from 'playwright'
import { STATUS_PATH, type RoomStatus } from '../wire/frames.ts'
import { launchBrowser, type BrowserOptions } from './browser.ts'
import { type Shim, type ShimOptions, startShim } from './shim.ts'

/** First load of the page, key generation, password hashing and the claim, on a machine that is busy with other things. */
const ONLINE_WITHIN_MS = 60_000
const POLL_MS = 100

export interface PodOptions {
  readonly shim: ShimOptions
  readonly browser: BrowserOptions
  readonly handle: string
  readonly password: string
  /** Address of a PLC directory: the pod gets a did:plc there. Left out: did:web. */
  readonly plc?: string
}

export interface HostedPod {
  readonly shim: Shim
  readonly context: BrowserContext
  readonly page: Page
  readonly did: string
  readonly handle: string
  stop(): Promise<void>
}

/** @throws if the pod does not come online; nothing keeps running then. */
export const hostPod = async (options: PodOptions): Promise<HostedPod> => {
  const { plc } = options
  const shim = await startShim(plc === undefined ? options.shim : withDirectory(options.shim, plc))
  let context: BrowserContext | undefined
  const stop = async (): Promise<void> => {
    await context?.close()
    await shim.stop()
  }
  try {
    if (!shim.isOpenHere)
      throw new Error(`This pod is made at ${shim.url}, so TABPOD_HOSTS must list localhost:${shim.port}, or be left out.`)
    context = await launchBrowser(options.browser)
    const page = await openPodInTab({
      context,
      url: shim.url,
      claim: shim.claimToken,
      handle: options.handle,
      password: options.password,
      portable: plc !== undefined,
    })
    const { did, handle } = await roomStatus(shim.url)
    if (did === null || handle === null) throw new Error('The tab says it is online, but the room knows no pod.')
    return { shim, context, page, did, handle, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const withDirectory = (shim: ShimOptions, plc: string): ShimOptions => ({ ...shim, variables: { ...shim.variables, TABPOD_PLC_URL: plc } })

export interface TabOptions {
  readonly context: BrowserContext
  readonly url: string
  readonly claim: string
  /** Used only where this profile holds no pod yet. */
  readonly handle: string
  readonly password: string
  /** Choose did:plc, which the page offers where the room names a directory. Default: did:web. */
  readonly portable?: boolean
}

/** Opens the address, creates the pod where this profile has none yet, and waits until the page says that it is online. */
export const openPodInTab = async (options: TabOptions): Promise<Page> => {
  const page = await options.context.newPage()
  await page.goto(`${options.url}/#claim=${options.claim}`)
  const create = page.getByRole('button', { name: 'Create my PDS' })
  const online = page
    .getByTestId('home')
    .getByRole('status')
    .filter({ hasText: /^\s*Online/ })
  await create.or(online).first().waitFor({ timeout: ONLINE_WITHIN_MS })
  if (await create.isVisible()) {
    await page.getByLabel('Handle', { exact: true }).fill(options.handle)
    await page.getByLabel('Password', { exact: true }).fill(options.password)
    if (options.portable) await page.getByRole('radio', { name: 'Portable' }).check()
    await create.click()
  }
  try {
    await online.waitFor({ timeout: ONLINE_WITHIN_MS })
  } catch (cause) {
    throw new Error(`The pod did not come online; its page says:\n${await page.locator('body').innerText()}`, { cause })
  }
  return page
}

/** Waits until a request that only the tab can answer is answered by it. @throws after ONLINE_WITHIN_MS */
export const answeredByTab = async (url: string): Promise<void> => {
  for (const until = Date.now() + ONLINE_WITHIN_MS; Date.now() < until; await sleep(POLL_MS)) {
    const answer = await fetch(`${url}/xrpc/com.atproto.server.getSession`).catch(() => null)
    await answer?.body?.cancel()
    if (answer?.headers.get('x-tabpod-answered-by') === 'tab') return
  }
  throw new Error(`The tab did not answer at ${url} within ${ONLINE_WITHIN_MS / 1000} s.`)
}

/** What the room tells anyone about itself. @throws if the room does not answer. */
export const roomStatus = async (url: string): Promise<RoomStatus> => {
  const answer = await fetch(url + STATUS_PATH)
  if (!answer.ok) throw new Error(`${url}${STATUS_PATH} answered ${answer.status}`)
  return (await answer.json()) as RoomStatus
}
