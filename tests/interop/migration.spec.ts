/** Real moves between the reference PDS and a tab, both ways, for both kinds of identity: everything arrives, and everyone who watches sees it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { type BrowserContext, type Page } from 'playwright'
import { test as base } from 'playwright/test'
import { launchBrowser } from '../../scripts/browser.ts'
import { makePng } from '../../scripts/picture.ts'
import { openPodInTab } from '../../scripts/pod.ts'
import { type Shim, startShim } from '../../scripts/shim.ts'
import { fetchVerifiedRepo, newResolver } from '../../scripts/witness.ts'
import type { PodSummary } from '../../wire/owner.ts'
import { type AccountStatus, type Credentials, type Move, moveAccount, pdsIn, repointPlc } from '../fixtures/account-move.ts'
import { DidWebSite } from '../fixtures/did-web-site.ts'
import { InductiveReplica } from '../fixtures/inductive-replica.ts'
import { command, tokenInInbox } from '../fixtures/owner.ts'
import { noDirectory } from '../fixtures/plc-directory.ts'
import { expect, PASSWORD, POST } from '../fixtures/pod.ts'
import { type ReferencePds, startReferencePds } from '../fixtures/reference-pds.ts'

const suffix = noDirectory === null ? '' : ` (skipped: ${noDirectory})`

/** An address of ours, with a browser that nothing lives in yet. */
interface Host {
  readonly shim: Shim
  readonly context: BrowserContext
}

const test = base.extend<{ host: Host }, { reference: ReferencePds }>({
  reference: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const reference = await startReferencePds()
      await use(reference)
      await reference.stop()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  host: async ({ reference }, use) => {
    const home = mkdtempSync(join(tmpdir(), 'tabpod-migration-'))
    const variables = { TABPOD_PLC_URL: reference.plc, TABPOD_ALLOW_LOOPBACK_EGRESS: 'true' }
    const shim = await startShim({ persist: join(home, 'room'), variables })
    const context = await launchBrowser({ profileDir: join(home, 'profile'), headless: true })
    await use({ shim, context })
    await context.close()
    await shim.stop()
    rmSync(home, { recursive: true, force: true })
  },
})

test.skip(noDirectory !== null, noDirectory ?? '')
test.slow()

const POSTS = 30
const PICTURES = 5

test(`a did:plc moves from the reference PDS into a tab${suffix}`, async ({ reference, host }) => {
  const old = await reference.createAccount('plc-in.test', PASSWORD)
  const repoint = repointPlc(() => reference.token('plcOperation'))
  const credentials = await expectMovesIn({ old, host, repoint, plc: reference.plc })

  const log = (await (await fetch(`${reference.plc}/${old.assertDid}/log/audit`)).json()) as Array<{
    operation: { rotationKeys: string[] }
  }>
  expect(log).toHaveLength(2)
  expect(log.at(-1)!.operation.rotationKeys).toEqual(credentials.rotationKeys)
})

test(`a did:web with a site of its own moves from the reference PDS into a tab${suffix}`, async ({ reference, host }) => {
  const handle = 'web-in.test'
  const site = await DidWebSite.start(handle)
  try {
    const { data: server } = await new AtpAgent({ service: reference.publicUrl }).com.atproto.server.describeServer()
    const token = await site.serviceAuth(server.did, 'com.atproto.server.createAccount')
    const old = await reference.createAccount(handle, PASSWORD, { did: site.did, token })
    const point: Move['repoint'] = (credentials) => {
      const { endpoint, signingKey } = pdsIn(credentials)
      site.point(endpoint, signingKey)
      return Promise.resolve()
    }
    await point((await old.com.atproto.identity.getRecommendedDidCredentials()).data, old, old)
    await old.com.atproto.server.activateAccount()
    await expectMovesIn({ old, host, repoint: point, plc: reference.plc })
  } finally {
    await site.stop()
  }
})

test(`a did:plc moves from a tab to the reference PDS${suffix}`, async ({ reference, host }) => {
  const page = await openPodInTab({ ...opened(host), handle: 'plc-out.test', password: PASSWORD, portable: true })
  await expectMovesOut({ page, host, reference, handle: 'plc-out.test', repoint: repointPlc(() => tokenInInbox(page, 'plc-operation')) })
})

test(`the did:web of an address moves to the reference PDS, and the address goes on naming it with the tab closed${suffix}`, async ({
  reference,
  host,
}) => {
  const page = await openPodInTab({ ...opened(host), handle: 'web-out.test', password: PASSWORD })
  const point: Move['repoint'] = async (credentials, old) => {
    // The document is this server's to serve: an account that is active here cannot be said to be elsewhere.
    await expect(command(page, { kind: 'point-elsewhere', ...pdsIn(credentials) })).rejects.toThrow('InvalidRequest')
    await old.com.atproto.server.deactivateAccount({})
    await command(page, { kind: 'point-elsewhere', ...pdsIn(credentials) })
    // The room hears of it on the uplink, a moment after the owner.
    const document = () => newResolver().did.resolveAtprotoData(old.assertDid, true)
    await expect.poll(async () => (await document()).pds).toBe(reference.publicUrl)
  }
  const did = await expectMovesOut({ page, host, reference, handle: 'web-out.test', repoint: point })
  await page.close()
  expect(await newResolver(reference.plc).did.resolveAtprotoData(did, true)).toMatchObject({ did, pds: reference.publicUrl })
})

const opened = ({ shim, context }: Host) => ({ context, url: shim.url, claim: shim.claimToken })

/** @returns what the pod recommended for the DID */
const expectMovesIn = async (move: {
  readonly old: AtpAgent
  readonly host: Host
  readonly repoint: Move['repoint']
  readonly plc: string
}): Promise<Credentials> => {
  const { old, host, repoint, plc } = move
  const { handle } = old.session!
  await fill(old)
  const page = await awaitAccount(host)
  const { inviteCode, standing } = await command<PodSummary>(page, { kind: 'describe' })
  expect(standing).toBe('vacant')
  const before = await contentsOf(old, plc)
  const { fresh } = await expectMoved({ old, to: host.shim.url, handle, inviteCode: inviteCode!, repoint, plc, before })
  await expect(page.getByTestId('home').getByRole('status')).toHaveText(/^\s*Online/)
  expect(await command<PodSummary>(page, { kind: 'describe' })).toMatchObject({ did: old.assertDid, handle, standing: 'active' })

  // The mirror has it all: nobody needs the tab to read it.
  const { data: credentials } = await fresh.com.atproto.identity.getRecommendedDidCredentials()
  await page.close()
  expect((await contentsOf(fresh, plc)).blobs).toEqual(before.blobs)
  return credentials
}

/** @returns the DID */
const expectMovesOut = async (move: {
  readonly page: Page
  readonly host: Host
  readonly reference: ReferencePds
  readonly handle: string
  readonly repoint: Move['repoint']
}): Promise<string> => {
  const { page, host, reference, handle, repoint } = move
  const old = new AtpAgent({ service: host.shim.url })
  await old.login({ identifier: handle, password: PASSWORD })
  await fill(old)
  const before = await contentsOf(old, reference.plc)
  await expectMoved({ old, to: reference.publicUrl, handle, repoint, plc: reference.plc, before })
  expect(await command<PodSummary>(page, { kind: 'describe' })).toMatchObject({ standing: 'deactivated' })
  return old.assertDid
}

/** The page's own way: *Move it here*. */
const awaitAccount = async ({ shim, context }: Host): Promise<Page> => {
  const page = await context.newPage()
  await page.goto(shim.claimUrl)
  await page.getByRole('link', { name: 'Move it here' }).click()
  await page.getByRole('button', { name: 'Take this address and wait' }).click()
  await expect(page.getByTestId('stages')).toBeVisible()
  await expect.poll(async () => ((await (await fetch(`${shim.url}/xrpc/_tabpod/status`)).json()) as { online: boolean }).online).toBe(true)
  return page
}

/** Posts, pictures, a profile, a like, and preferences. */
const fill = async (agent: AtpAgent): Promise<void> => {
  const createdAt = new Date().toISOString()
  const writes = Array.from({ length: POSTS }, (_, n) => ({
    $type: 'com.atproto.repo.applyWrites#create' as const,
    collection: POST,
    value: { $type: POST, text: `post ${n} of an account that moves`, createdAt },
  }))
  await agent.com.atproto.repo.applyWrites({ repo: agent.assertDid, writes })
  let last = { uri: '', cid: '' }
  for (let tint = 0; tint < PICTURES; tint++) {
    const { data } = await agent.uploadBlob(makePng(16 + tint, tint * 40), { encoding: 'image/png' })
    const embed = { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: `picture ${tint}` }] }
    last = await agent.post({ text: `with picture ${tint}`, embed, createdAt })
    // The first of them twice: a blob that two records mention is one blob.
    if (tint === 0) await agent.post({ text: 'the same picture', embed, createdAt })
  }
  await agent.like(last.uri, last.cid)
  await agent.upsertProfile(() => ({ displayName: 'Somebody who moves' }))
  await agent.setAdultContentEnabled(true)
  await agent.setPersonalDetails({ birthDate: '1990-01-01T00:00:00.000Z' })
}

interface Contents {
  /** CID by path, out of a CAR whose every block and signature was verified. */
  readonly records: Readonly<Record<string, string>>
  /** SHA-256 by CID. */
  readonly blobs: Readonly<Record<string, string>>
}

const contentsOf = async (agent: AtpAgent, plc: string): Promise<Contents> => {
  const did = agent.assertDid
  const { creates } = await fetchVerifiedRepo(agent.serviceUrl.origin, did, plc)
  const { data } = await agent.com.atproto.sync.listBlobs({ did })
  const blobs: Record<string, string> = {}
  for (const cid of data.cids) {
    const bytes = (await agent.com.atproto.sync.getBlob({ did, cid })).data
    blobs[cid] = Buffer.from(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))).toString('hex')
  }
  return { records: Object.fromEntries(creates.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, String(cid)])), blobs }
}

/** Moves it, and holds what is there afterwards against what was there before. */
const expectMoved = async (move: Omit<Move, 'password'> & { readonly plc: string; readonly before: Contents }) => {
  const { old, to, handle, plc, before } = move
  const did = old.assertDid
  expect(Object.keys(before.blobs)).toHaveLength(PICTURES)
  const preferences = (await old.app.bsky.actor.getPreferences()).data
  const oldKey = await newResolver(plc).did.resolveAtprotoKey(did, true)
  const moved = await moveAccount({ ...move, password: PASSWORD })
  const { fresh, statuses, missing } = moved

  const records = Object.keys(before.records).length
  const status = (activated: boolean, indexedRecords: number, expectedBlobs: number, importedBlobs: number): Partial<AccountStatus> => ({
    activated,
    indexedRecords,
    expectedBlobs,
    importedBlobs,
  })
  expect(statuses).toMatchObject([
    { ...status(false, 0, 0, 0), validDid: false },
    { ...status(false, records, PICTURES, 0), validDid: false },
    { ...status(false, records, PICTURES, PICTURES), validDid: false },
    { ...status(true, records, PICTURES, PICTURES), validDid: true },
  ])
  expect(missing).toBe(PICTURES)

  expect(await newResolver(plc).did.resolveAtprotoData(did, true)).toMatchObject({ did, handle, pds: new URL(to).origin })
  await expectFollowable(fresh, plc, { before, oldKey })
  expect((await fresh.app.bsky.actor.getPreferences()).data).toEqual(preferences)
  expect((await fresh.com.atproto.server.getSession()).data).toMatchObject({ did, handle, active: true })
  await expectGone(old)
  return moved
}

/** A consumer hears of the account, its identity and its repo, and follows what is written next; then the export verifies by the new key, too. */
const expectFollowable = async (
  fresh: AtpAgent,
  plc: string,
  old: { readonly before: Contents; readonly oldKey: string },
): Promise<void> => {
  const did = fresh.assertDid
  const key = await newResolver(plc).did.resolveAtprotoKey(did, true)
  expect(key).not.toBe(old.oldKey)
  // The reference shows the commit that it imported, signed by the old key and with the old rev, until something is written.
  const replica = new InductiveReplica(fresh.serviceUrl.origin, did, key, old.oldKey)
  await replica.untilFrame(({ $type }) => $type === 'com.atproto.sync.subscribeRepos#sync')
  const { uri } = await fresh.post({ text: 'Here I am.', createdAt: new Date().toISOString() })
  const { data } = await fresh.com.atproto.sync.getLatestCommit({ did })
  await replica.until(data.rev)
  await replica.stop()
  expect(replica.errors).toEqual([])
  // The reference tells of the new document when it has submitted it, a room says #sync when it has taken a whole repo: both before the pod has its say.
  expect(replica.kinds.slice(-4)).toEqual(['account', 'identity', 'sync', 'commit'])
  for (const kind of replica.kinds.slice(0, -4)) expect(['sync', 'identity']).toContain(kind)

  const now = await contentsOf(fresh, plc)
  expect(Object.fromEntries(Array.from(replica.records, ([path, { cid }]) => [path, cid]))).toEqual(now.records)
  const { [uri.split('/').slice(3).join('/')]: written, ...moved } = now.records
  expect(written).toBeDefined()
  expect({ ...now, records: moved }).toEqual(old.before)
}

/** The old server keeps the account, says to everyone that it is no longer there, and writes nothing. */
const expectGone = async (old: AtpAgent): Promise<void> => {
  const did = old.assertDid
  const anyone = new AtpAgent({ service: old.serviceUrl })
  expect((await anyone.com.atproto.sync.getRepoStatus({ did })).data).toMatchObject({ did, active: false, status: 'deactivated' })
  await expect(anyone.com.atproto.sync.getRepo({ did })).rejects.toMatchObject({ status: 400, error: 'RepoDeactivated' })
  // By hand: after a 401 the client refreshes its session, learns from the document in the answer where the account is now, and goes there.
  const call = async (nsid: string, body?: object) => {
    const headers = { authorization: `Bearer ${old.session!.accessJwt}`, 'content-type': 'application/json' }
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    return (await fetch(new URL(`/xrpc/${nsid}`, old.serviceUrl), { headers, ...init })).json()
  }
  const record = { $type: POST, text: 'too late', createdAt: new Date().toISOString() }
  expect(await call('com.atproto.repo.createRecord', { repo: did, collection: POST, record })).toMatchObject({
    error: 'AccountDeactivated',
  })
  expect(await call('com.atproto.server.checkAccountStatus')).toMatchObject({ activated: false, validDid: false })
}
