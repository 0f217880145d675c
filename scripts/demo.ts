/** `npm run demo`: the whole story on the terminal, every step verified by an outsider's means. Exit code 0 only if all of it held. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent, type AppBskyFeedPost, RichText } from '@atproto/api'
import { verifyRecords } from '@atproto/repo'
import type { CommitEvt } from '@atproto/sync'
import { AtUri } from '@atproto/syntax'
import { readArguments } from './arguments.ts'
import { findChromium } from './browser.ts'
import { build } from './build.ts'
import { beforeEnd, end, run } from './ending.ts'
import { makePng } from './picture.ts'
import { hostPod, openPodInTab, roomStatus } from './pod.ts'
import { newClaimToken } from './shim.ts'
import { fetchVerifiedRepo, follow, newResolver } from './witness.ts'

const HANDLE = 'alice.test'
const POST = 'app.bsky.feed.post'

const say = (line: string): void => void process.stdout.write(`${line}\n`)
let number = 0

/** Narrates one step; `work` returns what was verified, as sentences. */
const step = async (title: string, work: () => Promise<readonly string[]>): Promise<void> => {
  const startedAt = performance.now()
  say(`\n${++number}. ${title}`)
  for (const fact of await work()) say(`   ✓ ${fact}`)
  say(`     ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
}

run(async () => {
  readArguments({})
  const password = newClaimToken()
  const directory = mkdtempSync(join(tmpdir(), 'tabpod-demo-'))
  beforeEnd(() => rmSync(directory, { recursive: true, force: true }))
  say('tabpod: a PDS in a browser tab, from the first click to the verified copy.')
  build({ quiet: true })
  findChromium(say)

  const pod = await hostPod({
    shim: { persist: join(directory, 'room') },
    browser: { profileDir: join(directory, 'profile'), headless: true },
    handle: HANDLE,
    password,
  })
  beforeEnd(pod.stop)
  const { url, claimToken } = pod.shim
  const { did, context } = pod
  let tab = pod.page
  const agent = new AtpAgent({ service: url })
  const outsider = follow(url)
  beforeEnd(outsider.stop)
  const picture = makePng(256)
  const made: string[] = []

  const publish = async (text: string, image?: Uint8Array): Promise<AtUri> => {
    const rich = new RichText({ text })
    await rich.detectFacets(agent)
    const record: Partial<AppBskyFeedPost.Record> = {
      text: rich.text,
      ...(rich.facets && { facets: rich.facets }),
      createdAt: new Date().toISOString(),
    }
    if (image) {
      const { data } = await agent.uploadBlob(image, { encoding: 'image/png' })
      record.embed = {
        $type: 'app.bsky.embed.images',
        images: [{ image: data.blob, alt: 'A gradient', aspectRatio: { width: 256, height: 256 } }],
      }
    }
    const { uri } = await agent.post(record)
    made.push(uri)
    return new AtUri(uri)
  }

  await step('A stranger clicks "Create my PDS"', async () => {
    const document = await newResolver().did.resolveAtprotoData(did)
    assert.equal(document.pds, url)
    const resolved = await agent.resolveHandle({ handle: HANDLE })
    assert.equal(resolved.data.did, did)
    return [`${did} resolves; its document names ${url} and the key ${document.signingKey}`, `${HANDLE} resolves to it`]
  })

  let post = new AtUri(did)
  await step('An app signs in through the public address, and posts text with facets and an image', async () => {
    await agent.login({ identifier: HANDLE, password })
    post = await publish(`Hello from a browser tab, says @${HANDLE}. Read https://atproto.com #atproto`, picture)
    const { value } = await agent.getPost({ repo: did, rkey: post.rkey })
    assert.deepEqual(
      value.facets?.map((facet) => facet.features[0]?.$type),
      ['app.bsky.richtext.facet#mention', 'app.bsky.richtext.facet#link', 'app.bsky.richtext.facet#tag'],
    )
    const embed = value.embed as { images: Array<{ image: { ref: { toString(): string } } }> }
    const cid = String(embed.images[0]?.image.ref)
    const { data } = await agent.com.atproto.sync.getBlob({ did, cid })
    assert.deepEqual(new Uint8Array(data), picture)
    return [
      `signed in as ${agent.session?.handle}`,
      `${post.toString()} has its mention, link and tag`,
      `the image came back byte for byte (${picture.length} B, ${cid})`,
    ]
  })

  await step('A firehose consumer sees the commit and verifies it', async () => {
    const event = (await outsider.until((event) => event.event === 'create' && event.uri.toString() === post.toString())) as CommitEvt
    assert.deepEqual(outsider.errors, [])
    return [`seq ${event.seq}, rev ${event.rev}: signature and proof hold against the DID document's key`]
  })

  await step('The tab is closed', async () => {
    await tab.close()
    for (let tries = 0; (await roomStatus(url)).online; tries++) {
      assert.ok(tries < 100, 'the room still believes the tab to be open')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const refused = await fetch(`${url}/xrpc/com.atproto.repo.createRecord`, {
      method: 'POST',
      headers: { authorization: `Bearer ${agent.session?.accessJwt}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        repo: did,
        collection: POST,
        record: { $type: POST, text: 'nobody is home', createdAt: new Date().toISOString() },
      }),
    })
    const { error, message } = (await refused.json()) as { error: string; message: string }
    assert.equal(refused.status, 503)
    assert.ok(Number(refused.headers.get('retry-after')) > 0)
    return [`a write gets 503 ${error}, Retry-After ${refused.headers.get('retry-after')}: "${message}"`]
  })

  await step('The repo is fetched from the shim, which holds no key, and verified', async () => {
    const repo = await fetchVerifiedRepo(url, did)
    assert.ok(repo.creates.some(({ collection, rkey }) => collection === POST && rkey === post.rkey))
    const proof = await fetch(`${url}/xrpc/com.atproto.sync.getRecord?did=${encodeURIComponent(did)}&collection=${POST}&rkey=${post.rkey}`)
    const key = await newResolver().did.resolveAtprotoKey(did)
    const proven = await verifyRecords(new Uint8Array(await proof.arrayBuffer()), did, key)
    assert.equal(proven[0]?.rkey, post.rkey)
    return [
      `CAR of ${repo.bytes} B: commit ${repo.commit.rev} and ${repo.creates.length} record(s) verified`,
      'the single post is proven by its own small CAR too',
    ]
  })

  await step('The tab comes back', async () => {
    tab = await openPodInTab({ context, url, claim: claimToken, handle: HANDLE, password })
    const next = await publish('Back again.')
    await outsider.until((event) => event.event === 'create' && event.uri.toString() === next.toString())
    return ['online again with the same keys', `${next.toString()} is written, mirrored and on the firehose`]
  })

  await step('Nothing was lost and nothing came twice', async () => {
    const created = outsider.events.flatMap((event) =>
      event.event === 'create' && event.collection === POST ? [event.uri.toString()] : [],
    )
    assert.deepEqual(created, made)
    const late = follow(url)
    const last = outsider.events.at(-1)
    await late.until((event) => event.seq === last?.seq)
    await late.stop()
    assert.deepEqual(
      late.events.map((event) => event.seq),
      outsider.events.map((event) => event.seq),
    )
    const repo = await fetchVerifiedRepo(url, did)
    assert.deepEqual(
      repo.creates.flatMap(({ collection, rkey }) => (collection === POST ? [`at://${did}/${collection}/${rkey}`] : [])).toSorted(),
      made.toSorted(),
    )
    return [
      `the consumer followed across the gap: ${created.length} posts, in order`,
      'a consumer that comes late replays the same sequence',
      'the verified repo holds exactly these posts',
    ]
  })

  say('\nEvery step was verified.')
  await end(0)
})
