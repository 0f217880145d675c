/** A directory that is down, or has forgotten what it knew, while an account of ours wants to be active again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { test as base } from 'playwright/test'
import { type HostedPod, hostPod } from '../../scripts/pod.ts'
import { noDirectory, type PlcDirectory, startDirectory } from '../fixtures/plc-directory.ts'
import { expect, HANDLE, PASSWORD } from '../fixtures/pod.ts'

const suffix = noDirectory === null ? '' : ` (skipped: ${noDirectory})`

const test = base.extend<object, { portable: { readonly pod: HostedPod; readonly directory: PlcDirectory } }>({
  portable: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const home = mkdtempSync(join(tmpdir(), 'tabpod-plc-faults-'))
      const directory = await startDirectory()
      const shim = { persist: join(home, 'room') }
      const browser = { profileDir: join(home, 'profile'), headless: true }
      const pod = await hostPod({ shim, browser, handle: HANDLE, password: PASSWORD, plc: directory.url })
      await use({ pod, directory })
      await pod.stop()
      rmSync(home, { recursive: true, force: true })
    },
    { scope: 'worker', timeout: 120_000 },
  ],
})

test.skip(noDirectory !== null, noDirectory ?? '')

test(`an account is not activated on the word of a directory that is down, or that does not know it${suffix}`, async ({ portable }) => {
  const { pod, directory } = portable
  const agent = new AtpAgent({ service: pod.shim.url })
  await agent.login({ identifier: HANDLE, password: PASSWORD })
  await agent.post({ text: 'before', createdAt: new Date().toISOString() })
  const { server } = agent.com.atproto
  await server.deactivateAccount({})
  const { repoRev } = (await server.checkAccountStatus()).data
  const refused = async (): Promise<readonly [number, string]> => {
    const error = await server.activateAccount().then(
      () => null,
      (thrown: { status: number; error: string }) => thrown,
    )
    return [error?.status ?? 200, error?.error ?? 'none']
  }

  await directory.stop()
  const [status, code] = await refused()
  expect([502, 503, 504], code).toContain(status)
  expect((await server.checkAccountStatus()).data).toMatchObject({ activated: false, validDid: false, repoRev })

  // Its port answers again, but it has never heard of this DID.
  const forgetful = await startDirectory(Number(new URL(directory.url).port))
  try {
    const [again] = await refused()
    expect(again).toBeGreaterThanOrEqual(400)
    expect((await server.checkAccountStatus()).data).toMatchObject({ activated: false, validDid: false, repoRev })
    expect((await server.getSession()).data).toMatchObject({ active: false, status: 'deactivated' })
  } finally {
    await forgetful.stop()
  }
})
