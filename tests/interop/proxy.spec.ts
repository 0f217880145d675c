/** A client that asks its PDS for everything, and a service that checks who asks: through the room, the tab, and the room's egress. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseMultikey, verifySignature } from '@atproto/crypto'
import { jwtVerify } from 'jose'
import { test as base } from 'playwright/test'
import { MAX_PROXIED_RESPONSE_BYTES } from '../../wire/limits.ts'
import { type AppViewPod, withAppView } from '../fixtures/appview-pod.ts'
import { LONG_ANSWER_BYTES } from '../fixtures/appview.ts'
import { expect } from '../fixtures/pod.ts'

const test = base.extend<object, { served: AppViewPod }>({
  served: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => withAppView('proxy', use),
    { scope: 'worker', timeout: 120_000 },
  ],
})

const ask = ({ pod, agent }: AppViewPod, path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> =>
  fetch(`${pod.shim.url}/xrpc/${path}`, { ...init, headers: { authorization: `Bearer ${agent.session?.accessJwt}`, ...init.headers } })

/** `partykit dev` compresses JSON, and zlib holds back what it has until there is enough of it. */
const UNCOMPRESSED = { 'accept-encoding': 'identity' }

/** As a service checks it: by the key in the public DID document of whoever the token names. */
const verified = async ({ pod }: AppViewPod, authorization: string | undefined) => {
  const token = authorization?.replace('Bearer ', '') ?? ''
  const document = (await (await fetch(`${pod.shim.url}/.well-known/did.json`)).json()) as {
    verificationMethod: [{ publicKeyMultibase: string }]
  }
  const multikey = document.verificationMethod[0].publicKeyMultibase
  const point = new Uint8Array(parseMultikey(multikey).keyBytes)
  const key = await crypto.subtle.importKey('raw', point, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
  const { payload } = await jwtVerify(token, key, { algorithms: ['ES256'], typ: 'JWT', issuer: pod.did })
  const [head, body, signature] = token.split('.')
  const isLowS = verifySignature(`did:key:${multikey}`, Buffer.from(`${head}.${body}`), Buffer.from(signature!, 'base64url'))
  expect(await isLowS).toBe(true)
  return payload
}

test('the official client reads its timeline, in the name of the account and nobody else', async ({ served }) => {
  const { agent, appview } = served
  const { data, headers } = await agent.app.bsky.feed.getTimeline(
    { limit: 5 },
    { headers: { 'accept-language': 'de', 'x-bsky-topics': 'cats', 'x-atproto-trace': '1', cookie: 'a=b' } },
  )
  expect(data).toEqual({ feed: [] })
  expect(headers).toMatchObject({ 'atproto-repo-rev': '3abc', 'atproto-content-labelers': 'did:web:labels.example' })
  const heard = appview.last('app.bsky.feed.getTimeline')
  expect(heard?.url).toBe('/xrpc/app.bsky.feed.getTimeline?limit=5')
  expect(heard?.headers).toMatchObject({
    'accept-language': 'de',
    'x-bsky-topics': 'cats',
    'x-atproto-trace': '1',
    'accept-encoding': 'identity',
  })
  expect(heard?.headers).toHaveProperty('atproto-accept-labelers')
  for (const name of ['cookie', 'x-forwarded-for', 'atproto-proxy']) expect(heard?.headers).not.toHaveProperty(name)
  const claims = await verified(served, heard?.headers.authorization)
  expect(claims).toMatchObject({ aud: appview.did, lxm: 'app.bsky.feed.getTimeline' })
  expect(claims.exp! - claims.iat!).toBe(60)
})

test('feeds, reports, and records of others reach those who are responsible', async ({ served }) => {
  const { agent, appview } = served
  await agent.app.bsky.feed.getFeed({ feed: 'at://did:web:bob.example/app.bsky.feed.generator/cats' })
  expect(await verified(served, appview.last('app.bsky.feed.getFeed')?.headers.authorization)).toMatchObject({
    aud: 'did:web:feeds.example',
    lxm: 'app.bsky.feed.getFeedSkeleton',
  })
  const report = await ask(served, 'com.atproto.moderation.createReport', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'atproto-proxy': `${appview.did}#atproto_labeler` },
    body: JSON.stringify({
      reasonType: 'com.atproto.moderation.defs#reasonSpam',
      subject: { $type: 'com.atproto.admin.defs#repoRef', did: 'did:web:bob.example' },
    }),
  })
  expect(await report.json()).toEqual({ id: 7 })
  const record = await fetch(`${served.pod.shim.url}/xrpc/com.atproto.repo.getRecord?repo=did:web:bob.example&collection=a.b.c&rkey=d`)
  expect(await record.json()).toMatchObject({ uri: 'at://did:web:bob.example/a/b' })
  expect(appview.last('com.atproto.repo.getRecord')?.headers.authorization).toBeUndefined()
})

test('push is registered with the service that the client names in the body', async ({ served }) => {
  const { agent, appview } = served
  const push = { serviceDid: appview.did, token: 'abc', platform: 'web', appId: 'xyz.example' }
  appview.answers('app.bsky.notification.registerPush', {})
  await agent.app.bsky.notification.registerPush(push)
  const heard = appview.last('app.bsky.notification.registerPush')
  expect(await verified(served, heard?.headers.authorization)).toMatchObject({
    aud: appview.did,
    lxm: 'app.bsky.notification.registerPush',
  })
})

test('preferences stay in the tab', async ({ served }) => {
  await served.agent.setAdultContentEnabled(true)
  expect((await served.agent.getPreferences()).moderationPrefs.adultContentEnabled).toBe(true)
  expect(served.appview.last('app.bsky.actor')).toBeUndefined()
})

test('5 MB are streamed: the first piece comes before the last is sent', async ({ served }) => {
  const response = await ask(served, 'app.bsky.feed.getAuthorFeed?actor=bob.example', { headers: UNCOMPRESSED })
  const reader = response.body!.getReader()
  let length = (await reader.read()).value!.length
  expect(length).toBeGreaterThan(0)
  served.appview.goOn()
  for (let part = await reader.read(); !part.done; part = await reader.read()) length += part.value.length
  expect(length).toBe(LONG_ANSWER_BYTES)
})

test('a compressed answer arrives as what it is', async ({ served }) => {
  const response = await ask(served, 'app.bsky.feed.getFeedGenerators', { headers: UNCOMPRESSED })
  expect(await response.json()).toMatchObject({ feeds: [] })
})

test('3 MB go the other way, whole', async ({ served }) => {
  const body = randomBytes(3 * 1024 * 1024)
  const response = await ask(served, 'app.bsky.video.uploadVideo', { method: 'POST', headers: { 'content-type': 'video/mp4' }, body })
  expect(await response.json()).toEqual({ sha256: createHash('sha256').update(body).digest('hex'), length: String(body.length) })
})

test('an answer without end is cut off, and the service is let go', async ({ served }) => {
  const before = served.appview.left
  const response = await ask(served, 'app.bsky.feed.getListFeed', { headers: UNCOMPRESSED })
  const reader = response.body!.getReader()
  let length = 0
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) length += part.value.length
  } catch {
    // Where the runtime tells clients of a broken body; `partykit dev` ends it as if it were whole.
  }
  expect(length).toBeLessThanOrEqual(MAX_PROXIED_RESPONSE_BYTES)
  await expect.poll(() => served.appview.left).toBe(before + 1)
})

test('a client that leaves ends the connection to the service', async ({ served }) => {
  const abort = new AbortController()
  const before = served.appview.left
  const response = await ask(served, 'app.bsky.feed.getActorFeeds?actor=bob.example', { signal: abort.signal, headers: UNCOMPRESSED })
  await response.body!.getReader().read()
  abort.abort()
  await expect.poll(() => served.appview.left).toBe(before + 1)
})

for (const [name, nsid, status, error] of [
  ['a crash', 'app.bsky.feed.getLikes', 502, 'InternalServerError'],
  ['a limit', 'app.bsky.feed.getPosts', 429, 'RateLimitExceeded'],
  ['a broken connection', 'app.bsky.feed.getRepostedBy', 502, 'UpstreamFailure'],
  ['a redirect to an address of this machine', 'app.bsky.feed.getQuotes', 502, 'UpstreamFailure'],
  ['silence', 'app.bsky.feed.getActorLikes', 504, 'UpstreamTimeout'],
] as const)
  test(`${name} of the service is ${status} ${error}`, async ({ served }) => {
    const response = await ask(served, nsid)
    expect([response.status, await response.json()]).toEqual([status, { error, message: expect.any(String) }])
    expect(response.headers.get('retry-after')).toBe(status === 429 ? '7' : null)
    expect(served.appview.heard.some(({ url }) => url === '/secret')).toBe(false)
  })

for (const [service, status] of [
  ['private', 502],
  ['plain', 400],
  ['unheard', 400],
] as const)
  test(`a service #${service} whose address is not for us is ${status}`, async ({ served }) => {
    const proxy = { 'atproto-proxy': `${served.appview.did}#${service}` }
    expect((await ask(served, 'app.bsky.feed.getTimeline', { headers: proxy })).status).toBe(status)
  })

test('a DID document that never comes, or moves to an address of this machine, is 502 and no request goes out', async ({ served }) => {
  const requests: string[] = []
  const host = createServer((request, response) => {
    requests.push(request.url ?? '')
    if (requests.length > 1) response.writeHead(302, { location: `http://127.0.0.1:${served.appview.port}/.well-known/did.json` }).end()
  })
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
  const proxy = { 'atproto-proxy': `did:web:localhost%3A${(host.address() as AddressInfo).port}#bsky_appview` }
  for (let time = 0; time < 2; time += 1) {
    const response = await ask(served, 'app.bsky.feed.getTimeline', { headers: proxy })
    expect([response.status, await response.json()]).toMatchObject([502, { error: 'UpstreamFailure' }])
  }
  expect(requests).toEqual(['/.well-known/did.json', '/.well-known/did.json'])
  host.closeAllConnections()
  host.close()
})

test('with the network of the shim gone the pod says so, and still serves itself', async ({ served }) => {
  const proxy = { 'atproto-proxy': 'did:web:localhost%3A1#bsky_appview' }
  const response = await ask(served, 'app.bsky.feed.getTimeline', { headers: proxy })
  expect([response.status, await response.json()]).toMatchObject([502, { error: 'UpstreamFailure' }])
  expect((await served.agent.com.atproto.server.getSession()).success).toBe(true)
})
