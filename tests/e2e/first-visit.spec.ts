import { openPodInTab, roomStatus } from '../../scripts/pod.ts'
import { launchBrowser } from '../../scripts/browser.ts'
import { expect, HANDLE, PASSWORD, test } from '../fixtures/pod.ts'

test.use({ name: 'first-visit' })

test('a pod made by a click is online under the address, with its DID document and handle', async ({ pod }) => {
  const document = (await (await pod.room.request('/.well-known/did.json')).json()) as {
    id: string
    alsoKnownAs: string[]
    service: Array<{ id: string; serviceEndpoint: string }>
  }
  expect(document.id).toBe(pod.did)
  expect(document.alsoKnownAs).toContain(`at://${HANDLE}`)
  expect(document.service.find(({ id }) => id.endsWith('#atproto_pds'))?.serviceEndpoint).toBe(pod.url)
  expect(await (await pod.room.request('/.well-known/atproto-did')).text()).toBe(pod.did)
  expect(await (await pod.query('com.atproto.identity.resolveHandle', { handle: HANDLE })).json()).toEqual({ did: pod.did })
})

test('the claim token leaves the address bar once it was read', ({ pod }) => {
  expect(pod.page.url()).not.toContain(pod.room.claim)
})

test('the private keys cannot be exported, not even by a script in the page', async ({ pod }) => {
  const extractable = await pod.page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open('tabpod')
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    const keys = await new Promise<{ signing: CryptoKeyPair; uplink: CryptoKeyPair; session: CryptoKey }>((resolve, reject) => {
      const request = database.transaction('pod').objectStore('pod').get('keys')
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    database.close()
    return [keys.signing.privateKey.extractable, keys.uplink.privateKey.extractable, keys.session.extractable]
  })
  expect(extractable).toEqual([false, false, false])
})

test('a visitor gets the public page and no worker', async ({ pod }) => {
  const visitor = await launchBrowser({ profileDir: `${pod.room.directory}/visitor`, headless: true })
  try {
    const page = await visitor.newPage()
    await page.goto(pod.url)
    await expect(page.getByTestId('visitor')).toBeVisible()
    await expect(page.getByRole('heading', { level: 1 })).toContainText(HANDLE)
    await expect(page.getByRole('button', { name: 'Create my PDS' })).toHaveCount(0)
    expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)).toBe(0)
    expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).not.toContain('tabpod')
  } finally {
    await visitor.close()
  }
})

test('a second tab shows the same pod, and takes over when the first one closes', async ({ pod }) => {
  const first = pod.page
  const second = await openPodInTab({ context: pod.context, url: pod.url, claim: pod.room.claim, handle: HANDLE, password: PASSWORD })
  expect((await roomStatus(pod.url)).online).toBe(true)

  await first.close()
  pod.page = second
  const rkey = await pod.post('written after the hand-over')
  expect((await pod.posts()).map((post) => post.rkey)).toContain(rkey)
  await pod.online()
})
