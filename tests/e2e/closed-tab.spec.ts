import { makePng } from '../../scripts/picture.ts'
import { fetchVerifiedRepo } from '../../scripts/witness.ts'
import { expect, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'closed-tab' })

test('while the tab is closed every public read answers as it did while it was open', async ({ pod }) => {
  const agent = await pod.agent()
  const picture = makePng(48)
  const { data } = await agent.uploadBlob(picture, { encoding: 'image/png' })
  await agent.post({ text: 'with a picture', embed: { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] } })
  const rkey = await pod.post('read me later')
  const { did } = pod
  const { cid: commit } = (await (await pod.query('com.atproto.sync.getLatestCommit', { did })).json()) as { cid: string }
  const cid = data.blob.ref.toString()

  const paths = [
    '/.well-known/did.json',
    '/.well-known/atproto-did',
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/.well-known/jwks.json',
    '/oauth/jwks',
    ...[
      ['com.atproto.server.describeServer', {}],
      ['com.atproto.identity.resolveHandle', { handle: pod.handle }],
      ['com.atproto.repo.describeRepo', { repo: did }],
      ['com.atproto.repo.getRecord', { repo: did, collection: POST, rkey }],
      ['com.atproto.repo.getRecord', { repo: pod.handle, collection: POST, rkey }],
      ['com.atproto.repo.getRecord', { repo: did, collection: POST, rkey: 'not-there' }],
      ['com.atproto.repo.listRecords', { repo: did, collection: POST }],
      ['com.atproto.sync.getRepo', { did }],
      ['com.atproto.sync.getRecord', { did, collection: POST, rkey }],
      ['com.atproto.sync.getRecord', { did, collection: POST, rkey: 'not-there' }],
      ['com.atproto.sync.getBlocks', { did, cids: commit }],
      ['com.atproto.sync.getLatestCommit', { did }],
      ['com.atproto.sync.getRepoStatus', { did }],
      ['com.atproto.sync.listRepos', {}],
      ['com.atproto.sync.listBlobs', { did }],
      ['com.atproto.sync.getBlob', { did, cid }],
    ].map(([nsid, params]) => `/xrpc/${nsid as string}?${new URLSearchParams(params as Record<string, string>).toString()}`),
  ]
  const readAll = () =>
    Promise.all(
      paths.map(async (path) => {
        const answer = await pod.room.request(path)
        return {
          path,
          status: answer.status,
          type: answer.headers.get('content-type'),
          body: Buffer.from(await answer.arrayBuffer()).toString('base64'),
        }
      }),
    )

  const open = await readAll()
  for (const { path, status } of open) expect(status, path).toBe(path.includes('repo.getRecord') && path.includes('not-there') ? 400 : 200)
  await pod.close()
  expect(await readAll()).toEqual(open)

  const health = await pod.query('_health')
  expect(health.status).toBe(200)
  const repo = await fetchVerifiedRepo(pod.url, did)
  expect(repo.creates.map((record) => record.rkey)).toContain(rkey)
})

test('while the tab is closed writes and sign-ins answer 503 with a reason and Retry-After', async ({ pod }) => {
  await pod.agent()
  await pod.close()
  const record = { repo: pod.did, collection: POST, record: { $type: POST, text: 'nobody home', createdAt: new Date().toISOString() } }
  for (const [nsid, body] of [
    ['com.atproto.repo.createRecord', JSON.stringify(record)],
    ['com.atproto.server.createSession', JSON.stringify({ identifier: pod.handle, password: pod.password })],
    ['com.atproto.repo.uploadBlob', 'some bytes'],
  ] as const) {
    const answer = await pod.procedure(nsid, body)
    expect(answer.status, nsid).toBe(503)
    expect(Number(answer.headers.get('retry-after')), nsid).toBeGreaterThan(0)
    expect(answer.headers.get('access-control-allow-origin'), nsid).toBe('*')
    expect(await answer.json()).toMatchObject({ error: expect.any(String), message: expect.any(String) })
  }
})

test('an opened tab is the same pod again: same keys, same session, writable', async ({ pod }) => {
  await pod.agent()
  const document = await (await pod.room.request('/.well-known/did.json')).text()
  await pod.close()
  await pod.reopen()
  expect(await (await pod.room.request('/.well-known/did.json')).text()).toBe(document)
  const rkey = await pod.post('back again')
  expect((await pod.posts()).map((post) => post.rkey)).toContain(rkey)
})
