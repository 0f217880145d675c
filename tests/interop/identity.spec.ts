/** A did:plc in the tab, changed by the official client against a real directory, and against one that fails or lies. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { test as base } from 'playwright/test'
import { type HostedPod, hostPod, openPodInTab, roomStatus } from '../../scripts/pod.ts'
import { fetchVerifiedRepo, follow, newResolver } from '../../scripts/witness.ts'
import { command, tokenInInbox } from '../fixtures/owner.ts'
import { noDirectory, startDirectory } from '../fixtures/plc-directory.ts'
import { expect, HANDLE, PASSWORD } from '../fixtures/pod.ts'
import { type Fault, startUnreliableDirectory, type UnreliableDirectory } from '../fixtures/unreliable-directory.ts'

const suffix = noDirectory === null ? '' : ` (skipped: ${noDirectory})`

interface Portable {
  readonly pod: HostedPod
  readonly directory: UnreliableDirectory
  /** What the directory says now. */
  data(): Promise<{ alsoKnownAs: string[]; rotationKeys: string[]; verificationMethods: Record<string, string> }>
}

const test = base.extend<{ agent: AtpAgent }, { portable: Portable }>({
  portable: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const home = mkdtempSync(join(tmpdir(), 'tabpod-identity-'))
      const real = await startDirectory()
      const directory = await startUnreliableDirectory(real.url)
      const pod = await hostPod({
        shim: { persist: join(home, 'room') },
        browser: { profileDir: join(home, 'profile'), headless: true },
        handle: HANDLE,
        password: PASSWORD,
        plc: directory.url,
      })
      const data: Portable['data'] = async () => (await (await fetch(`${real.url}/${pod.did}/data`)).json()) as never
      await use({ pod, directory, data })
      await pod.stop()
      await directory.stop()
      await real.stop()
      rmSync(home, { recursive: true, force: true })
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  agent: async ({ portable }, use) => {
    const agent = new AtpAgent({ service: portable.pod.shim.url })
    await agent.login({ identifier: portable.pod.did, password: PASSWORD })
    await use(agent)
  },
})

test.skip(noDirectory !== null, noDirectory ?? '')

test(`updateHandle reaches directory, mirror and firehose, tab open or closed${suffix}`, async ({ portable, agent }) => {
  const { pod, directory, data } = portable
  const { url } = pod.shim
  const follower = follow(url, 0, directory.url)
  await agent.updateHandle({ handle: 'al.test' })
  expect((await data()).alsoKnownAs).toEqual(['at://al.test'])
  await follower.until(
    (event) => event.event === 'identity' && event.did === pod.did && event.didDocument?.alsoKnownAs?.[0] === 'at://al.test',
  )
  await follower.stop()
  expect(follower.errors).toEqual([])

  const read = async (path: string) => (await fetch(url + path)).json() as Promise<Record<string, unknown>>
  const look = async (): Promise<void> => {
    expect((await roomStatus(url)).handle).toBe('al.test')
    expect(await read('/xrpc/com.atproto.identity.resolveHandle?handle=al.test')).toEqual({ did: pod.did })
    const whole = { did: pod.did, handle: 'al.test', didDoc: { id: pod.did, alsoKnownAs: ['at://al.test'] } }
    for (const identifier of ['al.test', pod.did])
      expect(await read(`/xrpc/com.atproto.identity.resolveIdentity?identifier=${identifier}`)).toMatchObject(whole)
    expect(await read(`/xrpc/com.atproto.repo.describeRepo?repo=${pod.did}`)).toMatchObject({
      handle: 'al.test',
      didDoc: { alsoKnownAs: ['at://al.test'] },
      handleIsCorrect: true,
    })
    expect((await fetch(`${url}/xrpc/com.atproto.repo.describeRepo?repo=al.test`)).status).toBe(200)
    expect((await fetch(`${url}/xrpc/com.atproto.repo.describeRepo?repo=${HANDLE}`)).status).toBe(400)
  }
  await look()
  await pod.page.close()
  await expect.poll(async () => (await roomStatus(url)).online).toBe(false)
  await look()
  await openPodInTab({ context: pod.context, url, claim: pod.shim.claimToken, handle: 'al.test', password: PASSWORD })
  expect((await agent.com.atproto.server.getSession()).data.handle).toBe('al.test')
})

test(`signPlcOperation takes the token that the owner sees, once, and the directory takes the operation${suffix}`, async ({
  portable,
  agent,
}) => {
  const { pod, directory, data } = portable
  const page = pod.context.pages().find((page) => page.url().startsWith(pod.shim.url))!
  const { identity } = agent.com.atproto
  const { data: recommended } = await identity.getRecommendedDidCredentials()
  expect(recommended.rotationKeys).toEqual((await data()).rotationKeys)
  await identity.requestPlcOperationSignature()
  const token = await tokenInInbox(page, 'plc-operation')
  const alsoKnownAs = [...recommended.alsoKnownAs!, 'https://alice.example']
  const { operation } = (await identity.signPlcOperation({ token, alsoKnownAs })).data
  await expect(identity.signPlcOperation({ token })).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })

  const follower = follow(pod.shim.url, 0, directory.url)
  await identity.submitPlcOperation({ operation })
  expect((await data()).alsoKnownAs).toEqual(alsoKnownAs)
  await follower.until((event) => event.event === 'identity' && event.didDocument?.alsoKnownAs?.[1] === 'https://alice.example')
  await follower.stop()
  expect((await newResolver(directory.url).did.resolveAtprotoData(pod.did, true)).pds).toBe(pod.shim.url)
})

test(`an operation that would lock the account out is refused${suffix}`, async ({ portable, agent }) => {
  const { pod, data } = portable
  const page = pod.context.pages().find((page) => page.url().startsWith(pod.shim.url))!
  const { identity } = agent.com.atproto
  await identity.requestPlcOperationSignature()
  const token = await tokenInInbox(page, 'plc-operation')
  const services = { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://elsewhere.example' } }
  const { operation } = (await identity.signPlcOperation({ token, services })).data
  const before = await data()
  await expect(identity.submitPlcOperation({ operation })).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  expect(await data()).toEqual(before)
})

const faults: ReadonlyArray<readonly [string, Fault, string]> = [
  ['is down', (request) => request.socket.destroy(), 'PlcUnavailable'],
  ['is broken', (_, response) => response.writeHead(503).end(), 'PlcUnavailable'],
  ['never answers', () => {}, 'PlcUnavailable'],
  ['sends elsewhere', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(), 'PlcUnavailable'],
  ['talks nonsense', (_, response) => response.end('<html>'), 'PlcUntrustworthy'],
  ['tells of nobody', (_, response) => response.end('[]'), 'PlcUntrustworthy'],
  ['never ends', (_, response) => flood(response), 'PlcUntrustworthy'],
]

for (const [what, fault, error] of faults)
  test(`a directory that ${what} leaves the handle as it is${suffix}`, async ({ portable, agent }) => {
    const { pod, directory, data } = portable
    const before = (await roomStatus(pod.shim.url)).handle
    directory.fault = fault
    try {
      await expect(agent.updateHandle({ handle: 'new.test' })).rejects.toMatchObject({ error })
    } finally {
      directory.fault = null
    }
    expect((await agent.com.atproto.server.getSession()).data.handle).toBe(before)
    expect((await roomStatus(pod.shim.url)).handle).toBe(before)
    expect((await data()).alsoKnownAs[0]).toBe(`at://${before}`)
  })

const flood = (response: import('node:http').ServerResponse): void => {
  const piece = Buffer.alloc(256 * 1024, 0x20)
  const pour = (): void => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once('drain', pour)
  }
  pour()
}

test(`the owner changes the handle from the page${suffix}`, async ({ portable }) => {
  const { pod, data } = portable
  const page = pod.context.pages().find((page) => page.url().startsWith(pod.shim.url))!
  await command(page, { kind: 'change-handle', handle: 'ally.test' })
  expect((await data()).alsoKnownAs[0]).toBe('at://ally.test')
  await expect.poll(async () => (await roomStatus(pod.shim.url)).handle).toBe('ally.test')
})

test(`a new signing key: directory, repo and firehose turn to it, and outsiders go on verifying${suffix}`, async ({ portable, agent }) => {
  const { pod, directory, data } = portable
  const { url } = pod.shim
  const page = pod.context.pages().find((page) => page.url().startsWith(url))!
  const { uri: old } = await agent.post({ text: 'by the old key', createdAt: new Date().toISOString() })
  const before = await data()
  const follower = follow(url, 0, directory.url)
  // Whoever is slower cannot verify it any more, and is put right by the #sync.
  await follower.until((event) => event.event === 'create' && event.uri.toString() === old)
  await page.getByRole('link', { name: 'Account', exact: true }).click()
  await page.getByRole('button', { name: 'Make a new key' }).click()
  await page.getByRole('button', { name: 'Really make a new key' }).click()
  await expect(page.getByTestId('account').getByText('Everything is signed by the new key.')).toBeVisible()
  const after = await data()
  expect(after.verificationMethods['atproto']).not.toBe(before.verificationMethods['atproto'])
  await follower.until((event) => event.event === 'sync' && event.did === pod.did)
  const { uri } = await agent.post({ text: 'by the new key', createdAt: new Date().toISOString() })
  await follower.until((event) => event.event === 'create' && event.uri.toString() === uri)
  await follower.stop()
  expect(follower.errors).toEqual([])
  const { records } = await fetchVerifiedRepo(url, pod.did, directory.url)
  expect(records.map(({ value }) => value['text'])).toEqual(['by the old key', 'by the new key'])

  // The worker that comes after it has the new key, too.
  await page.reload()
  await expect.poll(async () => (await roomStatus(url)).online).toBe(true)
  await agent.post({ text: 'still by the new key', createdAt: new Date().toISOString() })
  expect((await fetchVerifiedRepo(url, pod.did, directory.url)).records).toHaveLength(3)
})
