import { request } from 'node:http'
import { expect, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'bad-input' })

const CREATE = 'com.atproto.repo.createRecord'
const GET = 'com.atproto.repo.getRecord'
const post = (fields: object = {}) => ({ $type: POST, text: 'fine', createdAt: new Date().toISOString(), ...fields })

/** Status and body; the body of every refusal is `{error, message}`, and readable from other origins. */
const refusal = async (answer: Response): Promise<{ status: number; error: string }> => {
  const body = (await answer.json()) as { error: string; message: string }
  expect(body).toEqual({ error: expect.any(String), message: expect.any(String) })
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  return { status: answer.status, error: body.error }
}

test('malformed JSON is 400 InvalidRequest', async ({ pod }) => {
  for (const body of ['{"repo":', 'null', '"text"', '[]', '{} {}', '\u0000', '{"repo":"\\ud800"}']) {
    expect(await refusal(await pod.procedure(CREATE, body)), body).toEqual({ status: 400, error: 'InvalidRequest' })
  }
})

test('bytes that are not UTF-8 are no record', async ({ pod }) => {
  const body = Buffer.concat([Buffer.from('{"repo":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])
  expect((await refusal(await pod.procedure(CREATE, body))).status).toBe(400)
})

test('a missing body and another content type are 400', async ({ pod }) => {
  expect((await refusal(await pod.procedure(CREATE, undefined))).status).toBe(400)
  expect((await refusal(await pod.procedure(CREATE, '{}', { 'content-type': 'text/plain' }))).status).toBe(400)
})

test('fields of the wrong type are 400 InvalidRequest', async ({ pod }) => {
  const good = { repo: pod.did, collection: POST, record: post() }
  for (const bad of [
    { ...good, repo: 7 },
    { ...good, collection: null },
    { ...good, record: 'text' },
    { ...good, record: [] },
    { ...good, rkey: 1 },
    { ...good, validate: 'yes' },
    { ...good, swapCommit: 'not-a-cid' },
    { repo: pod.did, collection: POST },
  ]) {
    expect(await refusal(await pod.procedure(CREATE, JSON.stringify(bad))), JSON.stringify(bad)).toEqual({
      status: 400,
      error: 'InvalidRequest',
    })
  }
})

test('records that break their lexicon or the data model are refused', async ({ pod }) => {
  for (const record of [
    post({ text: 12 }),
    post({ createdAt: 'yesterday' }),
    post({ text: 'x'.repeat(3001) }),
    post({ $type: 'app.bsky.feed.like' }),
    post({ embed: { $type: 'app.bsky.embed.images', images: [{ image: { cid: 'bafkreib', mimeType: 'image/png' }, alt: '' }] } }),
    post({ ratio: 0.5 }),
  ]) {
    const { status, error } = await refusal(await pod.procedure(CREATE, JSON.stringify({ repo: pod.did, collection: POST, record })))
    expect([status, ['InvalidRequest', 'InvalidRecord'].includes(error)], JSON.stringify(record)).toEqual([400, true])
  }
})

test('an unknown collection is taken as it is, unless validation is asked for', async ({ pod }) => {
  const body = { repo: pod.did, collection: 'com.example.unknown', record: { $type: 'com.example.unknown', any: 'thing' } }
  const taken = await pod.procedure(CREATE, JSON.stringify(body))
  expect(taken.status).toBe(200)
  expect(await taken.json()).toMatchObject({ validationStatus: 'unknown' })
  expect((await refusal(await pod.procedure(CREATE, JSON.stringify({ ...body, validate: true })))).status).toBe(400)
})

test('invalid collections and record keys are 400', async ({ pod }) => {
  for (const collection of ['', 'post', 'app.bsky', 'app..post', 'app.bsky.feed.post/x', '-a.b.c']) {
    const body = { repo: pod.did, collection, record: { $type: collection } }
    expect((await refusal(await pod.procedure(CREATE, JSON.stringify(body)))).status, collection).toBe(400)
  }
  for (const rkey of ['.', '..', 'a/b', 'a b', '', 'é', 'x'.repeat(513)]) {
    const body = { repo: pod.did, collection: 'com.example.any', rkey, record: { $type: 'com.example.any' } }
    expect((await refusal(await pod.procedure(CREATE, JSON.stringify(body)))).status, rkey).toBe(400)
  }
  const notTid = { repo: pod.did, collection: POST, rkey: 'not-a-tid', record: post(), validate: true }
  expect((await refusal(await pod.procedure(CREATE, JSON.stringify(notTid)))).status).toBe(400)
})

test('invalid handles, DIDs and CIDs in parameters are 400, open and closed', async ({ pod }) => {
  const bad: ReadonlyArray<readonly [string, Record<string, string>]> = [
    ['com.atproto.identity.resolveHandle', { handle: 'not a handle' }],
    ['com.atproto.identity.resolveHandle', {}],
    ['com.atproto.sync.getRepo', { did: 'did:web:' }],
    ['com.atproto.sync.getRepo', { did: 'alice' }],
    ['com.atproto.sync.getRepo', {}],
    ['com.atproto.sync.getLatestCommit', { did: 'did:web:somebody.else.example' }],
    ['com.atproto.sync.getBlob', { did: pod.did, cid: 'xyz' }],
    ['com.atproto.sync.getBlob', { did: pod.did, cid: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' }],
    ['com.atproto.sync.getBlocks', { did: pod.did, cids: 'xyz' }],
    ['com.atproto.sync.getBlocks', { did: pod.did, cids: 'bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' }],
    ['com.atproto.sync.getRecord', { did: pod.did, collection: 'x', rkey: 'y' }],
    [GET, { repo: pod.did, collection: POST, rkey: 'a/b' }],
    [GET, { repo: pod.did, collection: POST }],
    ['com.atproto.repo.listRecords', { repo: pod.did, collection: POST, limit: '0' }],
    ['com.atproto.repo.listRecords', { repo: pod.did, collection: POST, limit: '101' }],
    ['com.atproto.repo.listRecords', { repo: pod.did, collection: POST, limit: 'many' }],
    ['com.atproto.repo.describeRepo', { repo: 'did:plc:not' }],
  ]
  for (const [nsid, params] of bad)
    expect((await refusal(await pod.query(nsid, params))).status, `${nsid} ${JSON.stringify(params)}`).toBe(400)
  await pod.close()
  for (const [nsid, params] of bad) {
    expect((await refusal(await pod.query(nsid, params))).status, `closed: ${nsid} ${JSON.stringify(params)}`).toBe(400)
  }
  await pod.reopen()
})

test('the wrong verb is 405, an unknown method 501, a name that is none 400', async ({ pod }) => {
  const refused = await pod.room.request(`/xrpc/${CREATE}`)
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST'])
  expect((await refusal(await pod.query('com.example.nothing'))).status).toBe(501)
  expect((await refusal(await pod.query('nothing'))).status).toBe(400)
})

test('a wrong password is 401 AuthenticationRequired, for a known and an unknown name alike', async ({ pod }) => {
  for (const identifier of [pod.handle, 'nobody.test']) {
    const answer = await pod.room.request('/xrpc/com.atproto.server.createSession', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ identifier, password: 'wrong' }),
    })
    expect(await refusal(answer)).toEqual({ status: 401, error: 'AuthenticationRequired' })
  }
  await pod.signIn()
})

test('writing without a token, or with one that is forged, is refused', async ({ pod }) => {
  const body = JSON.stringify({ repo: pod.did, collection: POST, record: post() })
  const headers = { 'content-type': 'application/json' }
  const anonymous = await pod.room.request(`/xrpc/${CREATE}`, { method: 'POST', headers, body })
  expect(await refusal(anonymous)).toEqual({ status: 401, error: 'AuthMissing' })
  const [head, payload] = (await pod.token()).split('.')
  const unsigned = `${Buffer.from('{"typ":"at+jwt","alg":"none"}').toString('base64url')}.${payload}.`
  for (const token of ['x', `${head}.${payload}.AAAA`, unsigned, (await pod.agent()).session!.refreshJwt]) {
    expect(await refusal(await pod.procedure(CREATE, body, { authorization: `Bearer ${token}` }))).toEqual({
      status: 400,
      error: 'InvalidToken',
    })
  }
})

test("nobody writes into another's repo", async ({ pod }) => {
  const answer = await pod.procedure(CREATE, JSON.stringify({ repo: 'did:web:bank.example', collection: POST, record: post() }))
  expect([400, 403]).toContain((await refusal(answer)).status)
})

test('a JSON body or a record that is too large is refused with 413 or 400, and the pod goes on', async ({ pod }) => {
  const create = (text: string) =>
    pod.procedure(CREATE, JSON.stringify({ repo: pod.did, collection: 'com.example.big', record: { $type: 'com.example.big', text } }))
  expect((await refusal(await create('x'.repeat(5_000_000)))).status).toBe(413)
  expect([400, 413]).toContain((await refusal(await create('x'.repeat(1_500_000)))).status)
  expect(await pod.post('still here')).toBeTruthy()
})

test('a blob that declares more than the limit is refused before it is sent', async ({ pod }) => {
  const token = await pod.token()
  const { port } = new URL(pod.url)
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const upload = request({
      host: 'localhost',
      port,
      path: '/xrpc/com.atproto.repo.uploadBlob',
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream', 'content-length': 200 * 1024 * 1024 },
    })
    upload.on('response', (answer) => {
      resolve(answer.statusCode)
      upload.destroy()
    })
    upload.on('error', reject)
    upload.write(Buffer.alloc(1024))
  })
  expect(status).toBe(413)
})

test('more than 200 writes at once are refused', async ({ pod }) => {
  const writes = Array.from({ length: 201 }, () => ({
    $type: 'com.atproto.repo.applyWrites#create',
    collection: 'com.example.many',
    value: { $type: 'com.example.many' },
  }))
  expect((await refusal(await pod.procedure('com.atproto.repo.applyWrites', JSON.stringify({ repo: pod.did, writes })))).status).toBe(400)
})
