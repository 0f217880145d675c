import { parseCid } from '@atproto/lex'
import type { LexMap } from '@atproto/lex-data'
import { beforeEach, describe, expect, test } from 'vitest'
import { XrpcError } from '../../../wire/errors.ts'
import { MAX_LOCAL_RECORDS } from '../../../wire/limits.ts'
import { blobService } from '../../repo/blobs.ts'
import { DID, makeRepo } from '../../repo/fixtures.ts'
import type { Repo } from '../../repo/repo.ts'
import { showOwnWrites } from './read-after-write.ts'

const ORIGIN = 'https://alice.example'
const HANDLE = 'alice.example'
const POST = 'app.bsky.feed.post'
const CID = 'bafkreih2fsgmj4ubo2565vfxg3pvngruy6ong4r6t3cc7ftuwtkgvrvyxa'
/** CID of these four bytes, which are no PNG but named so. */
const PICTURE = { $type: 'blob', ref: parseCid(CID), mimeType: 'image/png', size: 4 }
const PICTURE_URL = `${ORIGIN}/xrpc/com.atproto.sync.getBlob?did=did%3Aweb%3Aalice.example&cid=${CID}`
const BOB = { did: 'did:web:bob.example', handle: 'bob.example' }
const AT = Date.parse('2026-05-01T12:00:00Z')

let repo: Repo
let now: number
/** The rev that the AppView has seen. */
let seen: string
/** What it answers to further questions, and which they were. */
let known: Record<string, unknown>
let asked: string[]

beforeEach(async () => {
  now = AT
  const bench = await makeRepo({ now: () => now })
  ;({ repo } = bench)
  await blobService(bench.store, () => now).upload(new Blob(['blob']).stream(), { mime: 'image/png' })
  await write(POST, { text: 'before', createdAt: new Date(now).toISOString() }, 'before')
  seen = repo.head().rev
  known = {}
  asked = []
})

const write = async (collection: string, record: LexMap, rkey: string): Promise<string> => {
  // Not validated: these keys say what they are, where posts must have TIDs.
  const { results } = await repo.write([{ action: 'put', collection, rkey, record: { $type: collection, ...record } }], { validate: false })
  now += 1000
  return (results[0] as { uri: string }).uri
}
const post = (rkey: string, more: LexMap = {}): Promise<string> =>
  write(POST, { text: rkey, createdAt: new Date(now).toISOString(), ...more }, rkey)
const profile = (record: LexMap): Promise<string> => write('app.bsky.actor.profile', record, 'self')

const show = (path: string, answer: unknown, headers: Record<string, string> = { 'atproto-repo-rev': seen }): Promise<Response> => {
  const upstream = async (): Promise<Response> => {
    if (answer instanceof Error) throw answer
    const text = typeof answer === 'string' ? answer : JSON.stringify(answer)
    return new Response(text, { headers: { 'content-type': 'application/json', 'content-length': String(text.length), ...headers } })
  }
  const ask = async (nsid: string, params: Readonly<Record<string, string>>): Promise<unknown> => {
    asked.push(`${nsid}?${new URLSearchParams(params)}`)
    if (!(nsid in known)) throw new XrpcError(502, 'UpstreamFailure', 'nothing there')
    return known[nsid]
  }
  const request = new Request(`${ORIGIN}/xrpc/${path}`)
  const identity = { did: DID, handle: HANDLE, origin: ORIGIN }
  return showOwnWrites({ nsid: path.replace(/\?.*/, ''), request, answer: upstream, ask }, { identity, repo, now: () => now })
}

const TIMELINE = 'app.bsky.feed.getTimeline'
const item = (rkey: string, indexedAt: string, more: object = {}) => ({
  post: { uri: `at://${BOB.did}/${POST}/${rkey}`, author: BOB, indexedAt },
  ...more,
})
const OLD = '2026-05-01T11:00:00.000Z'
const urisOf = async (response: Response): Promise<string[]> =>
  ((await response.json()) as { feed: Array<{ post: { uri: string } }> }).feed.map(({ post }) => post.uri.split('/').at(-1)!)

describe('what is passed on as it came', () => {
  test.each([
    ['an answer that says no rev', TIMELINE, {}],
    ['one that is no JSON', TIMELINE, { 'content-type': 'text/html', 'atproto-repo-rev': '3aaa' }],
    ['another method', 'app.bsky.feed.getFeed', { 'atproto-repo-rev': '3aaa' }],
    ['one that has seen all', TIMELINE, { 'atproto-repo-rev': 'zzzzzzzzzzzzz' }],
  ])('%s', async (_, nsid, headers) => {
    await post('new')
    const response = await show(nsid, { feed: [] }, headers)
    expect(response.headers.has('atproto-upstream-lag')).toBe(false)
    expect(await response.text()).toBe('{"feed":[]}')
  })

  test('where only likes and follows are newer', async () => {
    await write('app.bsky.graph.follow', { subject: BOB.did, createdAt: new Date(now).toISOString() }, 'a')
    const response = await show(TIMELINE, { feed: [] })
    expect([response.headers.has('atproto-upstream-lag'), await response.text()]).toEqual([false, '{"feed":[]}'])
  })

  test('every byte beside the own post: spaces, large numbers, escapes', async () => {
    await post('new')
    const around = [
      '{ "cursor":"a\\u0062", "n":12345678901234567890,\n"feed" : [',
      '{"post":{"indexedAt":"2026-05-01T11:00:00.0Z"} , "x":1.0}]}',
    ]
    const text = await (await show(TIMELINE, around.join(''))).text()
    expect(text.startsWith(around[0]!) && text.endsWith(around[1]!)).toBe(true)
    expect(JSON.parse(text)).toMatchObject({ feed: [{ post: { uri: `at://${DID}/${POST}/new` } }, {}] })
  })

  test('what is no JSON after all', async () => {
    await post('new')
    expect(await (await show(TIMELINE, '{"feed":[')).text()).toBe('{"feed":[')
  })
})

describe('feeds', () => {
  test('own posts stand at their time, with the author as of now, and the lag is said', async () => {
    const uri = await post('one', { langs: ['en'] })
    await profile({ displayName: 'Alice', avatar: PICTURE })
    const response = await show(TIMELINE, { cursor: 'next', feed: [item('late', '2026-05-01T12:00:02.500Z'), item('early', OLD)] })
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'application/json; charset=utf-8',
      'atproto-repo-rev': seen,
      'atproto-upstream-lag': '2000',
    })
    const { cursor, feed } = (await response.json()) as { cursor: string; feed: object[] }
    expect(cursor).toBe('next')
    expect(feed).toEqual([
      item('late', '2026-05-01T12:00:02.500Z'),
      {
        post: {
          uri,
          cid: (await repo.record(POST, 'one'))!.cid,
          author: { did: DID, handle: HANDLE, displayName: 'Alice', avatar: PICTURE_URL },
          record: { $type: POST, text: 'one', langs: ['en'], createdAt: '2026-05-01T12:00:01.000Z' },
          replyCount: 0,
          repostCount: 0,
          likeCount: 0,
          quoteCount: 0,
          indexedAt: '2026-05-01T12:00:01.000Z',
        },
      },
      item('early', OLD),
    ])
  })

  test('the newest comes first, those that are there already or gone again are left out', async () => {
    for (const rkey of ['one', 'two', 'three', 'gone']) await post(rkey)
    await repo.write([{ action: 'delete', collection: POST, rkey: 'gone' }])
    const shown = { post: { uri: `at://${DID}/${POST}/two`, indexedAt: '2026-05-01T12:00:02.000Z' } }
    expect(await urisOf(await show(TIMELINE, { feed: [shown, item('early', OLD)] }))).toEqual(['three', 'two', 'one', 'early'])
    expect(await urisOf(await show(TIMELINE, { feed: [] }))).toEqual(['three', 'two', 'one'])
  })

  test('reposts stand at the time of the repost, pinned posts above all times', async () => {
    await post('new')
    const pinned = item('pinned', OLD, { reason: { $type: 'app.bsky.feed.defs#reasonPin' } })
    const reposted = item('reposted', OLD, { reason: { $type: 'app.bsky.feed.defs#reasonRepost', indexedAt: '2026-05-01T13:00:00Z' } })
    const feed = [pinned, reposted, item('early', OLD)]
    expect(await urisOf(await show(TIMELINE, { feed }))).toEqual(['pinned', 'reposted', 'new', 'early'])
  })

  test('a later page shows only what belongs to it', async () => {
    await post('new')
    const late = item('late', '2026-05-01T12:00:05Z')
    expect(await urisOf(await show(`${TIMELINE}?cursor=x`, { feed: [item('early', OLD)] }))).toEqual(['early'])
    expect(await urisOf(await show(`${TIMELINE}?cursor=x`, { feed: [late, item('early', OLD)] }))).toEqual(['late', 'new', 'early'])
    expect(await urisOf(await show(TIMELINE, { feed: [late] }))).toEqual(['late'])
  })

  test.each([
    [DID, ['new', 'own', 'bobs']],
    [HANDLE, ['new', 'own', 'bobs']],
    [BOB.handle, ['own', 'bobs']],
  ])('the author feed of %s', async (actor, uris) => {
    await profile({ displayName: 'Alice' })
    await post('new')
    const author = { did: DID, handle: HANDLE, displayName: 'Old', avatar: 'https://old.example', viewer: { muted: false } }
    const own = { post: { uri: `at://${DID}/${POST}/own`, author, indexedAt: '2026-05-01T11:30:00Z' } }
    const query = `app.bsky.feed.getAuthorFeed?actor=${encodeURIComponent(actor)}`
    expect(await urisOf(await show(query, { feed: [own, item('bobs', OLD)] }))).toEqual(uris)
    const [shown] = ((await (await show(query, { feed: [own] })).json()) as { feed: Array<{ post: { author: object } }> }).feed.slice(-1)
    const updated = { did: DID, handle: HANDLE, displayName: 'Alice', viewer: { muted: false } }
    expect(shown!.post.author).toEqual(actor === BOB.handle ? author : updated)
  })

  test('many posts are shown up to a limit, the newest of them', async () => {
    const writes = Array.from({ length: MAX_LOCAL_RECORDS + 5 }, (_, index) => ({
      action: 'create' as const,
      collection: POST,
      rkey: `n${100 + index}`,
      record: { $type: POST, text: '', createdAt: new Date(now).toISOString() },
    }))
    await repo.write(writes, { validate: false })
    const uris = await urisOf(await show(TIMELINE, { feed: [] }))
    expect(uris).toHaveLength(MAX_LOCAL_RECORDS)
    expect(uris).not.toContain('n100')
  })
})

describe('profiles', () => {
  const old = { did: DID, handle: HANDLE, displayName: 'Old', description: 'old', banner: 'https://old.example', followersCount: 3 }
  const updated = { did: DID, handle: HANDLE, displayName: 'New', avatar: PICTURE_URL, followersCount: 3 }

  test('the own one says what it says now, and what is gone from it is gone', async () => {
    await profile({ displayName: 'New', avatar: PICTURE })
    expect(await (await show('app.bsky.actor.getProfile?actor=x', old)).json()).toEqual(updated)
    expect(await (await show('app.bsky.actor.getProfiles?actors=x', { profiles: [BOB, old] })).json()).toEqual({
      profiles: [BOB, updated],
    })
    expect(await (await show('app.bsky.actor.getProfile?actor=x', BOB)).json()).toEqual(BOB)
  })

  test('with a new post alone it stays as it came', async () => {
    await post('new')
    expect(await (await show('app.bsky.actor.getProfile?actor=x', old)).json()).toEqual(old)
  })
})

describe('threads', () => {
  const ROOT = `at://${BOB.did}/${POST}/root`
  const ref = (uri: string) => ({ uri, cid: CID })
  const reply = (rkey: string, parent: string, root = ROOT) => post(rkey, { reply: { root: ref(root), parent: ref(parent) } })
  const view = (uri: string, more: object = {}) => ({ $type: 'app.bsky.feed.defs#threadViewPost', post: { uri, author: BOB }, ...more })
  const shapeOf = (thread: unknown): unknown => {
    const { post, replies = [], parent } = thread as { post?: { uri: string }; replies?: unknown[]; parent?: unknown }
    const below = replies.map(shapeOf)
    return [post?.uri.split('/').at(-1), ...below, ...(parent === undefined ? [] : [{ parent: shapeOf(parent) }])]
  }
  const threadOf = async (response: Response) => shapeOf(((await response.json()) as { thread: unknown }).thread)
  const get = (uri: string, more = '') => `app.bsky.feed.getPostThread?uri=${encodeURIComponent(uri)}${more}`
  const notFound = () => new XrpcError(400, 'NotFound', 'Post not found', { headers: { 'atproto-repo-rev': seen } })

  test('own replies stand below what they answer, and those that answer them below these', async () => {
    const a = await reply('a', ROOT)
    await reply('b', a)
    await reply('c', ROOT)
    await reply('deep', `${ROOT}2`)
    const thread = view(ROOT, { replies: [view(`${ROOT}1`, { replies: [view(`${ROOT}2`)] }), { $type: 'app.bsky.feed.defs#blockedPost' }] })
    expect(await threadOf(await show(get(ROOT), { thread }))).toEqual([
      'root',
      ['c'],
      ['a', ['b']],
      ['root1', ['root2', ['deep']]],
      [undefined],
    ])
    expect(await threadOf(await show(get(ROOT), { thread: view(ROOT) }))).toEqual(['root', ['c'], ['a', ['b']]])
  })

  test('a reply that the AppView has seen is not shown twice', async () => {
    const a = await reply('a', ROOT)
    expect(await threadOf(await show(get(ROOT), { thread: view(ROOT, { replies: [view(a)] }) }))).toEqual(['root', ['a']])
  })

  test('a post that the AppView does not know has its thread all the same, and what is above it', async () => {
    const a = await reply('a', ROOT)
    const b = await reply('b', a)
    await reply('c', b)
    known['app.bsky.feed.getPostThread'] = { thread: view(ROOT) }
    for (const uri of [b, b.replace(DID, HANDLE)]) {
      const response = await show(get(uri, '&parentHeight=7'), notFound())
      expect(response.headers.get('atproto-upstream-lag')).toBe('3000')
      expect(await threadOf(response)).toEqual(['b', ['c'], { parent: ['a', { parent: ['root'] }] }])
      expect(asked.at(-1)).toBe(`app.bsky.feed.getPostThread?uri=${encodeURIComponent(ROOT)}&depth=0&parentHeight=7`)
    }
    delete known['app.bsky.feed.getPostThread']
    expect(await threadOf(await show(get(b), notFound()))).toEqual(['b', ['c'], { parent: ['a'] }])
  })

  test('posts that answer each other in a circle end', async () => {
    const [a, b] = ['a', 'b'].map((rkey) => `at://${DID}/${POST}/${rkey}`)
    await reply('a', b!, a)
    await reply('b', a!, a)
    expect(await threadOf(await show(get(a!), notFound()))).toMatchObject(['a', ['b'], { parent: ['b', { parent: ['a'] }] }])
  })

  test.each([
    ['of somebody else', `at://${BOB.did}/${POST}/x`, { 'atproto-repo-rev': '3aaa' }],
    ['that is not new', `at://${DID}/${POST}/before`, undefined],
    ['of an AppView that says no rev', `at://${DID}/${POST}/new`, {}],
  ])('a post %s stays not found', async (_, uri, headers) => {
    await post('new')
    const error = headers ? new XrpcError(400, 'NotFound', 'no', { headers }) : notFound()
    await expect(show(get(uri), error)).rejects.toBe(error)
  })
})

describe('embeds', () => {
  const embedOf = async (embed: LexMap): Promise<unknown> => {
    await post('new', { embed })
    const { feed } = (await (await show(TIMELINE, { feed: [] })).json()) as { feed: [{ post: { embed?: unknown } }] }
    return feed[0].post.embed
  }
  const images = { $type: 'app.bsky.embed.images', images: [{ image: PICTURE, alt: 'a cat', aspectRatio: { width: 2, height: 1 } }] }
  const imagesView = {
    $type: 'app.bsky.embed.images#view',
    images: [{ thumb: PICTURE_URL, fullsize: PICTURE_URL, alt: 'a cat', aspectRatio: { width: 2, height: 1 } }],
  }
  const quote = (collection: string) => ({
    $type: 'app.bsky.embed.record',
    record: { uri: `at://${BOB.did}/${collection}/q`, cid: CID },
  })

  test('images, by their address here', async () => {
    expect(await embedOf(images)).toEqual(imagesView)
  })

  test('links', async () => {
    const link = { uri: 'https://a.example', title: 'A', description: 'a' }
    expect(await embedOf({ $type: 'app.bsky.embed.external', external: { ...link, thumb: PICTURE } })).toEqual({
      $type: 'app.bsky.embed.external#view',
      external: { ...link, thumb: PICTURE_URL },
    })
  })

  test('quotes, as the AppView knows them', async () => {
    const quoted = { uri: `at://${BOB.did}/${POST}/q`, cid: CID, author: BOB, record: { text: 'q' }, embed: { $type: 'x' }, indexedAt: OLD }
    known['app.bsky.feed.getPosts'] = { posts: [quoted] }
    known['app.bsky.feed.getFeedGenerator'] = { view: { displayName: 'cats' }, isOnline: true }
    known['app.bsky.graph.getList'] = { list: { name: 'friends' }, items: [] }
    expect(await embedOf(quote(POST))).toEqual({
      $type: 'app.bsky.embed.record#view',
      record: {
        $type: 'app.bsky.embed.record#viewRecord',
        uri: quoted.uri,
        cid: CID,
        author: BOB,
        value: { text: 'q' },
        embeds: [{ $type: 'x' }],
        indexedAt: OLD,
      },
    })
    expect(await embedOf(quote('app.bsky.feed.generator'))).toMatchObject({
      record: { $type: 'app.bsky.feed.defs#generatorView', displayName: 'cats' },
    })
    expect(await embedOf(quote('app.bsky.graph.list'))).toMatchObject({
      record: { $type: 'app.bsky.graph.defs#listView', name: 'friends' },
    })
  })

  test('quotes that the AppView does not know, or of what nobody shows, are not found', async () => {
    for (const collection of [POST, 'com.example.note'])
      expect(await embedOf(quote(collection))).toEqual({
        $type: 'app.bsky.embed.record#view',
        record: { $type: 'app.bsky.embed.record#viewNotFound', uri: `at://${BOB.did}/${collection}/q`, notFound: true },
      })
    expect(asked).toEqual([`app.bsky.feed.getPosts?uris=${encodeURIComponent(`at://${BOB.did}/${POST}/q`)}`])
  })

  test('a quote with images has both; what cannot be shown yet is left out', async () => {
    const both = (media: object) => ({ $type: 'app.bsky.embed.recordWithMedia', record: quote(POST), media }) as LexMap
    expect(await embedOf(both(images))).toMatchObject({
      $type: 'app.bsky.embed.recordWithMedia#view',
      record: { $type: 'app.bsky.embed.record#view' },
      media: imagesView,
    })
    expect(await embedOf(both({ $type: 'com.example.unheard' }))).toBeUndefined()
    expect(await embedOf({ $type: 'com.example.unheard' })).toBeUndefined()
  })
})
