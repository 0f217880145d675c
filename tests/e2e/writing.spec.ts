import { RichText } from '@atproto/api'
import { makePng } from '../../scripts/picture.ts'
import { expect, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'writing' })

test('an app signs in, asks who it is, refreshes and signs out', async ({ pod }) => {
  const agent = await pod.signIn()
  const { data } = await agent.com.atproto.server.getSession()
  expect(data).toMatchObject({ did: pod.did, handle: pod.handle, active: true })

  const before = agent.session!
  await agent.sessionManager.refreshSession()
  expect(agent.session!.refreshJwt).not.toBe(before.refreshJwt)
  expect((await agent.com.atproto.server.getSession()).data.did).toBe(pod.did)

  const { refreshJwt } = agent.session!
  await agent.logout()
  const again = await pod.room.request('/xrpc/com.atproto.server.refreshSession', {
    method: 'POST',
    headers: { authorization: `Bearer ${refreshJwt}` },
  })
  expect(again.status).toBe(400)
  expect(await again.json()).toMatchObject({ error: 'ExpiredToken' })
})

test('a post with facets and an image reads back as it was written', async ({ pod }) => {
  const agent = await pod.agent()
  const picture = makePng(64)
  const { data: uploaded } = await agent.uploadBlob(picture, { encoding: 'image/png' })
  expect(uploaded.blob.mimeType).toBe('image/png')
  expect(uploaded.blob.size).toBe(picture.length)

  const rich = new RichText({ text: `Hi @${pod.handle}, see https://atproto.com #pods` })
  await rich.detectFacets(agent)
  expect(rich.facets).toHaveLength(3)
  const { uri, cid } = await agent.post({
    text: rich.text,
    facets: rich.facets!,
    embed: { $type: 'app.bsky.embed.images', images: [{ image: uploaded.blob, alt: 'a gradient' }] },
  })

  const rkey = uri.split('/').at(-1)!
  const read = await agent.getPost({ repo: pod.did, rkey })
  expect(read.cid).toBe(cid)
  expect(read.value.text).toBe(rich.text)
  expect(read.value.facets).toEqual(JSON.parse(JSON.stringify(rich.facets)))

  const blob = await pod.query('com.atproto.sync.getBlob', { did: pod.did, cid: uploaded.blob.ref.toString() })
  expect(new Uint8Array(await blob.arrayBuffer())).toEqual(picture)
  expect(blob.headers.get('content-type')).toBe('image/png')
  expect(blob.headers.get('x-content-type-options')).toBe('nosniff')
  expect(blob.headers.get('content-security-policy')).toContain('sandbox')
  const blobs = await agent.com.atproto.sync.listBlobs({ did: pod.did })
  expect(blobs.data.cids).toContain(uploaded.blob.ref.toString())
})

test('putRecord makes and replaces, and respects swapRecord', async ({ pod }) => {
  const agent = await pod.agent()
  const put = (displayName: string, swapRecord?: string | null) =>
    agent.com.atproto.repo.putRecord({
      repo: pod.did,
      collection: 'app.bsky.actor.profile',
      rkey: 'self',
      record: { $type: 'app.bsky.actor.profile', displayName },
      ...(swapRecord !== undefined && { swapRecord }),
    })
  const first = await put('Alice', null)
  const second = await put('Alice B.', first.data.cid)
  await expect(put('Too late', first.data.cid)).rejects.toMatchObject({ status: 400, error: 'InvalidSwap' })
  await expect(put('Not new', null)).rejects.toMatchObject({ status: 400, error: 'InvalidSwap' })
  const read = await agent.com.atproto.repo.getRecord({ repo: pod.did, collection: 'app.bsky.actor.profile', rkey: 'self' })
  expect(read.data.cid).toBe(second.data.cid)
  expect(read.data.value).toMatchObject({ displayName: 'Alice B.' })
})

test('a deleted record is gone, and deleting it again makes no commit', async ({ pod }) => {
  const agent = await pod.agent()
  const rkey = await pod.post('short-lived')
  const first = await agent.com.atproto.repo.deleteRecord({ repo: pod.did, collection: POST, rkey })
  expect(first.data.commit?.rev).toBeDefined()
  const again = await agent.com.atproto.repo.deleteRecord({ repo: pod.did, collection: POST, rkey })
  expect(again.data.commit).toBeUndefined()
  await expect(agent.com.atproto.repo.getRecord({ repo: pod.did, collection: POST, rkey })).rejects.toMatchObject({
    status: 400,
    error: 'RecordNotFound',
  })
})

test('applyWrites lands all of its writes in one commit, or none of them', async ({ pod }) => {
  const agent = await pod.agent()
  const rkey = await pod.post('to be replaced')
  const gone = await pod.post('to be deleted')
  const value = (text: string) => ({ $type: POST, text, createdAt: new Date().toISOString() })
  const { data } = await agent.com.atproto.repo.applyWrites({
    repo: pod.did,
    writes: [
      { $type: 'com.atproto.repo.applyWrites#create', collection: POST, rkey: '3jzfcijpj2z2a', value: value('one') },
      { $type: 'com.atproto.repo.applyWrites#update', collection: POST, rkey, value: value('replaced') },
      { $type: 'com.atproto.repo.applyWrites#delete', collection: POST, rkey: gone },
    ],
    validate: true,
  })
  expect(data.results).toHaveLength(3)
  const latest = await agent.com.atproto.sync.getLatestCommit({ did: pod.did })
  expect(latest.data.rev).toBe(data.commit?.rev)

  await expect(
    agent.com.atproto.repo.applyWrites({
      repo: pod.did,
      writes: [
        { $type: 'com.atproto.repo.applyWrites#create', collection: POST, rkey: '3jzfcijpj2z2b', value: value('two') },
        { $type: 'com.atproto.repo.applyWrites#update', collection: POST, rkey: gone, value: value('not there') },
      ],
    }),
  ).rejects.toMatchObject({ status: 400 })
  expect((await agent.com.atproto.sync.getLatestCommit({ did: pod.did })).data.rev).toBe(latest.data.rev)
  const rkeys = (await pod.posts()).map((post) => post.rkey)
  expect(rkeys).toContain('3jzfcijpj2z2a')
  expect(rkeys).not.toContain('3jzfcijpj2z2b')
})

test('listRecords pages through everything once, in both directions', async ({ pod }) => {
  const agent = await pod.agent()
  const collection = 'com.example.counter'
  const written = Array.from({ length: 25 }, (_, index) => `n${String(index).padStart(2, '0')}`)
  await agent.com.atproto.repo.applyWrites({
    repo: pod.did,
    writes: written.map((rkey) => ({
      $type: 'com.atproto.repo.applyWrites#create' as const,
      collection,
      rkey,
      value: { $type: collection, rkey },
    })),
  })
  for (const reverse of [false, true]) {
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const { data } = await agent.com.atproto.repo.listRecords({
        repo: pod.did,
        collection,
        limit: 10,
        reverse,
        ...(cursor !== undefined && { cursor }),
      })
      seen.push(...data.records.map(({ uri }) => uri.split('/').at(-1)!))
      cursor = data.records.length > 0 ? data.cursor : undefined
    } while (cursor !== undefined)
    expect(seen).toEqual(reverse ? written : written.toReversed())
  }
})

test('describeRepo names the collections that have records', async ({ pod }) => {
  const agent = await pod.agent()
  await pod.post('so that there is one')
  const { data } = await agent.com.atproto.repo.describeRepo({ repo: pod.handle })
  expect(data).toMatchObject({ did: pod.did, handle: pod.handle, handleIsCorrect: true })
  expect(data.collections).toContain(POST)
})

test('what the pod does not have yet answers 501 in the right shape, with CORS', async ({ pod }) => {
  const answer = await pod.query('com.atproto.admin.getAccountInfo', { did: pod.did })
  expect(answer.status).toBe(501)
  expect(await answer.json()).toMatchObject({ error: 'MethodNotImplemented', message: expect.any(String) })
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
})
