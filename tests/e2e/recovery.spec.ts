/** A lost browser and what brings the account back: the recovery file, its check, and the restore in a profile that knows nothing. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import type { BrowserContext, Page } from 'playwright'
import { test } from 'playwright/test'
import { launchBrowser } from '../../scripts/browser.ts'
import { type HostedPod, hostPod, roomStatus } from '../../scripts/pod.ts'
import { fetchVerifiedRepo, follow, newResolver } from '../../scripts/witness.ts'
import type { RecoveryCheck, RecoveryFile } from '../../wire/owner.ts'
import { command } from '../fixtures/owner.ts'
import { noDirectory, type PlcDirectory, startDirectory } from '../fixtures/plc-directory.ts'
import { expect, HANDLE, PASSWORD, POST } from '../fixtures/pod.ts'
import { subscribe } from '../fixtures/subscriber.ts'

const PASSPHRASE = 'seven green umbrellas'
const PICTURE = new TextEncoder().encode('not a real picture, but bytes are bytes')
const PREFERENCE = { $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }

interface Lost {
  readonly pod: HostedPod
  readonly file: RecoveryFile
  /** CID of a picture that a post mentions. */
  readonly picture: string
  /** Signing key before, did:key. */
  readonly signingKey: string
}

const methods = [
  { method: 'did:web', skipped: null },
  { method: 'did:plc', skipped: noDirectory },
]

for (const { method, skipped } of methods) {
  test.describe.serial(`an account of a ${method}${skipped === null ? '' : ` (skipped: ${skipped})`}`, () => {
    test.skip(skipped !== null, skipped ?? '')
    let home: string
    let directory: PlcDirectory | undefined
    let lost: Lost
    let context: BrowserContext
    let page: Page
    const contexts: BrowserContext[] = []

    test.beforeAll(async () => {
      home = mkdtempSync(join(tmpdir(), 'tabpod-recovery-'))
      directory = method === 'did:plc' ? await startDirectory() : undefined
    })
    test.afterAll(async () => {
      for (const each of contexts) await each.close()
      await lost?.pod.stop()
      await directory?.stop()
      rmSync(home, { recursive: true, force: true })
    })

    const resolveKey = (): Promise<string> => newResolver(directory?.url).did.resolveAtprotoKey(lost.pod.did, true)
    const open = async (profile: string): Promise<{ context: BrowserContext; page: Page }> => {
      const opened = await launchBrowser({ profileDir: join(home, profile), headless: true })
      contexts.push(opened)
      opened.setDefaultTimeout(20_000)
      return { context: opened, page: await opened.newPage() }
    }
    const check = (on: Page, file: RecoveryFile): Promise<RecoveryCheck> =>
      command(on, { kind: 'check-recovery-file', file: file.text, passphrase: PASSPHRASE })

    test('gets a recovery file, and the check says that it would work', async () => {
      const pod = await hostPod({
        shim: { persist: join(home, 'room') },
        browser: { profileDir: join(home, 'lost'), headless: true },
        handle: HANDLE,
        password: PASSWORD,
        ...(directory && { plc: directory.url }),
      })
      const agent = new AtpAgent({ service: pod.shim.url })
      lost = { pod, file: { name: '', text: '' }, picture: '', signingKey: '' }
      await agent.login({ identifier: HANDLE, password: PASSWORD })
      await agent.app.bsky.actor.putPreferences({ preferences: [PREFERENCE] })
      const file = await command<RecoveryFile>(pod.page, { kind: 'make-recovery-file', passphrase: PASSPHRASE })
      // What is written afterwards comes from the mirror.
      await agent.post({ text: 'written before the loss' })
      const { data } = await agent.uploadBlob(PICTURE, { encoding: 'image/png' })
      await agent.post({
        text: 'with a picture',
        embed: { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: 'bytes' }] },
      })
      lost = { pod, file, picture: String(data.blob.ref), signingKey: await resolveKey() }

      expect(file.name).toMatch(/^alice\.test-recovery-\d{4}-\d\d-\d\d\.json$/)
      const { recoveryKey } = JSON.parse(file.text) as { recoveryKey: string }
      expect((await roomStatus(pod.shim.url)).recoveryKey).toBe(recoveryKey)
      if (directory) {
        const data = (await (await fetch(`${directory.url}/${pod.did}/data`)).json()) as { rotationKeys: string[] }
        expect(data.rotationKeys).toHaveLength(2)
        expect(data.rotationKeys[0]).toBe(recoveryKey)
      }
      expect(await check(pod.page, file)).toMatchObject({
        did: pod.did,
        handle: HANDLE,
        mirror: { records: 2, blobs: 1, missingBlobs: 0 },
        problems: [],
      })
    })

    test('is told when a newer file has taken the place of the old one', async () => {
      const older = lost.file
      const file = await command<RecoveryFile>(lost.pod.page, { kind: 'make-recovery-file', passphrase: PASSPHRASE })
      lost = { ...lost, file }
      expect((await check(lost.pod.page, older)).problems.join('\n')).toContain('A newer recovery file')
      expect((await check(lost.pod.page, file)).problems).toEqual([])
    })

    const restore = async (): Promise<void> => {
      const { pod, file } = lost
      await page.goto(`${pod.shim.url}/#/restore`)
      await page
        .getByLabel('Recovery file')
        .setInputFiles({ name: file.name, mimeType: 'application/json', buffer: Buffer.from(file.text) })
      await page.getByLabel('Its passphrase').fill(PASSPHRASE)
      await page.getByRole('button', { name: 'Restore here' }).click()
    }

    test('is not half there when the worker is killed in the middle of a restore', async () => {
      const { url } = lost.pod.shim
      await lost.pod.context.close()
      await expect.poll(async () => (await roomStatus(url)).online, { timeout: 30_000 }).toBe(false)
      ;({ context, page } = await open('new'))
      let asked = 0
      const isImporting = new Promise<void>((resolve) => {
        // The first looks at the commit alone; the second is the import, which waits here until its worker is dead.
        void context.route(/com\.atproto\.sync\.getRepo/, (route) => {
          if ((asked += 1) === 2) resolve()
          else void route.continue()
        })
      })
      await restore()
      await isImporting
      const session = await context.newCDPSession(page)
      await session.send('ServiceWorker.enable')
      await session.send('ServiceWorker.stopAllWorkers')
      await session.detach()
      await context.unrouteAll({ behavior: 'ignoreErrors' })
      await page.reload()
      await expect(page.getByTestId('restore')).toBeVisible()
      expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).toContain('tabpod')
      expect(await roomStatus(url)).toMatchObject({ online: false, did: lost.pod.did })
      expect(await resolveKey()).toBe(lost.signingKey)
    })

    test('is restored in another browser: posts, picture, preferences and password', async () => {
      const { pod, picture, signingKey } = lost
      const { url } = pod.shim
      const subscriber = subscribe(url)
      await subscriber.opened
      await restore()
      await expect(page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Online/, { timeout: 60_000 })
      expect(await roomStatus(url)).toMatchObject({ did: pod.did, handle: HANDLE, online: true })

      // A session can only come from the tab, by the old password; its preferences too.
      const agent = new AtpAgent({ service: url })
      await agent.login({ identifier: HANDLE, password: PASSWORD })
      expect((await agent.app.bsky.actor.getPreferences()).data.preferences).toEqual([PREFERENCE])
      const local = await page.evaluate(
        async ({ did, cid, collection }) => {
          const blob = await fetch(`/xrpc/com.atproto.sync.getBlob?${new URLSearchParams({ did, cid })}`)
          const list = await fetch(`/xrpc/com.atproto.repo.listRecords?${new URLSearchParams({ repo: did, collection })}`)
          const { records } = (await list.json()) as { records: Array<{ value: { text: string } }> }
          return {
            by: blob.headers.get('x-tabpod-answered-by'),
            bytes: [...new Uint8Array(await blob.arrayBuffer())],
            texts: records.map(({ value }) => value.text),
          }
        },
        { did: pod.did, cid: picture, collection: POST },
      )
      expect(local).toEqual({ by: 'tab', bytes: [...PICTURE], texts: ['with a picture', 'written before the loss'] })

      // The world has learnt of it: another key, and by whom the repo is signed now.
      const key = await resolveKey()
      expect(key).not.toBe(signingKey)
      expect((await fetchVerifiedRepo(url, pod.did, directory?.url)).creates).toHaveLength(2)
      await subscriber.until(({ t }) => t === '#sync')
      await subscriber.until(({ t }) => t === '#identity')
      subscriber.close()
    })

    test('writes on, and what it writes verifies by the new key', async () => {
      const { pod } = lost
      const { url } = pod.shim
      const cursor = (await subscribeEnd(url)) ?? 0
      const follower = follow(url, cursor, directory?.url)
      const agent = new AtpAgent({ service: url })
      await agent.login({ identifier: HANDLE, password: PASSWORD })
      const { uri } = await agent.post({ text: 'from the new browser' })
      await follower.until((event) => event.event === 'create' && uri.endsWith(event.rkey))
      await follower.stop()
      expect(follower.errors).toEqual([])
      expect((await fetchVerifiedRepo(url, pod.did, directory?.url)).records.map(({ value }) => value['text'])).toContain(
        'from the new browser',
      )
      if (directory) {
        const data = (await (await fetch(`${directory.url}/${pod.did}/data`)).json()) as { rotationKeys: string[] }
        expect(data.rotationKeys).toHaveLength(2)
      }
    })

    test('could be restored by the same file again', async () => {
      expect((await check(page, lost.file)).problems).toEqual([])
    })

    test('is not the old browser’s any more: it is told so, and the new one stays online', async () => {
      const { url } = lost.pod.shim
      const old = await open('lost')
      await old.page.goto(url)
      await expect(old.page.getByTestId('home').getByRole('status')).toHaveText(/Refused/, { timeout: 30_000 })
      await expect(old.page.getByTestId('home')).toContainText('restored in another browser')
      await old.context.close()
      expect((await roomStatus(url)).online).toBe(true)
      await expect(page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Online/)
      expect(context.pages()).toContain(page)
    })
  })
}

/** Number of the newest event. */
const subscribeEnd = async (url: string): Promise<number | undefined> => {
  const subscriber = subscribe(url, 0)
  await subscriber.until(({ t }) => t === '#sync')
  await new Promise((resolve) => setTimeout(resolve, 500))
  subscriber.close()
  return subscriber.messages.at(-1)?.body.seq
}
