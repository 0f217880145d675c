import { AppBskyEmbedImages, AppBskyEmbedRecord, type AppBskyFeedDefs } from '@atproto/api'
import { test as base } from 'playwright/test'
import { type AppViewPod, withAppView } from '../fixtures/appview-pod.ts'
import { expect, HANDLE, POST } from '../fixtures/pod.ts'

interface Lagging extends AppViewPod {
  /** Rev of the newest commit that the AppView has seen. */
  rev: string
}

const test = base.extend<object, { lagging: Lagging }>({
  lagging: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => withAppView('read-after-write', (served) => use({ ...served, rev: '' })),
    { scope: 'worker', timeout: 120_000 },
  ],
})

/** From here on the AppView sees nothing. */
test.beforeEach(async ({ lagging }) => {
  const { agent, pod } = lagging
  lagging.rev = (await agent.com.atproto.sync.getLatestCommit({ did: pod.did })).data.rev
})

const createdAt = (): string => new Date().toISOString()
const BOB = { did: 'did:web:bob.example', handle: 'bob.example' }
const ROOT = `at://${BOB.did}/${POST}/3l3qo2vuowo2b`
const postOf = (uri: string, indexedAt = '2026-01-01T00:00:00.000Z') => ({
  uri,
  cid: 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a',
  author: BOB,
  record: { $type: POST, text: 'of bob', createdAt: indexedAt },
  indexedAt,
})
const refOf = (uri: string) => ({ uri, cid: postOf(uri).cid })
const answering = ({ appview, rev }: Lagging, nsid: string, value: object, status = 200): void =>
  appview.answers(nsid, value, { 'atproto-repo-rev': rev, 'atproto-content-labelers': 'did:web:labels.example' }, status)

test('a post is in the timeline and the own feed at once, with the lag, and gone from there when the AppView has it', async ({
  lagging,
}) => {
  const { agent, pod } = lagging
  const feed = [{ post: postOf(ROOT) }]
  for (const nsid of ['app.bsky.feed.getTimeline', 'app.bsky.feed.getAuthorFeed']) answering(lagging, nsid, { cursor: 'more', feed })
  const { uri, cid } = await agent.post({ text: 'just now' })
  const timeline = await agent.getTimeline()
  expect(timeline.data).toMatchObject({ cursor: 'more', feed: [{ post: { uri, cid, record: { text: 'just now' } } }, ...feed] })
  expect(timeline.data.feed[0]!.post.author).toMatchObject({ did: pod.did, handle: HANDLE })
  expect(timeline.headers).toMatchObject({ 'atproto-repo-rev': lagging.rev, 'atproto-content-labelers': 'did:web:labels.example' })
  expect(Number(timeline.headers['atproto-upstream-lag'])).toBeGreaterThan(0)
  expect((await agent.getAuthorFeed({ actor: pod.did })).data.feed.map(({ post }) => post.uri)).toEqual([uri, ROOT])
  expect((await agent.getAuthorFeed({ actor: BOB.did })).data.feed.map(({ post }) => post.uri)).toEqual([ROOT])

  lagging.rev = (await agent.com.atproto.sync.getLatestCommit({ did: pod.did })).data.rev
  answering(lagging, 'app.bsky.feed.getTimeline', { feed })
  const caughtUp = await agent.getTimeline()
  expect([caughtUp.data.feed.length, caughtUp.headers['atproto-upstream-lag']]).toEqual([1, undefined])
})

test('a new picture and name are in the own profile at once, and the picture is there to look at', async ({ lagging }) => {
  const { agent, pod } = lagging
  const view = { did: pod.did, handle: HANDLE, displayName: 'Old', description: 'old', followersCount: 2 }
  answering(lagging, 'app.bsky.actor.getProfile', view)
  const picture = Uint8Array.from(
    atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=='),
    (c) => c.charCodeAt(0),
  )
  const { blob } = (await agent.uploadBlob(picture, { encoding: 'image/png' })).data
  await agent.upsertProfile((old) => ({ ...old, displayName: 'Alice', avatar: blob }))
  const { data } = await agent.getProfile({ actor: pod.did })
  expect(data).toMatchObject({ did: pod.did, displayName: 'Alice', followersCount: 2 })
  expect(data).not.toHaveProperty('description')
  const shown = await fetch(data.avatar!)
  expect([shown.status, shown.headers.get('content-type'), (await shown.arrayBuffer()).byteLength]).toEqual([
    200,
    'image/png',
    picture.length,
  ])
})

test('replies are in their thread, with what they quote and show', async ({ lagging }) => {
  const { agent } = lagging
  answering(lagging, 'app.bsky.feed.getPostThread', { thread: { $type: 'app.bsky.feed.defs#threadViewPost', post: postOf(ROOT) } })
  lagging.appview.answers('app.bsky.feed.getPosts', { posts: [postOf(ROOT)] })
  const { blob } = (await agent.uploadBlob(new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), { encoding: 'image/png' })).data
  const reply = { root: refOf(ROOT), parent: refOf(ROOT) }
  const images = { $type: 'app.bsky.embed.images', images: [{ image: blob, alt: 'a cat' }] } as const
  const first = await agent.post({ text: 'a cat', reply, embed: images, createdAt: createdAt() })
  const quote = { $type: 'app.bsky.embed.record', record: refOf(ROOT) } as const
  await agent.post({ text: 'and a quote', reply: { root: refOf(ROOT), parent: first }, embed: quote, createdAt: createdAt() })

  const { thread } = (await agent.getPostThread({ uri: ROOT })).data as { thread: AppBskyFeedDefs.ThreadViewPost }
  const [cat] = thread.replies as AppBskyFeedDefs.ThreadViewPost[]
  const [quoting] = cat!.replies as AppBskyFeedDefs.ThreadViewPost[]
  expect([cat!.post.record, quoting!.post.record]).toMatchObject([{ text: 'a cat' }, { text: 'and a quote' }])
  expect(AppBskyEmbedImages.isView(cat!.post.embed) && AppBskyEmbedImages.validateView(cat!.post.embed).success).toBe(true)
  expect(AppBskyEmbedRecord.isView(quoting!.post.embed) && quoting!.post.embed.record).toMatchObject({ uri: ROOT, author: BOB })
})

test('a thread of which the AppView has not heard is there, below what it answers', async ({ lagging }) => {
  const { agent, pod } = lagging
  const { uri } = await agent.post({ text: 'unheard', reply: { root: refOf(ROOT), parent: refOf(ROOT) }, createdAt: createdAt() })
  answering(lagging, 'app.bsky.feed.getPostThread', { error: 'NotFound', message: 'Post not found' }, 400)
  for (const address of [uri, uri.replace(pod.did, HANDLE)]) {
    const { data, headers } = await agent.getPostThread({ uri: address })
    expect(data.thread).toMatchObject({ post: { uri, record: { text: 'unheard' } } })
    expect(Number(headers['atproto-upstream-lag'])).toBeGreaterThan(0)
  }
  await expect(agent.getPostThread({ uri: ROOT })).rejects.toMatchObject({ status: 400, error: 'NotFound' })
})
