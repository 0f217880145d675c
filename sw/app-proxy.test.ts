import { describe, expect, test } from 'vitest'
import { XrpcError } from '../wire/errors.ts'
import { CHUNK_BYTES, MAX_PROXIED_RESPONSE_BYTES } from '../wire/limits.ts'
import { APPVIEW, call as callOf, DID, documentOf, errorOf, type Init, json, LABELER, servePod, tokenSent } from './served-pod.ts'

const REPORT = {
  reasonType: 'com.atproto.moderation.defs#reasonSpam',
  subject: {
    $type: 'com.atproto.repo.strongRef',
    uri: 'at://did:web:bob.example/app.bsky.feed.post/a',
    cid: 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a',
  },
}
const PUSH_NOWHERE = { serviceDid: 'did:web:labeler.example', token: 'abc', platform: 'web', appId: 'xyz.example' }

const served = servePod()
const call = (path: string, init?: Init) => callOf(served, path, init)

describe('proxying', () => {
  test('asks the default AppView in the name of the account, and hands on what belongs to the call', async () => {
    served.answers['appview.example/xrpc/app.bsky.feed.getTimeline'] = () =>
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

    const [request] = served.sent
    expect(request).toMatchObject({ method: 'GET', url: 'https://appview.example/xrpc/app.bsky.feed.getTimeline?limit=5&algorithm=a%20b' })
    expect([...request!.headers.keys()].sort()).toEqual(
      ['accept-encoding', 'accept-language', 'atproto-accept-labelers', 'authorization', 'x-atproto-trace', 'x-bsky-topics'].sort(),
    )
    expect(request!.headers.get('accept-encoding')).toBe('identity')
    expect(await tokenSent(served, request)).toMatchObject({ iss: DID, aud: 'did:web:appview.example', lxm: 'app.bsky.feed.getTimeline' })
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
    served.answers[`${host}/xrpc/${nsid}`] = () => Response.json({ ok: true })
    const response = await call(nsid, { ...(proxy !== undefined && { proxy }) })
    expect(await response.json()).toEqual({ ok: true })
    expect(await tokenSent(served, served.sent[0])).toMatchObject({ aud, lxm: nsid })
  })

  test('a report reaches the labeler the client names, body and all', async () => {
    served.answers['labeler.example/xrpc/com.atproto.moderation.createReport'] = () => Response.json({ id: 1 })
    const response = await call('com.atproto.moderation.createReport', { ...json(REPORT), proxy: LABELER })
    expect(await response.json()).toEqual({ id: 1 })
    expect(served.sent[0]!.headers.get('content-type')).toBe('application/json')
    expect(await new Response(served.sent[0]!.body).json()).toEqual(REPORT)
    expect(await tokenSent(served, served.sent[0])).toMatchObject({
      aud: 'did:web:labeler.example',
      lxm: 'com.atproto.moderation.createReport',
    })
  })

  test.each([
    ['app.bsky.notification.registerPush', 'did:web:push.example', 'push.example'],
    ['app.bsky.notification.unregisterPush', 'did:web:push.example', 'push.example'],
    ['app.bsky.notification.registerPush', 'did:web:appview.example', 'appview.example'],
  ])('%s goes to the service that the input names, whatever the header says: %s', async (nsid, serviceDid, host) => {
    const push = { serviceDid, token: 'abc', platform: 'web', appId: 'xyz.example' }
    served.answers['push.example/.well-known/did.json'] = () => Response.json(documentOf('push.example', 'bsky_notif'))
    served.answers[`${host}/xrpc/${nsid}`] = () => new Response(null)
    const response = await call(nsid, { ...json(push), proxy: LABELER })
    expect([response.status, await response.text()]).toEqual([200, ''])
    expect(new URL(served.sent[0]!.url).host).toBe(host)
    expect(await new Response(served.sent[0]!.body).json()).toEqual(push)
    expect(await tokenSent(served, served.sent[0])).toMatchObject({ aud: serviceDid, lxm: nsid })
  })

  test('own posts that the AppView has not seen are in its timeline, and the header lets web pages know', async () => {
    const { rev } = served.pod.repo.head()
    served.answers['appview.example/xrpc/app.bsky.feed.getTimeline'] = () =>
      Response.json({ feed: [] }, { headers: { 'atproto-repo-rev': rev, 'atproto-content-labelers': 'did:web:l' } })
    const record = { $type: 'app.bsky.feed.post', text: 'quoting', createdAt: new Date().toISOString() }
    const subject = { uri: 'at://did:web:bob.example/app.bsky.feed.post/q', cid: REPORT.subject.cid }
    await call('com.atproto.repo.createRecord', {
      ...json({ repo: DID, collection: record.$type, record: { ...record, embed: { $type: 'app.bsky.embed.record', record: subject } } }),
    })
    served.answers['appview.example/xrpc/app.bsky.feed.getPosts'] = () =>
      Response.json({ posts: [{ ...subject, record: { text: 'quoted' }, author: {}, indexedAt: record.createdAt }] })
    const response = await call('app.bsky.feed.getTimeline', { headers: { 'atproto-accept-labelers': 'did:web:l' } })
    const { feed } = (await response.json()) as { feed: [{ post: { embed: unknown } }] }
    expect(feed[0].post).toMatchObject({ record: { text: 'quoting' }, embed: { record: { value: { text: 'quoted' } } } })
    expect(response.headers.get('atproto-content-labelers')).toBe('did:web:l')
    expect(Number(response.headers.get('atproto-upstream-lag'))).toBeGreaterThanOrEqual(0)
    expect(served.sent[1]!.headers.get('atproto-accept-labelers')).toBe('did:web:l')
    expect(await tokenSent(served, served.sent[1])).toMatchObject({ aud: 'did:web:appview.example', lxm: 'app.bsky.feed.getPosts' })

    // Another kind of service speaks for itself.
    served.answers['labeler.example/xrpc/app.bsky.feed.getTimeline'] = served.answers['appview.example/xrpc/app.bsky.feed.getTimeline']!
    expect(await (await call('app.bsky.feed.getTimeline', { proxy: LABELER })).json()).toEqual({ feed: [] })
  })

  test('a feed is asked for with a token for the feed generator, for the method the generator serves', async () => {
    served.answers['appview.example/xrpc/com.atproto.repo.getRecord'] = ({ url, headers }) => {
      expect(headers.has('authorization')).toBe(false)
      expect(new URL(url).searchParams.get('rkey')).toBe('cats')
      return Response.json({ value: { did: 'did:web:feeds.example' } })
    }
    served.answers['appview.example/xrpc/app.bsky.feed.getFeed'] = () => Response.json({ feed: [] })
    const feed = encodeURIComponent('at://did:web:bob.example/app.bsky.feed.generator/cats')
    expect((await call(`app.bsky.feed.getFeed?feed=${feed}`)).status).toBe(200)
    expect(await tokenSent(served, served.sent[1])).toMatchObject({ aud: 'did:web:feeds.example', lxm: 'app.bsky.feed.getFeedSkeleton' })
    served.answers['appview.example/xrpc/com.atproto.repo.getRecord'] = () => Response.json({ error: 'RecordNotFound' }, { status: 400 })
    expect(await errorOf(await call(`app.bsky.feed.getFeed?feed=${feed}`))).toMatchObject({ status: 400, error: 'UnknownFeed' })
  })

  test.each([
    ['no token', 'app.bsky.feed.getTimeline', { scope: null }, 401, 'AuthMissing'],
    ['an app password at chat', 'chat.bsky.convo.listConvos', { scope: 'com.atproto.appPass' }, 400, 'InvalidToken'],
    ['a protected method', 'com.atproto.admin.sendEmail', { proxy: APPVIEW, method: 'POST' }, 400, 'InvalidToken'],
    ['a report to nobody', 'com.atproto.moderation.createReport', json(REPORT), 400, 'InvalidRequest'],
    ['a report that is none', 'com.atproto.moderation.createReport', { ...json({}), proxy: LABELER }, 400, 'InvalidRequest'],
    ['push to a service without an address', 'app.bsky.notification.registerPush', json(PUSH_NOWHERE), 400, 'InvalidRequest'],
    ['push with no token', 'app.bsky.notification.registerPush', { ...json(PUSH_NOWHERE), scope: null }, 401, 'AuthMissing'],
    ['an app password at chat in other letters', 'chat.bsky.convo.LISTCONVOS', { scope: 'com.atproto.appPass' }, 400, 'InvalidToken'],
    [
      'createAccount elsewhere with an app password',
      'com.atproto.server.CREATEACCOUNT',
      { scope: 'com.atproto.appPass', proxy: APPVIEW, method: 'POST' },
      400,
      'InvalidToken',
    ],
    ['administration', 'com.atproto.admin.getAccountInfo', {}, 501, 'MethodNotImplemented'],
    ['another verb', 'app.bsky.feed.getTimeline', { method: 'DELETE' }, 405, 'InvalidRequest'],
    ['a service without a name', 'app.bsky.feed.getTimeline', { proxy: 'did:web:appview.example' }, 400, 'InvalidRequest'],
    ['two services', 'app.bsky.feed.getTimeline', { proxy: `${APPVIEW}#x` }, 400, 'InvalidRequest'],
    ['a service the document lacks', 'app.bsky.feed.getTimeline', { proxy: 'did:web:appview.example#other' }, 400, 'InvalidRequest'],
    ['a DID that does not exist', 'app.bsky.feed.getTimeline', { proxy: 'did:web:nobody.example#x' }, 400, 'InvalidRequest'],
  ] as const)('%s is refused, and nobody is asked', async (_, nsid, init, status, error) => {
    expect(await errorOf(await call(nsid, init))).toMatchObject({ status, error })
    expect(served.sent).toEqual([])
  })

  test('without a default AppView unknown methods are 501, and the client may still name a service', async () => {
    served.services = { appview: null, plc: null, mail: false }
    served.answers['appview.example/xrpc/app.bsky.feed.getTimeline'] = () => Response.json({ feed: [] })
    for (const scope of [null, 'com.atproto.access'] as const)
      expect(await errorOf(await call('app.bsky.feed.getTimeline', { scope }))).toMatchObject({
        status: 501,
        error: 'MethodNotImplemented',
      })
    expect((await call('app.bsky.feed.getTimeline', { proxy: APPVIEW })).status).toBe(200)
  })

  test('a long body is streamed, not gathered', async () => {
    const pieces = 3
    served.answers['appview.example/xrpc/app.bsky.video.uploadVideo'] = async ({ body }) => {
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
    served.answers['appview.example/xrpc/app.bsky.feed.getTimeline'] = answer
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
    expect(served.sent).toHaveLength(1)
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
    served.answers['appview.example/xrpc/com.atproto.repo.getRecord'] = () => Response.json({ uri: 'at://x', value: {} })
    const response = await call(path, { scope: null, proxy: LABELER })
    expect(await response.json()).toEqual({ uri: 'at://x', value: {} })
    expect(served.sent[0]!.headers.has('authorization')).toBe(false)
  })

  test('are not found where there is no AppView', async () => {
    served.services = { appview: null, plc: null, mail: false }
    expect(await errorOf(await call(path, { scope: null }))).toMatchObject({ status: 400, error: 'RecordNotFound' })
  })
})
