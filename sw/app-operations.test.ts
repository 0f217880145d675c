import 'fake-indexeddb/auto'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LogEntry } from '../wire/log.ts'
import type { OwnerCommand } from '../wire/owner.ts'
import { createPod, openPod, type Pod } from './app.ts'
import { Log } from './operations/log.ts'
import { answerOwner, type OwnerSurroundings } from './owner.ts'
import type { Resident } from './resident.ts'
import { openStore, type Store } from './store/open.ts'

const ORIGIN = 'http://localhost:1999'
const DID = 'did:web:localhost%3A1999'
const PASSWORD = 'correct horse battery'
const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3)

let store: Store
let log: Log
let pod: Pod
let now: number
/** What the worker's own fetch answers, by path. */
let served: Record<string, string>

const fetch = async (url: string) => {
  const body = served[new URL(url).pathname]
  return body === undefined ? new Response('', { status: 404 }) : new Response(body)
}

beforeEach(async () => {
  now = Date.now()
  store = await openStore(crypto.randomUUID())
  log = new Log({ now: () => now })
  log.attach(store)
  served = {}
  pod = await createPod(store, { handle: 'alice.test', password: PASSWORD, origin: ORIGIN }, { fetch, log, now: () => now })
})
afterEach(async () => {
  vi.restoreAllMocks()
  await log.flush()
  await pod.close()
  store.close()
})

const ask = (path: string, init: RequestInit = {}) => pod.handle(new Request(`${ORIGIN}${path}`, init), { origin: 'shim' })
const post = (nsid: string, body: object, token?: string) =>
  ask(`/xrpc/${nsid}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(token) },
    body: JSON.stringify(body),
  })
const bearer = (token?: string): Record<string, string> => (token === undefined ? {} : { authorization: `Bearer ${token}` })
const signIn = async (password = PASSWORD): Promise<{ accessJwt: string; refreshJwt: string }> =>
  (await post('com.atproto.server.createSession', { identifier: 'alice.test', password })).json()
const upload = async (token: string, bytes: Uint8Array<ArrayBuffer> = PNG, mime = 'image/png') =>
  ask('/xrpc/com.atproto.repo.uploadBlob', { method: 'POST', headers: { 'content-type': mime, ...bearer(token) }, body: bytes })

const owner = (command: OwnerCommand) => {
  const resident = { pod: () => Promise.resolve(pod) } as Pick<Resident, 'pod'> as Resident
  const around: OwnerSurroundings = { resident, log, origin: ORIGIN, rejoin: () => {}, askRelays: () => null, onProgress: () => {} }
  return answerOwner(command, around)
}
const entries = async (): Promise<readonly LogEntry[]> => {
  const answer = await owner({ kind: 'log' })
  if (!answer.ok) throw new Error(answer.message)
  return answer.value as readonly LogEntry[]
}

describe('the log', () => {
  test('has every request, with status, code and origin, and every sign-in', async () => {
    await signIn()
    await signIn('wrong')
    await ask('/xrpc/com.atproto.repo.describeRepo?repo=alice.test')
    const [described, refused, wrong, taken, right] = await entries()
    expect(right).toMatchObject({ kind: 'sign-in', level: 'info', message: 'signed in with the password of the account' })
    expect(taken).toMatchObject({ kind: 'request', method: 'POST', path: '/xrpc/com.atproto.server.createSession', status: 200 })
    expect(wrong).toMatchObject({ kind: 'sign-in', level: 'warning' })
    expect(refused).toMatchObject({ status: 401, error: 'AuthenticationRequired', level: 'warning', origin: 'shim' })
    expect(described).toMatchObject({ path: '/xrpc/com.atproto.repo.describeRepo', status: 200, ms: expect.any(Number) })
  })

  test('has no token, password, body or parameter in it', async () => {
    const { accessJwt, refreshJwt } = await signIn()
    const created = await post('com.atproto.server.createAppPassword', { name: 'phone' }, accessJwt)
    const { password } = (await created.json()) as { password: string }
    await signIn(password)
    await ask('/xrpc/com.atproto.server.requestAccountDelete', { method: 'POST', headers: bearer(accessJwt) })
    const [message] = await pod.account.inbox.list()
    await post('com.atproto.server.deleteAccount', { did: DID, password: 'guessed wrong', token: message!.token }, accessJwt)
    await post(
      'com.atproto.repo.createRecord',
      {
        repo: DID,
        collection: 'app.bsky.feed.post',
        record: { $type: 'app.bsky.feed.post', text: 'dear diary', createdAt: new Date().toISOString() },
      },
      accessJwt,
    )
    await ask('/xrpc/app.bsky.feed.searchPosts?q=private+question', { headers: bearer(accessJwt) })
    await owner({ kind: 'set-password', password: 'another horse battery' })
    const text = JSON.stringify(await entries())
    expect(text).toContain('signed in with the app password “phone”')
    expect(text).toContain('set-password: done')
    const secrets = [accessJwt, refreshJwt, password, PASSWORD, message!.token, 'guessed wrong', 'diary', 'question', 'another horse']
    for (const secret of secrets) expect(text).not.toContain(secret)
  })

  test('names what nobody foresaw by the id that the client was given, with its stack', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    vi.spyOn(pod.repo, 'list').mockRejectedValue(new RangeError('off the end'))
    const answer = await ask(`/xrpc/com.atproto.repo.listRecords?repo=alice.test&collection=app.bsky.feed.post`)
    expect(answer.status).toBe(500)
    const id = answer.headers.get('x-request-id') ?? 'none'
    expect((await answer.json()).message).toBe(`Internal Server Error (request ${id})`)
    const [request, failure] = await entries()
    expect(request).toMatchObject({ kind: 'request', request: id, status: 500, error: 'InternalServerError', level: 'error' })
    expect(failure).toMatchObject({
      kind: 'failure',
      request: id,
      message: expect.stringContaining('off the end'),
      stack: expect.stringContaining('RangeError'),
    })
  })

  test('is asked for by level, and looking into it is no entry', async () => {
    await ask('/xrpc/com.atproto.server.describeServer')
    await ask('/xrpc/com.atproto.server.getSession')
    expect(await owner({ kind: 'log', level: 'warning' })).toMatchObject({ value: [{ status: 401 }] })
    await owner({ kind: 'describe' })
    expect(await entries()).toHaveLength(2)
  })
})

describe('settings', () => {
  test('are as they come, and changed only whole', async () => {
    expect(await owner({ kind: 'settings' })).toMatchObject({ value: { accessTtlMs: 7_200_000, corsOrigins: ['*'], debugRoutes: false } })
    const refused = await owner({ kind: 'configure', settings: { accessTtlMs: 1, logRetentionMs: 1, maxBlobBytes: 5000 } })
    expect(refused).toMatchObject({ ok: false, error: 'InvalidSettings' })
    expect(refused.ok ? '' : refused.message.split('. ')).toHaveLength(2)
    expect(pod.configuration.settings.maxBlobBytes).toBeGreaterThan(5000)
  })

  test('outlive the worker, and hold nothing that nobody set', async () => {
    await owner({ kind: 'configure', settings: { maxBlobBytes: 5000, ...({ unknown: 1 } as object) } })
    expect(await store.get('pod', 'settings')).toEqual({ maxBlobBytes: 5000 })
    const next = await openPod(store, { fetch })
    expect(next?.configuration.settings).toMatchObject({ maxBlobBytes: 5000, blobTypes: ['*/*'] })
  })

  test('lifetimes count for the next tokens', async () => {
    await owner({ kind: 'configure', settings: { accessTtlMs: 300_000, refreshTtlMs: 86_400_000 } })
    const { accessJwt, refreshJwt } = await signIn()
    const [access, refresh] = [decodeJwt(accessJwt), decodeJwt(refreshJwt)]
    expect([access.exp! - access.iat!, refresh.exp! - refresh.iat!]).toEqual([300, 86_400])
  })

  test('uploads are held to kind, size and quota; describeServer says the size', async () => {
    const { accessJwt } = await signIn()
    await owner({ kind: 'configure', settings: { blobTypes: ['image/*'], maxBlobBytes: 5000 } })
    expect(await (await ask('/xrpc/com.atproto.server.describeServer')).json()).toMatchObject({ blobUploadLimit: 5000 })
    expect((await pod.documents())['/xrpc/com.atproto.server.describeServer']).toContain('"blobUploadLimit":5000')
    expect((await upload(accessJwt)).status).toBe(200)
    const text = await upload(accessJwt, new TextEncoder().encode('plain'), 'text/plain')
    expect([text.status, (await text.json()).error]).toEqual([415, 'UnsupportedMediaType'])
    const large = await upload(accessJwt, new Uint8Array(5001))
    expect([large.status, (await large.json()).error]).toEqual([413, 'BlobTooLarge'])
  })

  test('only listed origins may read answers, once there is a list', async () => {
    const allowed = async (origin: string) => {
      const { headers } = await ask('/xrpc/com.atproto.server.describeServer', { headers: { origin } })
      return headers.get('access-control-allow-origin')
    }
    expect(await allowed('https://any.example')).toBe('*')
    await owner({ kind: 'configure', settings: { corsOrigins: ['https://app.example'] } })
    expect(await allowed('https://app.example')).toBe('https://app.example')
    expect(await allowed('https://any.example')).toBe('https://nobody.invalid')
  })
})

describe('debug routes', () => {
  const paths = ['/xrpc/_debug/repo', '/xrpc/_debug/block?cid=bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm']

  test('are not there by default, not even for the owner', async () => {
    const { accessJwt } = await signIn()
    for (const path of paths) expect((await ask(path, { headers: bearer(accessJwt) })).status).toBe(404)
  })

  test('show the owner where the repo stands, and a block as JSON; nobody else', async () => {
    const { accessJwt } = await signIn()
    await owner({ kind: 'configure', settings: { debugRoutes: true } })
    const created = await owner({ kind: 'create-app-password', name: 'phone', privileged: true })
    const app = await signIn(created.ok ? (created.value as { password: string }).password : '')
    for (const path of paths) {
      expect((await ask(path)).status).toBe(401)
      expect((await ask(path, { headers: bearer(app.accessJwt) })).status).toBe(400)
    }
    const repo = await ask('/xrpc/_debug/repo', { headers: bearer(accessJwt) })
    const head = pod.repo.head()
    expect(await repo.json()).toMatchObject({
      did: DID,
      head: { rev: head.rev, commit: head.commit },
      generation: 0,
      outbox: 3,
      counts: { records: 0 },
    })
    expect(repo.headers.get('cache-control')).toBe('private')
    const block = await ask(`/xrpc/_debug/block?cid=${head.commit}`, { headers: bearer(accessJwt) })
    expect(await block.json()).toMatchObject({ did: DID, rev: head.rev, data: { $link: head.data }, sig: { $bytes: expect.any(String) } })
    const none = await ask('/xrpc/_debug/block', { headers: bearer(accessJwt) })
    expect([none.status, (await none.json()).error]).toEqual([400, 'InvalidRequest'])
    const other = await ask('/xrpc/_debug/other', { headers: bearer(accessJwt) })
    expect(other.status).toBe(404)
  })
})

describe('the identity', () => {
  const serve = async () => {
    for (const path of ['/.well-known/did.json', '/.well-known/atproto-did']) served[path] = (await pod.documents())[path] ?? ''
  }

  test('is in order where document and handle are served as the pod would have them', async () => {
    await serve()
    expect(await owner({ kind: 'check-identity' })).toMatchObject({ ok: true, value: { at: now, document: null, handle: null } })
  })

  test('another server, another key and another name are each a sentence', async () => {
    const found = async (change: (document: string) => string) => {
      await serve()
      served['/.well-known/did.json'] = change(served['/.well-known/did.json'] ?? '')
      return pod.checkIdentity()
    }
    expect((await found((text) => text.replaceAll(`"${ORIGIN}"`, '"https://other.example"'))).document).toContain(
      'names https://other.example',
    )
    const key = pod.vault.signingDidKey.slice('did:key:'.length)
    expect((await found((text) => text.replace(key, 'zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'))).document).toContain(
      'another key',
    )
    expect((await found((text) => text.replace('alice.test', 'bob.test'))).handle).toContain('names bob.test')
    await serve()
    served['/.well-known/atproto-did'] = 'did:web:other.example'
    expect((await pod.checkIdentity()).handle).toContain('leads to did:web:other.example')
  })

  test('what cannot be asked is a finding', async () => {
    expect(await pod.checkIdentity()).toMatchObject({
      document: expect.stringContaining('could not be read'),
      handle: expect.stringContaining('leads to no account'),
    })
  })

  test('is announced again once a minute', async () => {
    const before = (await pod.repo.eventsAfter(0, 100)).length
    expect(await owner({ kind: 'announce-identity' })).toMatchObject({ ok: true, value: { outbox: before + 1 } })
    expect((await pod.repo.eventsAfter(0, 100)).at(-1)?.kind).toBe('identity')
    expect(await owner({ kind: 'announce-identity' })).toMatchObject({
      ok: false,
      status: 429,
      message: expect.stringContaining('60 seconds'),
    })
    now += 60_000
    expect(await owner({ kind: 'announce-identity' })).toMatchObject({ ok: true })
  })
})
