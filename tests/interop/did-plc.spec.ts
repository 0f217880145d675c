import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { test as base } from 'playwright/test'
import { type HostedPod, hostPod, openPodInTab, roomStatus } from '../../scripts/pod.ts'
import { startShim } from '../../scripts/shim.ts'
import { launchBrowser } from '../../scripts/browser.ts'
import { fetchVerifiedRepo, follow, newResolver } from '../../scripts/witness.ts'
import { noDirectory, type PlcDirectory, startDirectory } from '../fixtures/plc-directory.ts'
import { expect, HANDLE, PASSWORD, POST } from '../fixtures/pod.ts'

const suffix = noDirectory === null ? '' : ` (skipped: ${noDirectory})`

interface Portable {
  readonly pod: HostedPod
  readonly directory: PlcDirectory
}

const test = base.extend<object, { portable: Portable }>({
  portable: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const home = mkdtempSync(join(tmpdir(), 'tabpod-did-plc-'))
      const directory = await startDirectory()
      const pod = await hostPod({
        shim: { persist: join(home, 'room') },
        browser: { profileDir: join(home, 'profile'), headless: true },
        handle: HANDLE,
        password: PASSWORD,
        plc: directory.url,
      })
      await use({ pod, directory })
      await pod.stop()
      await directory.stop()
      rmSync(home, { recursive: true, force: true })
    },
    { scope: 'worker', timeout: 120_000 },
  ],
})

test.skip(noDirectory !== null, noDirectory ?? '')

test(`a did:plc made in the tab is in the directory, and @atproto/identity finds key, address and handle there${suffix}`, async ({
  portable,
}) => {
  const { pod, directory } = portable
  expect(pod.did).toMatch(/^did:plc:[a-z2-7]{24}$/)
  const data = await newResolver(directory.url).did.resolveAtprotoData(pod.did, true)
  expect(data).toMatchObject({ did: pod.did, handle: HANDLE, pds: pod.shim.url })

  const log = (await (await fetch(`${directory.url}/${pod.did}/log/audit`)).json()) as Array<{
    operation: { rotationKeys: string[]; prev: null }
  }>
  expect(log).toHaveLength(1)
  expect(log[0]!.operation.prev).toBeNull()
  expect(log[0]!.operation.rotationKeys).toHaveLength(1)
})

test(`outsiders sign in, write and verify by the directory's key: firehose and whole repo${suffix}`, async ({ portable }) => {
  const { pod, directory } = portable
  const follower = follow(pod.shim.url, 0, directory.url)
  const agent = new AtpAgent({ service: pod.shim.url })
  await agent.login({ identifier: HANDLE, password: PASSWORD })
  expect(agent.session?.did).toBe(pod.did)
  const { uri } = await agent.post({ text: 'portable', createdAt: new Date().toISOString() })
  expect(uri).toContain(`at://${pod.did}/${POST}/`)
  await follower.until((event) => event.event === 'create' && event.did === pod.did && event.collection === POST)
  await follower.stop()
  expect(follower.errors).toEqual([])
  expect((await fetchVerifiedRepo(pod.shim.url, pod.did, directory.url)).creates.map(({ collection }) => collection)).toContain(POST)
})

test(`its address serves the DID as the handle's and no did:web beside it, tab open or closed${suffix}`, async ({ portable }) => {
  const { pod } = portable
  const { url } = pod.shim
  const read = async (path: string) => (await fetch(url + path)).json() as Promise<Record<string, unknown>>
  const look = async (): Promise<void> => {
    expect((await fetch(`${url}/.well-known/did.json`)).status).toBe(404)
    expect(await (await fetch(`${url}/.well-known/atproto-did`)).text()).toBe(pod.did)
    expect(await read(`/xrpc/com.atproto.identity.resolveHandle?handle=${HANDLE}`)).toEqual({ did: pod.did })
    // The service's DID, not the account's.
    expect(await read('/xrpc/com.atproto.server.describeServer')).toMatchObject({ did: `did:web:${encodeURIComponent(new URL(url).host)}` })
    const described = await read(`/xrpc/com.atproto.repo.describeRepo?repo=${pod.did}`)
    expect(described).toMatchObject({ did: pod.did, didDoc: { id: pod.did, alsoKnownAs: [`at://${HANDLE}`] }, handleIsCorrect: true })
  }
  await look()
  await pod.page.close()
  await expect.poll(async () => (await roomStatus(url)).online).toBe(false)
  await look()
  await openPodInTab({ context: pod.context, url, claim: pod.shim.claimToken, handle: HANDLE, password: PASSWORD })
})

test(`a directory that does not answer stops the creation with a sentence, and keeps nothing half-made${suffix}`, async () => {
  const home = mkdtempSync(join(tmpdir(), 'tabpod-did-plc-away-'))
  const directory = await startDirectory()
  const shim = await startShim({ persist: join(home, 'room'), variables: { TABPOD_PLC_URL: directory.url } })
  const context = await launchBrowser({ profileDir: join(home, 'profile'), headless: true })
  try {
    const page = await context.newPage()
    await page.goto(shim.claimUrl)
    await directory.stop()
    await page.getByLabel('Handle', { exact: true }).fill(HANDLE)
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByRole('radio', { name: 'Portable' }).check()
    await page.getByRole('button', { name: 'Create my PDS' }).click()
    await expect(page.getByRole('alert')).toContainText('does not answer')
    expect((await roomStatus(shim.url)).bound).toBe(false)

    // The directory comes back: the same form, sent again, goes through.
    const back = await startDirectory(Number(new URL(directory.url).port))
    await page.getByRole('radio', { name: 'Portable' }).check()
    await page.getByRole('button', { name: 'Create my PDS' }).click()
    await expect(page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Online/)
    expect((await roomStatus(shim.url)).did).toMatch(/^did:plc:/)
    await back.stop()

    // Bound by now: the pod comes back though the directory is gone.
    await page.reload()
    await expect(page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Online/)
  } finally {
    await context.close()
    await shim.stop()
    rmSync(home, { recursive: true, force: true })
  }
})
