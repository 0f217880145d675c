/** Every method that a pod answers itself, called once through the official client, tab open; and none forgotten. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent, type BlobRef } from '@atproto/api'
import { readCarWithRoot, verifyProofs, verifyRepoCar } from '@atproto/repo'
import type { Page } from 'playwright'
import { test as base } from 'playwright/test'
import { makePng } from '../../scripts/picture.ts'
import { type HostedPod, hostPod } from '../../scripts/pod.ts'
import { root } from '../../scripts/root.ts'
import { newResolver } from '../../scripts/witness.ts'
import { AppView } from '../fixtures/appview.ts'
import { tokenInInbox } from '../fixtures/owner.ts'
import { expect, HANDLE, PASSWORD, POST } from '../fixtures/pod.ts'

interface World {
  readonly agent: AtpAgent
  readonly did: string
  readonly page: Page
  readonly appview: AppView
  readonly anyone: AtpAgent
  readonly rkey: string
  readonly cid: string
  readonly blob: BlobRef
}

const test = base.extend<object, { world: World }>({
  world: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const home = mkdtempSync(join(tmpdir(), 'tabpod-every-method-'))
      const appview = new AppView()
      await appview.start()
      appview.answers('app.bsky.notification.registerPush', {})
      appview.answers('app.bsky.notification.unregisterPush', {})
      const pod = await startPod(home, appview)
      const agent = new AtpAgent({ service: pod.shim.url })
      await agent.login({ identifier: HANDLE, password: PASSWORD })
      const blob = (await agent.uploadBlob(makePng(8), { encoding: 'image/png' })).data.blob
      const embed = { $type: 'app.bsky.embed.images', images: [{ image: blob, alt: 'a picture' }] }
      const { uri, cid } = await agent.post({ text: 'the record of all these calls', embed, createdAt: new Date().toISOString() })
      const anyone = new AtpAgent({ service: pod.shim.url })
      await use({ agent, anyone, did: pod.did, page: pod.page, appview, rkey: uri.split('/').at(-1)!, cid, blob })
      await pod.stop()
      await appview.stop()
      rmSync(home, { recursive: true, force: true })
    },
    { scope: 'worker', timeout: 120_000 },
  ],
})

const startPod = (home: string, appview: AppView): Promise<HostedPod> =>
  hostPod({
    shim: {
      persist: join(home, 'room'),
      variables: { TABPOD_APPVIEW: `${appview.did}#bsky_appview`, TABPOD_ALLOW_LOOPBACK_EGRESS: 'true' },
    },
    browser: { profileDir: join(home, 'profile'), headless: true },
    handle: HANDLE,
    password: PASSWORD,
  })

const note = (text: string) => ({ $type: 'com.example.note', text })
const NOTE = 'com.example.note'

/** In this order: what ends the session, the account's activity, or the account itself comes last. */
const calls: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'com.atproto.server.describeServer': async ({ anyone }) => {
    expect((await anyone.com.atproto.server.describeServer()).data).toMatchObject({ did: expect.stringMatching(/^did:web:localhost%3A/) })
  },
  'com.atproto.server.createSession': async ({ anyone, did }) => {
    const { data } = await anyone.com.atproto.server.createSession({ identifier: HANDLE, password: PASSWORD })
    expect(data).toMatchObject({ did, handle: HANDLE, active: true })
  },
  'com.atproto.server.getSession': async ({ agent, did }) => {
    expect((await agent.com.atproto.server.getSession()).data).toMatchObject({ did, handle: HANDLE, active: true })
  },
  'com.atproto.server.getServiceAuth': async ({ agent, did }) => {
    const { data } = await agent.com.atproto.server.getServiceAuth({ aud: 'did:web:service.example', lxm: 'com.atproto.repo.uploadBlob' })
    const claims = JSON.parse(Buffer.from(data.token.split('.')[1]!, 'base64url').toString()) as object
    expect(claims).toMatchObject({ iss: did, aud: 'did:web:service.example', lxm: 'com.atproto.repo.uploadBlob' })
  },
  'com.atproto.server.createAppPassword': async ({ agent }) => {
    const { data } = await agent.com.atproto.server.createAppPassword({ name: 'every-method' })
    expect(data).toMatchObject({ name: 'every-method', password: expect.stringMatching(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/) })
  },
  'com.atproto.server.listAppPasswords': async ({ agent }) => {
    expect((await agent.com.atproto.server.listAppPasswords()).data.passwords).toMatchObject([{ name: 'every-method' }])
  },
  'com.atproto.server.revokeAppPassword': async ({ agent }) => {
    await agent.com.atproto.server.revokeAppPassword({ name: 'every-method' })
    expect((await agent.com.atproto.server.listAppPasswords()).data.passwords).toEqual([])
  },
  'com.atproto.server.createInviteCode': async ({ agent }) => {
    await expect(agent.com.atproto.server.createInviteCode({ useCount: 1 })).rejects.toMatchObject({ status: 401 })
  },
  'com.atproto.server.createInviteCodes': async ({ agent }) => {
    await expect(agent.com.atproto.server.createInviteCodes({ useCount: 1, codeCount: 1 })).rejects.toMatchObject({ status: 401 })
  },
  'com.atproto.server.getAccountInviteCodes': async ({ agent }) => {
    expect((await agent.com.atproto.server.getAccountInviteCodes()).data).toEqual({ codes: [] })
  },
  'com.atproto.server.reserveSigningKey': async ({ anyone }) => {
    expect((await anyone.com.atproto.server.reserveSigningKey({})).data.signingKey).toMatch(/^did:key:zDn/)
  },
  'com.atproto.server.updateEmail': async ({ agent }) => {
    await agent.com.atproto.server.updateEmail({ email: 'every@method.example' })
    expect((await agent.com.atproto.server.getSession()).data).toMatchObject({ email: 'every@method.example', emailConfirmed: false })
  },
  'com.atproto.server.requestEmailConfirmation': async ({ agent, page }) => {
    await agent.com.atproto.server.requestEmailConfirmation()
    expect(await tokenInInbox(page, 'confirm-email')).toMatch(/^[A-Z2-7]{5}-[A-Z2-7]{5}$/i)
  },
  'com.atproto.server.confirmEmail': async ({ agent, page }) => {
    await agent.com.atproto.server.confirmEmail({ email: 'every@method.example', token: await tokenInInbox(page, 'confirm-email') })
    expect((await agent.com.atproto.server.getSession()).data).toMatchObject({ emailConfirmed: true })
  },
  'com.atproto.server.requestEmailUpdate': async ({ agent, page }) => {
    expect((await agent.com.atproto.server.requestEmailUpdate()).data).toEqual({ tokenRequired: true })
    expect(await tokenInInbox(page, 'update-email')).toBeTruthy()
  },
  'com.atproto.server.checkAccountStatus': async ({ agent }) => {
    expect((await agent.com.atproto.server.checkAccountStatus()).data).toMatchObject({
      activated: true,
      validDid: true,
      indexedRecords: 1,
      expectedBlobs: 1,
      importedBlobs: 1,
    })
  },
  'com.atproto.temp.checkSignupQueue': async ({ agent }) => {
    expect((await agent.com.atproto.temp.checkSignupQueue()).data).toEqual({ activated: true })
  },
  'com.atproto.temp.checkHandleAvailability': async ({ anyone }) => {
    const { data } = await anyone.com.atproto.temp.checkHandleAvailability({ handle: 'somebody.test' })
    expect(data.result.$type).toBe('com.atproto.temp.checkHandleAvailability#resultUnavailable')
  },
  'com.atproto.identity.resolveHandle': async ({ anyone, did }) => {
    expect((await anyone.com.atproto.identity.resolveHandle({ handle: HANDLE })).data).toEqual({ did })
  },
  'com.atproto.identity.resolveDid': async ({ anyone, did }) => {
    expect((await anyone.com.atproto.identity.resolveDid({ did })).data.didDoc).toMatchObject({ id: did, alsoKnownAs: [`at://${HANDLE}`] })
  },
  'com.atproto.identity.resolveIdentity': async ({ anyone, did }) => {
    expect((await anyone.com.atproto.identity.resolveIdentity({ identifier: did })).data).toMatchObject({ did, handle: HANDLE })
  },
  'com.atproto.identity.refreshIdentity': async ({ agent, did }) => {
    expect((await agent.com.atproto.identity.refreshIdentity({ identifier: HANDLE })).data).toMatchObject({ did, didDoc: { id: did } })
  },
  'com.atproto.identity.getRecommendedDidCredentials': async ({ agent }) => {
    const { data } = await agent.com.atproto.identity.getRecommendedDidCredentials()
    expect(data).toMatchObject({ alsoKnownAs: [`at://${HANDLE}`], verificationMethods: { atproto: expect.stringMatching(/^did:key:zDn/) } })
  },
  'com.atproto.identity.updateHandle': async ({ agent, did }) => {
    await agent.com.atproto.identity.updateHandle({ handle: 'renamed.test' })
    await expect.poll(async () => (await agent.com.atproto.repo.describeRepo({ repo: did })).data.handle).toBe('renamed.test')
    await agent.com.atproto.identity.updateHandle({ handle: HANDLE })
  },
  'com.atproto.repo.describeRepo': async ({ anyone, did }) => {
    expect((await anyone.com.atproto.repo.describeRepo({ repo: did })).data).toMatchObject({ did, collections: [POST] })
  },
  'com.atproto.repo.getRecord': async ({ anyone, did, rkey, cid }) => {
    const { data } = await anyone.com.atproto.repo.getRecord({ repo: did, collection: POST, rkey })
    expect(data).toMatchObject({ cid, value: { text: 'the record of all these calls' } })
  },
  'com.atproto.repo.createRecord': async ({ agent, did }) => {
    const { data } = await agent.com.atproto.repo.createRecord({ repo: did, collection: NOTE, rkey: 'one', record: note('created') })
    expect(data).toMatchObject({ uri: `at://${did}/${NOTE}/one`, validationStatus: 'unknown', commit: { rev: expect.any(String) } })
  },
  'com.atproto.repo.putRecord': async ({ agent, did }) => {
    await agent.com.atproto.repo.putRecord({ repo: did, collection: NOTE, rkey: 'one', record: note('put') })
    expect((await agent.com.atproto.repo.getRecord({ repo: did, collection: NOTE, rkey: 'one' })).data.value).toEqual(note('put'))
  },
  'com.atproto.repo.applyWrites': async ({ agent, did }) => {
    const writes = ['two', 'three'].map((rkey) => ({
      $type: 'com.atproto.repo.applyWrites#create' as const,
      collection: NOTE,
      rkey,
      value: note(rkey),
    }))
    expect((await agent.com.atproto.repo.applyWrites({ repo: did, writes })).data.results).toHaveLength(2)
  },
  'com.atproto.repo.listRecords': async ({ anyone, did }) => {
    const { data } = await anyone.com.atproto.repo.listRecords({ repo: did, collection: NOTE, limit: 2 })
    expect(data.records.map(({ uri }) => uri.split('/').at(-1))).toEqual(['two', 'three'])
    expect(data.cursor).toBe('three')
  },
  'com.atproto.repo.deleteRecord': async ({ agent, did }) => {
    expect((await agent.com.atproto.repo.deleteRecord({ repo: did, collection: NOTE, rkey: 'one' })).data.commit).toBeDefined()
    const gone = agent.com.atproto.repo.getRecord({ repo: did, collection: NOTE, rkey: 'one' })
    await expect(gone).rejects.toMatchObject({ status: 400, error: 'RecordNotFound' })
  },
  'com.atproto.repo.uploadBlob': async ({ agent, blob }) => {
    const { data } = await agent.com.atproto.repo.uploadBlob(makePng(8), { encoding: 'application/octet-stream' })
    expect([String(data.blob.ref), data.blob.mimeType]).toEqual([String(blob.ref), 'image/png'])
  },
  'com.atproto.repo.listMissingBlobs': async ({ agent }) => {
    expect((await agent.com.atproto.repo.listMissingBlobs()).data).toEqual({ blobs: [] })
  },
  'com.atproto.sync.getRepo': async ({ anyone, did }) => {
    const { data } = await anyone.com.atproto.sync.getRepo({ did })
    const { creates } = await verifyRepoCar(data, did, await newResolver().did.resolveAtprotoKey(did))
    expect(creates).toHaveLength(3)
  },
  'com.atproto.sync.getCheckout': async ({ anyone, did }) => {
    const [checkout, repo] = [await anyone.com.atproto.sync.getCheckout({ did }), await anyone.com.atproto.sync.getRepo({ did })]
    expect(Buffer.compare(checkout.data, repo.data)).toBe(0)
  },
  'com.atproto.sync.getLatestCommit': async ({ anyone, agent, did }) => {
    const { data } = await anyone.com.atproto.sync.getLatestCommit({ did })
    const { repoCommit, repoRev } = (await agent.com.atproto.server.checkAccountStatus()).data
    expect(data).toEqual({ cid: repoCommit, rev: repoRev })
  },
  'com.atproto.sync.getHead': async ({ anyone, did }) => {
    const { cid } = (await anyone.com.atproto.sync.getLatestCommit({ did })).data
    expect((await anyone.com.atproto.sync.getHead({ did })).data).toEqual({ root: cid })
  },
  'com.atproto.sync.getRepoStatus': async ({ anyone, did }) => {
    const { rev } = (await anyone.com.atproto.sync.getLatestCommit({ did })).data
    expect((await anyone.com.atproto.sync.getRepoStatus({ did })).data).toEqual({ did, active: true, rev })
  },
  'com.atproto.sync.listRepos': async ({ anyone, did }) => {
    const { cid, rev } = (await anyone.com.atproto.sync.getLatestCommit({ did })).data
    expect((await anyone.com.atproto.sync.listRepos()).data.repos).toEqual([{ did, head: cid, rev, active: true }])
  },
  'com.atproto.sync.getRecord': async ({ anyone, did, rkey }) => {
    const { data } = await anyone.com.atproto.sync.getRecord({ did, collection: POST, rkey })
    const key = await newResolver().did.resolveAtprotoKey(did)
    // That it is not there is what the proof refutes.
    const claims = [{ collection: POST, rkey, cid: null }]
    expect((await verifyProofs(data, claims, did, key)).unverified).toEqual(claims)
  },
  'com.atproto.sync.getBlocks': async ({ anyone, did, cid }) => {
    const { cid: commit } = (await anyone.com.atproto.sync.getLatestCommit({ did })).data
    const { data } = await anyone.com.atproto.sync.getBlocks({ did, cids: [commit, cid] })
    // A CAR of blocks has no root of its own.
    const blocks = Buffer.from(data)
    expect(blocks.includes(Buffer.from('the record of all these calls'))).toBe(true)
    await expect(readCarWithRoot(data)).rejects.toThrow('root')
  },
  'com.atproto.sync.getBlob': async ({ anyone, did, blob }) => {
    const { data, headers } = await anyone.com.atproto.sync.getBlob({ did, cid: String(blob.ref) })
    expect(Buffer.compare(data, makePng(8))).toBe(0)
    expect(headers['content-type']).toBe('image/png')
  },
  'com.atproto.sync.listBlobs': async ({ anyone, did, blob }) => {
    expect((await anyone.com.atproto.sync.listBlobs({ did })).data).toMatchObject({ cids: [String(blob.ref)] })
  },
  'com.atproto.moderation.createReport': async ({ agent, appview, did }) => {
    const report = { reasonType: 'com.atproto.moderation.defs#reasonSpam', subject: { $type: 'com.atproto.admin.defs#repoRef', did } }
    appview.answers('com.atproto.moderation.createReport', { ...report, id: 7, reportedBy: did, createdAt: new Date().toISOString() })
    const headers = { 'atproto-proxy': `${appview.did}#atproto_labeler` }
    const { data } = await agent.com.atproto.moderation.createReport(report, { headers, encoding: 'application/json' })
    expect(data).toMatchObject({ id: 7, reportedBy: did })
  },
  'app.bsky.notification.registerPush': async ({ agent, appview }) => {
    await agent.app.bsky.notification.registerPush({ serviceDid: appview.did, token: 't', platform: 'web', appId: 'app.example' })
    expect(appview.last('app.bsky.notification.registerPush')?.method).toBe('POST')
  },
  'app.bsky.notification.unregisterPush': async ({ agent, appview }) => {
    await agent.app.bsky.notification.unregisterPush({ serviceDid: appview.did, token: 't', platform: 'web', appId: 'app.example' })
    expect(appview.last('app.bsky.notification.unregisterPush')?.method).toBe('POST')
  },
  'app.bsky.actor.putPreferences': async ({ agent }) => {
    const preferences = [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }]
    await agent.app.bsky.actor.putPreferences({ preferences })
    expect((await agent.app.bsky.actor.getPreferences()).data).toEqual({ preferences })
  },
  'app.bsky.actor.getPreferences': async ({ agent }) => {
    expect((await agent.app.bsky.actor.getPreferences()).data.preferences).toMatchObject([{ enabled: true }])
  },
  'com.atproto.server.deactivateAccount': async ({ agent, anyone, did }) => {
    await agent.com.atproto.server.deactivateAccount({})
    await expect.poll(async () => (await anyone.com.atproto.sync.getRepoStatus({ did })).data.status).toBe('deactivated')
  },
  'com.atproto.server.activateAccount': async ({ agent, anyone, did }) => {
    await agent.com.atproto.server.activateAccount()
    await expect.poll(async () => (await anyone.com.atproto.sync.getRepoStatus({ did })).data.active).toBe(true)
  },
  'com.atproto.server.requestPasswordReset': async ({ anyone, page }) => {
    await anyone.com.atproto.server.requestPasswordReset({ email: 'every@method.example' })
    expect(await tokenInInbox(page, 'reset-password')).toBeTruthy()
  },
  'com.atproto.server.resetPassword': async ({ anyone, page, agent }) => {
    const token = await tokenInInbox(page, 'reset-password')
    await anyone.com.atproto.server.resetPassword({ token, password: `${PASSWORD} again` })
    await agent.login({ identifier: HANDLE, password: `${PASSWORD} again` })
  },
  'com.atproto.server.refreshSession': async ({ agent, did }) => {
    const before = agent.session!.refreshJwt
    const headers = { authorization: `Bearer ${before}` }
    const { data } = await new AtpAgent({ service: agent.serviceUrl }).com.atproto.server.refreshSession(undefined, { headers })
    expect(data).toMatchObject({ did, handle: HANDLE })
    expect(data.refreshJwt).not.toBe(before)
  },
  'com.atproto.server.deleteSession': async ({ anyone }) => {
    const { data } = await anyone.com.atproto.server.createSession({ identifier: HANDLE, password: `${PASSWORD} again` })
    const headers = { authorization: `Bearer ${data.refreshJwt}` }
    await anyone.com.atproto.server.deleteSession(undefined, { headers })
    await expect(anyone.com.atproto.server.refreshSession(undefined, { headers })).rejects.toMatchObject({ error: 'ExpiredToken' })
  },
  'com.atproto.server.requestAccountDelete': async ({ agent, page }) => {
    await agent.com.atproto.server.requestAccountDelete()
    expect(await tokenInInbox(page, 'delete-account')).toBeTruthy()
  },
  'com.atproto.server.deleteAccount': async ({ anyone, did, page }) => {
    const token = await tokenInInbox(page, 'delete-account')
    await anyone.com.atproto.server.deleteAccount({ did, password: `${PASSWORD} again`, token })
    await expect
      .poll(async () =>
        anyone.com.atproto.sync.getLatestCommit({ did }).then(
          () => 'there',
          () => 'gone',
        ),
      )
      .toBe('gone')
  },
}

/** Through the official client in migration.spec.ts: they need another server, and some a did:plc. */
const inMigrations: readonly string[] = [
  'com.atproto.server.createAccount',
  'com.atproto.repo.importRepo',
  'com.atproto.identity.requestPlcOperationSignature',
  'com.atproto.identity.signPlcOperation',
  'com.atproto.identity.submitPlcOperation',
]

test('no method that the pod answers itself is missing here', () => {
  const folder = join(root, 'sw/xrpc')
  const sources = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  const served = sources.flatMap((name) =>
    Array.from(readFileSync(join(folder, name), 'utf8').matchAll(/^import \* as \w+ from '[./]+\/lexicons\/(.+)\.ts'/gm), ([, path]) =>
      path!.replaceAll('/', '.'),
    ),
  )
  expect([...Object.keys(calls), ...inMigrations].toSorted()).toEqual([...new Set(served)].toSorted())
})

test.describe('through @atproto/api', () => {
  test.describe.configure({ mode: 'serial' })
  for (const [nsid, call] of Object.entries(calls)) test(nsid, ({ world }) => call(world))
})
