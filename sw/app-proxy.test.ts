import 'fake-indexeddb/auto'
import { AtpAgent } from '@atproto/api'
import { parseMultikey, verifySignature } from '@atproto/crypto'
import { jwtVerify, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { XrpcError } from '../wire/errors.ts'
import { CHUNK_BYTES, MAX_PROXIED_RESPONSE_BYTES } from '../wire/limits.ts'
import type { AccessScope } from './account/sessions.ts'
import { createPod, type Pod } from './app.ts'
import { openStore, type Store } from './store/open.ts'

const ORIGIN = 'http://localhost:1999'
const DID = 'did:web:localhost%3A1999'
const APPVIEW = 'did:web:appview.example#bsky_appview'
const LABELER = 'did:web:labeler.example#atproto_labeler'

interface Sent {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body: RequestInit['body']
}

let store: Store
let pod: Pod
let sent: Sent[]
let services: { appview: string | null; plc: null; mail: false }
/** What the other services answer, by host and path. */
let answers: Record<string, (request: Sent) => Response | Promise<Response>>

const documentOf = (host: string, service: string) => ({
  id: `did:web:${host}`,
  service: [{ id: `#${service}`, type: 'Service', serviceEndpoint: `https://${host}` }],
})
const fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
  const { host, pathname } = new URL(url)
  const request: Sent = { url, method: init.method ?? 'GET', headers: new Headers(init.headers), body: init.body }
  if (pathname !== '/.well-known/did.json') sent.push(request)
  return answers[host + pathname]?.(request) ?? new Response('no such page', { status: 404 })
}

beforeEach(async () => {
  store = await openStore(crypto.randomUUID())
  sent = []
  services = { appview: APPVIEW, plc: null, mail: false }
  answers = {
    'appview.example/.well-known/did.json': () => Response.json(documentOf('appview.example', 'bsky_appview')),
    'labeler.example/.well-known/did.json': () => Response.json(documentOf('labeler.example', 'atproto_labeler')),
    'api.bsky.chat/.well-known/did.json': () => Response.json(documentOf('api.bsky.chat', 'bsky_chat')),
  }
  const egress = {
    fetch,
    get services() {
      return services
    },
  }
  pod = await createPod(store, { handle: 'alice.test', password: 'correct horse', origin: ORIGIN }, { egress })
})
afterEach(async () => {
  await pod.close()
  store.close()
})

const tokenOf = (scope: AccessScope) =>
  new SignJWT({ scope })
    .setProtectedHeader({ typ: 'at+jwt', alg: 'HS256' })
    .setSubject(DID)
    .setAudience(DID)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(pod.vault.sessionKey)

const call = async (
  path: string,
  init: RequestInit & { scope?: AccessScope | null; proxy?: string; headers?: Record<string, string> } = {},
): Promise<Response> => {
  const { scope = 'com.atproto.access', proxy, headers = {}, ...rest } = init
  const all = {
    ...headers,
    ...(scope !== null && { authorization: `Bearer ${await tokenOf(scope)}` }),
    ...(proxy !== undefined && { 'atproto-proxy': proxy }),
  }
  return pod.handle(new Request(`${ORIGIN}/xrpc/${path}`, { ...rest, headers: all }), { origin: 'shim' })
}
const errorOf = async (response: Response) => ({ status: response.status, ...(await response.json()) })

/** As any service checks it: with nothing but the public document of the account. */
const verified = async (token: string) => {
  const document = JSON.parse(pod.documents()['/.well-known/did.json']!) as { verificationMethod: [{ publicKeyMultibase: string }] }
  const multikey = document.verificationMethod[0].publicKeyMultibase
  const { keyBytes } = parseMultikey(multikey)
  const raw = new Uint8Array(keyBytes)
  const key = await crypto.subtle.importKey('raw', raw, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
  const { payload, protectedHeader } = await jwtVerify(token, key, { algorithms: ['ES256'], typ: 'JWT' })
  const [head, body, signature] = token.split('.')
  // Strict: refuses the high-S form that jose lets through.
  const bytes = Buffer.from(signature!, 'base64url')
  expect(await verifySignature(`did:key:${multikey}`, Buffer.from(`${head}.${body}`), bytes, { jwtAlg: 'ES256' })).toBe(true)
  return { ...payload, kid: protectedHeader.kid }
}
const tokenSent = (request: Sent | undefined) => verified(request!.headers.get('authorization')!.slice('Bearer '.length))

describe('getServiceAuth', () => {
  const ask = (query: string, scope?: AccessScope) => call(`com.atproto.server.getServiceAuth?${query}`, scope ? { scope } : {})
  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

  test.each(['did:web:video.example', 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', 'did:web:video.example%23bsky_fg'])(
    'signs a token for %s that anyone can check',
    async (aud) => {
      const { token } = (await (await ask(`aud=${aud}&lxm=com.atproto.repo.uploadBlob`)).json()) as { token: string }
      const { iat, exp, jti, ...claims } = await verified(token)
      expect(claims).toEqual({ iss: DID, aud: decodeURIComponent(aud), lxm: 'com.atproto.repo.uploadBlob', kid: `${DID}#atproto` })
      expect(exp! - iat!).toBe(60)
      expect(jti).toMatch(/^[0-9a-f]{32}$/)
    },
  )

  test('no two tokens are the same, and one without a method says so by leaving it out', async () => {
    const [one, two] = (await Promise.all([1, 2].map(async () => (await ask('aud=did:web:a.example')).json()))) as { token: string }[]
    expect(one!.token).not.toBe(two!.token)
    expect(await verified(one!.token)).not.toHaveProperty('lxm')
  })

  test('an hour is granted with a method', async () => {
    const exp = inSeconds(3590)
    const answer = (await (await ask(`aud=did:web:a.example&lxm=a.b.c&exp=${exp}`)).json()) as { token: string }
    expect(await verified(answer.token)).toMatchObject({ exp })
  })

  test.each([
    ['an audience that is no DID', () => 'aud=https://a.example', 'InvalidRequest'],
    ['an empty service', () => 'aud=did:web:a.example%23', 'InvalidRequest'],
    ['the past', () => `aud=did:web:a.example&exp=${inSeconds(-5)}`, 'BadExpiration'],
    ['more than an hour', () => `aud=did:web:a.example&lxm=a.b.c&exp=${inSeconds(3700)}`, 'BadExpiration'],
    ['more than a minute without a method', () => `aud=did:web:a.example&exp=${inSeconds(90)}`, 'BadExpiration'],
    ['a protected method', () => 'aud=did:web:a.example&lxm=com.atproto.server.createAppPassword', 'InvalidRequest'],
    ['a protected method in other letters', () => 'aud=did:web:a.example&lxm=com.atproto.server.CREATEAPPPASSWORD', 'InvalidRequest'],
  ])('%s is refused', async (_, query, error) => {
    expect(await errorOf(await ask(query()))).toMatchObject({ status: 400, error })
  })

  test('an app password gets no token for chat, a privileged one does', async () => {
    const query = 'aud=did:web:api.bsky.chat&lxm=chat.bsky.convo.listConvos'
    expect((await ask(query, 'com.atproto.appPass')).status).toBe(400)
    expect((await ask(query, 'com.atproto.appPassPrivileged')).status).toBe(200)
  })
})

describe('proxying', () => {
  test('asks the default AppView in the name of the account, and hands on what belongs to the call', async () => {
    answers['appview.example/xrpc/app.bsky.feed.getTimeline'] = () =>
      Response.json(
        { feed: [] },
        { headers: { 'atproto-repo-rev': '3abc', 'atproto-content-labelers': 'did:web:l', 'set-cookie': 'a=b', server: 'x', etag: 'y' } },
      )
    const response = await call('app.bsky.feed.getTimeline?limit=5&algorithm=a%20b', {
      headers: {
        'accept-language': 'de',
        'atproto-accept-labelers': 'did:web:l;redact',
        'x-bsky-topics': 'cats',
        'x-atproto-trace': '1',
        'x-other': 'no',
        accept: 'text/html',
        'accept-encoding': 'zstd',
      },
    })
    expect(await response.json()).toEqual({ feed: [] })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'atproto-repo-rev': '3abc',
      'atproto-content-labelers': 'did:web:l',
      'cache-control': 'private',
      'access-control-allow-origin': '*',
    })
    for (const name of ['server', 'etag', 'set-cookie']) expect(response.headers.has(name), name).toBe(false)

    const [request] = sent
    expect(request).toMatchObject({ method: 'GET', url: 'https://appview.example/xrpc/app.bsky.feed.getTimeline?limit=5&algorithm=a%20b' })
    expect([...request!.headers.keys()].sort()).toEqual(
      ['accept-encoding', 'accept-language', 'atproto-accept-labelers', 'authorization', 'x-atproto-trace', 'x-bsky-topics'].sort(),
    )
    expect(request!.headers.get('accept-encoding')).toBe('identity')
    expect(await tokenSent(request)).toMatchObject({ iss: DID, aud: 'did:web:appview.example', lxm: 'app.bsky.feed.getTimeline' })
  })

  test.each([
    ['app.bsky.feed.getTimeline', undefined, 'did:web:appview.example'],
    ['chat.bsky.convo.listConvos', undefined, 'did:web:api.bsky.chat'],
    ['com.example.unheard', undefined, 'did:web:appview.example'],
    ['com.atproto.label.queryLabels', LABELER, 'did:web:labeler.example'],
    ['tools.ozone.team.listMembers', LABELER, 'did:web:labeler.example'],
    ['app.bsky.feed.getTimeline', LABELER, 'did:web:labeler.example'],
  ])('%s to %s goes to %s', async (nsid, proxy, aud) => {
    const { host } = new URL(`https://${aud.slice('did:web:'.length)}`)
    answers[`${host}/xrpc/${nsid}`] = () => Response.json({ ok: true })
    const response = await call(nsid, { ...(proxy !== undefined && { proxy }) })
    expect(await response.json()).toEqual({ ok: true })
    expect(await tokenSent(sent[0])).toMatchObject({ aud, lxm: nsid })
  })

  test('a report reaches the labeler the client names, body and all', async () => {
    answers['labeler.example/xrpc/com.atproto.moderation.createReport'] = () => Response.json({ id: 1 })
    const report = JSON.stringify({ reasonType: 'com.atproto.moderation.defs#reasonSpam' })
    const headers = { 'content-type': 'application/json', 'content-length': String(report.length) }
    const response = await call('com.atproto.moderation.createReport', { method: 'POST', proxy: LABELER, headers, body: report })
    expect(await response.json()).toEqual({ id: 1 })
    expect(sent[0]!.headers.get('content-type')).toBe('application/json')
    expect(await new Response(sent[0]!.body).text()).toBe(report)
  })

  test('a feed is asked for with a token for the feed generator, for the method the generator serves', async () => {
    answers['appview.example/xrpc/com.atproto.repo.getRecord'] = ({ url, headers }) => {
      expect(headers.has('authorization')).toBe(false)
      expect(new URL(url).searchParams.get('rkey')).toBe('cats')
      return Response.json({ value: { did: 'did:web:feeds.example' } })
    }
    answers['appview.example/xrpc/app.bsky.feed.getFeed'] = () => Response.json({ feed: [] })
    const feed = encodeURIComponent('at://did:web:bob.example/app.bsky.feed.generator/cats')
    expect((await call(`app.bsky.feed.getFeed?feed=${feed}`)).status).toBe(200)
    expect(await tokenSent(sent[1])).toMatchObject({ aud: 'did:web:feeds.example', lxm: 'app.bsky.feed.getFeedSkeleton' })
    answers['appview.example/xrpc/com.atproto.repo.getRecord'] = () => Response.json({ error: 'RecordNotFound' }, { status: 400 })
    expect(await errorOf(await call(`app.bsky.feed.getFeed?feed=${feed}`))).toMatchObject({ status: 400, error: 'UnknownFeed' })
  })

  test.each([
    ['no token', 'app.bsky.feed.getTimeline', { scope: null }, 401, 'AuthMissing'],
    ['an app password at chat', 'chat.bsky.convo.listConvos', { scope: 'com.atproto.appPass' }, 400, 'InvalidToken'],
    ['a protected method', 'com.atproto.server.createAppPassword', { proxy: APPVIEW, method: 'POST' }, 400, 'InvalidToken'],
    ['a report to nobody', 'com.atproto.moderation.createReport', { method: 'POST' }, 501, 'MethodNotImplemented'],
    ['administration', 'com.atproto.admin.getAccountInfo', {}, 501, 'MethodNotImplemented'],
    ['another verb', 'app.bsky.feed.getTimeline', { method: 'DELETE' }, 405, 'InvalidRequest'],
    ['a service without a name', 'app.bsky.feed.getTimeline', { proxy: 'did:web:appview.example' }, 400, 'InvalidRequest'],
    ['two services', 'app.bsky.feed.getTimeline', { proxy: `${APPVIEW}#x` }, 400, 'InvalidRequest'],
    ['a service the document lacks', 'app.bsky.feed.getTimeline', { proxy: 'did:web:appview.example#other' }, 400, 'InvalidRequest'],
    ['a DID that does not exist', 'app.bsky.feed.getTimeline', { proxy: 'did:web:nobody.example#x' }, 400, 'InvalidRequest'],
  ] as const)('%s is refused, and nobody is asked', async (_, nsid, init, status, error) => {
    expect(await errorOf(await call(nsid, init))).toMatchObject({ status, error })
    expect(sent).toEqual([])
  })

  test('without a default AppView unknown methods are 501, and the client may still name a service', async () => {
    services = { appview: null, plc: null, mail: false }
    answers['appview.example/xrpc/app.bsky.feed.getTimeline'] = () => Response.json({ feed: [] })
    for (const scope of [null, 'com.atproto.access'] as const)
      expect(await errorOf(await call('app.bsky.feed.getTimeline', { scope }))).toMatchObject({
        status: 501,
        error: 'MethodNotImplemented',
      })
    expect((await call('app.bsky.feed.getTimeline', { proxy: APPVIEW })).status).toBe(200)
  })

  test('a long body is streamed, not gathered', async () => {
    const pieces = 3
    answers['appview.example/xrpc/app.bsky.video.uploadVideo'] = async ({ body }) => {
      expect(body).toBeInstanceOf(ReadableStream)
      return Response.json({ size: (await new Response(body).arrayBuffer()).byteLength })
    }
    const body = new Blob([new Uint8Array(pieces * CHUNK_BYTES)]).stream()
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', body, duplex: 'half' }
    const response = await call('app.bsky.video.uploadVideo', { ...init, headers: { 'content-type': 'video/mp4' } })
    expect(await response.json()).toEqual({ size: pieces * CHUNK_BYTES })
  })
})

describe('what goes wrong elsewhere', () => {
  const answering = async (answer: () => Response | Promise<Response>) => {
    answers['appview.example/xrpc/app.bsky.feed.getTimeline'] = answer
    return call('app.bsky.feed.getTimeline')
  }

  test.each([
    ['its own error', () => Response.json({ error: 'BadCursor', message: 'no' }, { status: 400 }), 400, 'BadCursor'],
    ['a crash', () => new Response('oops', { status: 500 }), 502, 'UpstreamFailure'],
    ['a page for people', () => new Response('<html>', { status: 503 }), 503, 'NotEnoughResources'],
    ['an error that never ends', () => new Response('x'.repeat(1_000_000), { status: 400 }), 400, 'InvalidRequest'],
    [
      'a redirect to a private address',
      () => new Response(null, { status: 302, headers: { location: 'http://10.0.0.1/' } }),
      502,
      'UpstreamFailure',
    ],
    ['no answer in time', () => Promise.reject(new XrpcError(502, 'FetchTimeout', 'slow')), 504, 'UpstreamTimeout'],
    ['an address the room refuses', () => Promise.reject(new XrpcError(502, 'PrivateAddress', 'no')), 502, 'UpstreamFailure'],
    ['too many at once', () => Promise.reject(new XrpcError(502, 'TooManyFetches', 'busy')), 503, 'NotEnoughResources'],
    ['a broken network', () => Promise.reject(new TypeError('Failed to fetch')), 502, 'UpstreamFailure'],
    ['no uplink', () => Promise.reject(new XrpcError(503, 'UplinkClosed', 'gone')), 503, 'UplinkClosed'],
  ])('%s', async (_, answer, status, error) => {
    const response = await answering(answer)
    expect(await errorOf(response)).toMatchObject({ status, error, message: expect.any(String) })
    expect(sent).toHaveLength(1)
  })

  test('retry-after of a busy service is said on', async () => {
    const response = await answering(() =>
      Response.json({ error: 'RateLimitExceeded' }, { status: 429, headers: { 'retry-after': '7', 'set-cookie': 'a=b' } }),
    )
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7'])
  })

  test('an answer that is too long breaks off', async () => {
    const response = await answering(() => new Response(new Blob([new Uint8Array(MAX_PROXIED_RESPONSE_BYTES + 1)]).stream()))
    await expect(response.arrayBuffer()).rejects.toMatchObject({ error: 'UpstreamFailure' })
  })
})

describe('records of others', () => {
  const path = 'com.atproto.repo.getRecord?repo=bob.example&collection=app.bsky.feed.post&rkey=a'

  test('come from the AppView, with no token, and not from whom a stranger names', async () => {
    answers['appview.example/xrpc/com.atproto.repo.getRecord'] = () => Response.json({ uri: 'at://x', value: {} })
    const response = await call(path, { scope: null, proxy: LABELER })
    expect(await response.json()).toEqual({ uri: 'at://x', value: {} })
    expect(sent[0]!.headers.has('authorization')).toBe(false)
  })

  test('are not found where there is no AppView', async () => {
    services = { appview: null, plc: null, mail: false }
    expect(await errorOf(await call(path, { scope: null }))).toMatchObject({ status: 400, error: 'RecordNotFound' })
  })
})

describe('preferences', () => {
  const adult = { $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }
  const details = { $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate: '2010-06-15T00:00:00.000Z' }
  const declared = { $type: 'app.bsky.actor.defs#declaredAgePref', isOverAge13: true, isOverAge16: true, isOverAge18: false }
  const put = (preferences: unknown[], scope: AccessScope = 'com.atproto.access') =>
    call('app.bsky.actor.putPreferences', {
      method: 'POST',
      scope,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ preferences }),
    })
  const got = async (scope: AccessScope = 'com.atproto.access') =>
    ((await (await call('app.bsky.actor.getPreferences', { scope })).json()) as { preferences: unknown[] }).preferences

  test('stay here, keep their order, and work with the official client', async () => {
    const agent = new AtpAgent({ service: ORIGIN, fetch: (input, init) => pod.handle(new Request(input, init), { origin: 'shim' }) })
    await agent.login({ identifier: 'alice.test', password: 'correct horse' })
    await agent.setAdultContentEnabled(true)
    expect((await agent.getPreferences()).moderationPrefs.adultContentEnabled).toBe(true)
    const unknown = { $type: 'app.bsky.actor.defs#futurePref', any: { depth: [1, 'two'] } }
    await put([unknown, adult])
    expect(await got()).toEqual([unknown, adult])
    expect(sent).toEqual([])
  })

  test('an app password neither learns nor removes the birth date', async () => {
    expect((await put([details, adult])).status).toBe(200)
    expect(await got()).toEqual([details, adult, declared])
    expect(await got('com.atproto.appPass')).toEqual([adult, declared])
    expect((await put([details], 'com.atproto.appPass')).status).toBe(400)
    expect((await put([declared], 'com.atproto.appPass')).status).toBe(200)
    expect(await got()).toEqual([details, declared])
  })

  test.each([
    ['another namespace', [{ $type: 'com.example.pref' }]],
    ['a namespace that begins alike', [{ $type: 'app.bskyevil.pref' }]],
    ['no type', [{ enabled: true }]],
    ['a known type that is wrong', [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: 'yes' }]],
  ])('with %s are refused, and nothing changes', async (_, preferences) => {
    await put([adult])
    expect(await errorOf(await put(preferences))).toMatchObject({ status: 400, error: 'InvalidRequest' })
    expect(await got()).toEqual([adult])
  })

  test('of another AppView are its own', async () => {
    answers['labeler.example/xrpc/app.bsky.actor.getPreferences'] = () => Response.json({ preferences: ['elsewhere'] })
    const response = await call('app.bsky.actor.getPreferences', { proxy: LABELER })
    expect(await response.json()).toEqual({ preferences: ['elsewhere'] })
    expect(await (await call('app.bsky.actor.getPreferences', { proxy: APPVIEW })).json()).toEqual({ preferences: [] })
    services = { appview: null, plc: null, mail: false }
    const official = await call('app.bsky.actor.getPreferences', { proxy: 'did:web:api.bsky.app#bsky_appview' })
    expect(await official.json()).toEqual({ preferences: [] })
  })
})
