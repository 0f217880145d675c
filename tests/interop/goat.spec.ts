/** The official command line client does to a pod what people do with it, and checks what it gets by its own code: Go, not the libraries we share. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { test as base } from 'playwright/test'
import { launchBrowser } from '../../scripts/browser.ts'
import { makePng } from '../../scripts/picture.ts'
import { type HostedPod, hostPod } from '../../scripts/pod.ts'
import { startShim } from '../../scripts/shim.ts'
import type { PodSummary } from '../../wire/owner.ts'
import { GOAT, noTool } from '../fixtures/go-tools.ts'
import { Goat, showDirectory } from '../fixtures/goat.ts'
import { command, tokenInInbox } from '../fixtures/owner.ts'
import { noDirectory } from '../fixtures/plc-directory.ts'
import { expect, PASSWORD, POST } from '../fixtures/pod.ts'
import { type ReferencePds, startReferencePds } from '../fixtures/reference-pds.ts'

const missing = noDirectory ?? noTool(GOAT)
const suffix = missing === null ? '' : ` (skipped: ${missing})`

/** Not of the account that the reference PDS begins with, for it moves there in the end. */
const HANDLE = 'billy.test'

interface Scene {
  readonly pod: HostedPod
  /** Signed in at the pod. */
  readonly goat: Goat
  readonly reference: ReferencePds
}

const test = base.extend<object, { scene: Scene }>({
  scene: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const goat = await Goat.start()
      const home = mkdtempSync(join(tmpdir(), 'tabpod-goat-pod-'))
      const reference = await startReferencePds()
      const hideDirectory = await showDirectory(reference.plc)
      const pod = await hostPod({
        shim: { persist: join(home, 'room'), variables: { TABPOD_ALLOW_LOOPBACK_EGRESS: 'true' } },
        browser: { profileDir: join(home, 'profile'), headless: true },
        handle: HANDLE,
        password: PASSWORD,
        plc: reference.plc,
      })
      await goat.run('account', 'login', '-u', pod.did, '-p', PASSWORD)
      await use({ pod, goat, reference })
      goat.end()
      await pod.stop()
      await hideDirectory()
      await reference.stop()
      rmSync(home, { recursive: true, force: true })
    },
    { scope: 'worker', timeout: 300_000 },
  ],
})

test.skip(missing !== null, missing ?? '')

test(`goat: pds describe, resolve, account lookup and status${suffix}`, async ({ scene: { pod, goat } }) => {
  const service = `did:web:${encodeURIComponent(new URL(pod.shim.url).host)}`
  expect(await goat.json('pds', 'describe', pod.shim.url)).toMatchObject({ did: service })
  expect(await goat.json('resolve', pod.did)).toMatchObject({ id: pod.did, service: [{ serviceEndpoint: pod.shim.url }] })
  const { rev } = await latest(pod)
  expect((await goat.run('account', 'lookup', pod.did)).split('\n')).toEqual([`DID: ${pod.did}`, 'Active: true', `Repo Rev: ${rev}`])
  const [did, host, ...status] = (await goat.run('account', 'status')).split('\n')
  expect([did, host]).toEqual([`DID: ${pod.did}`, `Host: ${pod.shim.url}`])
  expect(JSON.parse(status.join('\n'))).toMatchObject({ activated: true, validDid: true, repoRev: rev })
  expect(await goat.run('account', 'missing-blobs')).toBe('')
})

test(`goat: account service-auth, as any service would check it${suffix}`, async ({ scene: { pod, goat } }) => {
  const lxm = 'com.atproto.repo.uploadBlob'
  const token = await goat.run('account', 'service-auth', '--audience', 'did:web:video.example', '--endpoint', lxm)
  const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as object
  expect(claims).toMatchObject({ iss: pod.did, aud: 'did:web:video.example', lxm })
})

test(`goat: account plc, up to a rotation key of one's own in the directory${suffix}`, async ({ scene: { pod, goat, reference } }) => {
  const recommended = await goat.json<{ rotationKeys: string[] }>('account', 'plc', 'recommended')
  const plc = ['account', 'plc', '--plc-host', reference.plc]
  const before = await goat.json<{ rotationKeys: string[] }>(...plc, 'current')
  expect(before).toMatchObject(recommended)

  const key = /did:key:z\w+/.exec(await goat.run('key', 'generate'))![0]
  expect(await goat.run(...plc, 'request-token')).toContain('Success')
  const token = await tokenInInbox(pod.page, 'plc-operation')
  expect(await goat.run(...plc, 'add-rotation-key', '--token', token, key)).toBe('Success!')
  expect(await goat.json(...plc, 'current')).toEqual({ ...before, rotationKeys: [...before.rotationKeys, key] })
  await expect(goat.run(...plc, 'add-rotation-key', '--token', token, key)).rejects.toThrow('already registered')
})

test(`goat: records are made, read, listed, changed and deleted${suffix}`, async ({ scene: { pod, goat } }) => {
  const record = (text: string) => goat.file('record.json', { $type: POST, text, createdAt: new Date().toISOString() })
  const [uri, cid] = (await goat.run('record', 'create', record('by goat'))).split('\t')
  const rkey = uri!.split('/').at(-1)!
  expect(uri).toBe(`at://${pod.did}/${POST}/${rkey}`)
  expect(await goat.json('get', uri!)).toMatchObject({ text: 'by goat' })
  expect((await goat.run('ls', '--collection', POST, pod.did)).split('\n')).toContain(`${POST}\t${rkey}\t${cid}`)
  expect((await goat.run('ls', '--collections', pod.did)).split('\n')).toContain(POST)

  const [, changed] = (await goat.run('record', 'update', '--rkey', rkey, record('changed'))).split('\t')
  expect(changed).not.toBe(cid)
  expect(await goat.json('get', uri!)).toMatchObject({ text: 'changed' })

  await goat.run('record', 'delete', '--collection', POST, '--rkey', rkey)
  await expect(goat.run('get', uri!)).rejects.toThrow('RecordNotFound')
  expect(await goat.run('ls', '--collection', POST, pod.did)).not.toContain(rkey)

  // A record that a schema refuses, and one that no schema knows.
  const wrong = goat.file('wrong.json', { $type: POST, text: 7 })
  await expect(goat.run('record', 'create', wrong)).rejects.toThrow('InvalidRequest')
  const unknown = goat.file('unknown.json', { $type: 'com.example.horns', count: 2 })
  expect(await goat.run('record', 'create', '--no-validate', '--rkey', 'both', unknown)).toContain(`${pod.did}/com.example.horns/both`)
  expect(await goat.run('bsky', 'post', 'by goat bsky')).toContain(`at://${pod.did}/${POST}/`)
})

test(`goat: blobs go up, are listed when a record names them, and come down the same${suffix}`, async ({ scene: { pod, goat } }) => {
  const picture = makePng(24, 7)
  const blob = await goat.json<{ $type: string; ref: { $link: string }; size: number }>('blob', 'upload', goat.file('in.png', picture))
  expect(blob).toMatchObject({ $type: 'blob', size: picture.length, mimeType: 'image/png' })
  const cid = blob.ref.$link
  expect(await goat.run('blob', 'ls', pod.did)).not.toContain(cid)

  const embed = { $type: 'app.bsky.embed.images', images: [{ image: blob, alt: 'seven' }] }
  await goat.run('record', 'create', goat.file('picture.json', { $type: POST, text: '', embed, createdAt: new Date().toISOString() }))
  expect((await goat.run('blob', 'ls', pod.did)).split('\n')).toContain(cid)
  await goat.run('blob', 'download', '--output', 'out.png', pod.did, cid)
  await goat.run('blob', 'export', '--output', 'blobs', pod.did)
  expect(readFileSync(join(goat.home, 'out.png'))).toEqual(Buffer.from(picture))
  expect(readFileSync(join(goat.home, 'blobs', cid))).toEqual(Buffer.from(picture))
})

test(`goat: repo export, then inspect, ls, mst and unpack of what came${suffix}`, async ({ scene: { pod, goat } }) => {
  await goat.run('bsky', 'post', 'to be exported')
  const { rev } = await latest(pod)
  await goat.run('repo', 'export', '--output', 'repo.car', pod.did)
  const inspected = (await goat.run('repo', 'inspect', 'repo.car')).split('\n')
  expect(inspected).toEqual(
    expect.arrayContaining(['ATProto Repo Spec Version: 3', `DID: ${pod.did}`, 'Prev CID: <nil>', `Revision: ${rev}`]),
  )
  const inFile = (await goat.run('repo', 'ls', 'repo.car')).split('\n')
  const listed = (await goat.run('ls', pod.did)).split('\n').map((line) => line.replace('\t', '/'))
  expect(inFile.toSorted()).toEqual(listed.toSorted())
  expect(await goat.run('repo', 'mst', '--full-cid', 'repo.car')).toContain(
    inspected.find((line) => line.startsWith('Data CID'))!.slice(10),
  )
  await goat.run('repo', 'unpack', '--output', 'unpacked', 'repo.car')
  for (const line of inFile) expect(existsSync(join(goat.home, 'unpacked', `${line.split('\t')[0]}.json`))).toBe(true)
})

test(`goat: firehose from the first event, structure, signatures and trees verified${suffix}`, async ({ scene: { pod, goat } }) => {
  const [last] = (await goat.run('bsky', 'post', 'the last event')).split('\t')
  const { rev } = await latest(pod)
  const verify = ['--verify-basic', '--verify-sig', '--verify-mst']
  const { lines, complaints } = await goat.watch(['firehose', '--relay-host', pod.shim.url, '--cursor', '0', ...verify], (line) =>
    line.includes(rev),
  )
  expect(lines.at(-1)).toContain(last!.split('/').at(-1))
  // Nothing but that the first commit of a repo has no tree before it.
  expect(complaints.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['prevData is nil, skipping MST check'])
  expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(
    expect.arrayContaining(['account', 'identity', 'commit']),
  )
})

test(`goat: preferences go out and come in${suffix}`, async ({ scene: { goat } }) => {
  const preferences = [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }]
  await goat.run('bsky', 'prefs', 'import', goat.file('preferences.json', preferences))
  expect(await goat.json('bsky', 'prefs', 'export')).toEqual(preferences)
})

test(`goat: an account is deactivated, and activated again${suffix}`, async ({ scene: { pod, goat } }) => {
  await goat.run('account', 'deactivate')
  await expect
    .poll(async () => (await goat.run('account', 'lookup', pod.did)).split('\n'))
    .toEqual([`DID: ${pod.did}`, 'Active: false', 'Status: deactivated'])
  await expect(goat.run('repo', 'export', '--output', 'gone.car', pod.did)).rejects.toThrow('RepoDeactivated')
  await goat.run('account', 'activate')
  await expect.poll(() => goat.run('account', 'lookup', pod.did)).toContain('Active: true')
})

test(`goat: account migrate, from the reference PDS into a tab${suffix}`, async ({ scene: { reference } }) => {
  test.slow()
  const home = mkdtempSync(join(tmpdir(), 'tabpod-goat-in-'))
  const variables = { TABPOD_PLC_URL: reference.plc, TABPOD_ALLOW_LOOPBACK_EGRESS: 'true' }
  const shim = await startShim({ persist: join(home, 'room'), variables })
  const context = await launchBrowser({ profileDir: join(home, 'profile'), headless: true })
  const goat = await Goat.start()
  try {
    const handle = 'goat-in.test'
    const old = await reference.createAccount(handle, PASSWORD)
    const did = old.assertDid
    const { data } = await old.uploadBlob(makePng(16, 3), { encoding: 'image/png' })
    const embed = { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] }
    for (const text of ['one', 'two']) await old.post({ text, embed, createdAt: new Date().toISOString() })

    const page = await context.newPage()
    await page.goto(shim.claimUrl)
    await page.getByRole('link', { name: 'Move it here' }).click()
    await page.getByRole('button', { name: 'Take this address and wait' }).click()
    await expect(page.getByTestId('stages')).toBeVisible()
    const { inviteCode } = await command<PodSummary>(page, { kind: 'describe' })

    await goat.run('account', 'login', '-u', did, '-p', PASSWORD)
    await goat.run('account', 'plc', 'request-token')
    const to = ['--pds-host', shim.url, '--new-handle', handle, '--new-password', PASSWORD, '--new-email', 'goat@mail.example']
    const token = await reference.token('plcOperation')
    await goat.run('account', 'migrate', ...to, '--invite-code', inviteCode!, '--plc-token', token)

    expect(await command<PodSummary>(page, { kind: 'describe' })).toMatchObject({ did, handle, standing: 'active' })
    expect(await goat.json('resolve', did)).toMatchObject({ service: [{ serviceEndpoint: shim.url }] })
    expect(await goat.run('account', 'lookup', did)).toContain('Active: true')
    expect(await goat.run('ls', '--collection', POST, did)).toMatch(/^(.*\n?){2}$/)
    await goat.run('blob', 'export', '--output', 'blobs', did)
    expect(readdirSync(join(goat.home, 'blobs'))).toEqual([data.blob.ref.toString()])
    const fresh = new AtpAgent({ service: shim.url })
    await fresh.login({ identifier: handle, password: PASSWORD })
    expect((await fresh.com.atproto.server.checkAccountStatus()).data).toMatchObject({ expectedBlobs: 1, importedBlobs: 1 })
  } finally {
    goat.end()
    await context.close()
    await shim.stop()
    rmSync(home, { recursive: true, force: true })
  }
})

test(`goat: account migrate, from a tab to the reference PDS${suffix}`, async ({ scene: { pod, goat, reference } }) => {
  await goat.run('account', 'plc', 'request-token')
  const token = await tokenInInbox(pod.page, 'plc-operation')
  const to = ['--pds-host', reference.publicUrl, '--new-handle', HANDLE, '--new-password', PASSWORD, '--new-email', 'goat@mail.example']
  const records = await goat.run('ls', pod.did)
  const blobs = await goat.run('blob', 'ls', pod.did)
  await goat.run('account', 'migrate', ...to, '--plc-token', token)

  expect(await command<PodSummary>(pod.page, { kind: 'describe' })).toMatchObject({ standing: 'deactivated' })
  expect(await goat.json('resolve', pod.did)).toMatchObject({ service: [{ serviceEndpoint: reference.publicUrl }] })
  expect(await goat.run('ls', pod.did)).toBe(records)
  expect(await goat.run('blob', 'ls', pod.did)).toBe(blobs)
})

const latest = async (pod: HostedPod): Promise<{ cid: string; rev: string }> => {
  const answer = await fetch(`${pod.shim.url}/xrpc/com.atproto.sync.getLatestCommit?did=${pod.did}`)
  return (await answer.json()) as { cid: string; rev: string }
}
