import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import * as createRecord from '../../lexicons/com/atproto/repo/createRecord.ts'
import * as listRecords from '../../lexicons/com/atproto/repo/listRecords.ts'
import * as uploadBlob from '../../lexicons/com/atproto/repo/uploadBlob.ts'
import * as deleteSession from '../../lexicons/com/atproto/server/deleteSession.ts'
import * as getBlocks from '../../lexicons/com/atproto/sync/getBlocks.ts'
import { notImplemented, XrpcError } from '../../wire/errors.ts'
import { MAX_JSON_BODY_BYTES } from '../../wire/limits.ts'
import { makeRouter, route } from './router.ts'

const CID = 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a'
const echo = (value: unknown) => Response.json(value)
const keyHolder = (request: Request): { readonly did: string } => {
  if (!request.headers.has('authorization')) throw new XrpcError(401, 'AuthMissing', 'Authentication Required')
  return { did: 'did:web:example.com' }
}
const router = makeRouter(
  [
    route(createRecord.main, keyHolder, ({ input, key }) => echo({ ...input, key })),
    route(
      listRecords.main,
      () => null,
      ({ params }) => echo(params),
    ),
    route(
      getBlocks.main,
      () => null,
      ({ params }) => echo(params),
    ),
    route(
      uploadBlob.main,
      () => null,
      async ({ input }) => echo({ text: await input.text() }),
    ),
    route(
      deleteSession.main,
      () => null,
      () => undefined,
    ),
  ],
  (nsid) => Promise.reject(notImplemented(nsid)),
)

const call = (nsid: string, query = '', init?: RequestInit, key?: string) =>
  router(nsid, new Request(`http://localhost:1999/xrpc/${nsid}${query}`, init), key)
const json = { 'content-type': 'application/json', authorization: 'Bearer x' }
const record = { repo: 'alice.test', collection: 'app.bsky.feed.post', record: { text: 'hi' } }
const create = (body: BodyInit, headers: Record<string, string> = json) =>
  call('com.atproto.repo.createRecord', '', { method: 'POST', headers, body })
const invalid = (...words: string[]) => ({
  status: 400,
  error: 'InvalidRequest',
  message: expect.stringMatching(new RegExp(words.map((word) => `(?=.*${word})`).join(''), 's')),
})

test('valid input, its key, and defaults reach the handler', async () => {
  const headers = { ...json, 'content-type': 'Application/JSON; charset=utf-8' }
  const init = { method: 'POST', headers, body: JSON.stringify(record) }
  expect(await (await call('com.atproto.repo.createRecord', '', init, 'k1')).json()).toEqual({ ...record, key: 'k1' })
  const listed = await call('com.atproto.repo.listRecords', '?repo=alice.test&collection=a.b.c&reverse=true')
  expect(await listed.json()).toEqual({ repo: 'alice.test', collection: 'a.b.c', reverse: true, limit: 50 })
})

test('an array is a repeated key, also when it has one item', async () => {
  const one = await call('com.atproto.sync.getBlocks', `?did=did:web:a.com&cids=${CID}`)
  expect(await one.json()).toEqual({ did: 'did:web:a.com', cids: [CID] })
  const two = await call('com.atproto.sync.getBlocks', `?did=did:web:a.com&cids=${CID}&cids=${CID}`)
  expect((await two.json()).cids).toEqual([CID, CID])
})

test('binary input is handed on unread, with any type', async () => {
  const response = await call('com.atproto.repo.uploadBlob', '', { method: 'POST', headers: { 'content-type': 'image/png' }, body: 'png' })
  expect(await response.json()).toEqual({ text: 'png' })
})

test('HEAD works like GET, and an empty answer is 200', async () => {
  const query = '?repo=alice.test&collection=a.b.c'
  expect((await call('com.atproto.repo.listRecords', query, { method: 'HEAD' })).status).toBe(200)
  const signedOut = await call('com.atproto.server.deleteSession', '', { method: 'POST' })
  expect([signedOut.status, await signedOut.text()]).toEqual([200, ''])
})

test('only answers that depend on the caller are marked private', async () => {
  expect((await create(JSON.stringify(record))).headers.get('cache-control')).toBe('private')
  const open = await call('com.atproto.repo.listRecords', '?repo=alice.test&collection=a.b.c')
  expect(open.headers.has('cache-control')).toBe(false)
})

test.each([
  ['com.atproto.repo.createRecord', 'GET', 'POST'],
  ['com.atproto.repo.listRecords', 'POST', 'GET, HEAD'],
  ['com.atproto.repo.listRecords', 'DELETE', 'GET, HEAD'],
])('%s by %s is 405 and says what it takes', async (nsid, method, allow) => {
  await expect(call(nsid, '', { method })).rejects.toMatchObject({ status: 405, error: 'InvalidRequest', headers: { allow } })
})

test.each(['app.bsky.feed.getTimeline', 'com.atproto.sync.subscribeRepos', 'com.example.unheardOf'])('%s is 501', async (nsid) => {
  await expect(call(nsid)).rejects.toMatchObject({ status: 501, error: 'MethodNotImplemented' })
})

test.each(['createRecord', 'com.atproto', '..', 'com.atproto.repo.', 'a b.c.d', 'com.atproto.repo.create-record'])(
  '%j is no NSID',
  async (nsid) => {
    await expect(router(nsid, new Request('http://localhost:1999/xrpc/x'))).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  },
)

test.each([
  ['a missing parameter', '?repo=alice.test', 'collection'],
  ['an invalid at-identifier', '?repo=al!ce&collection=a.b.c', 'repo'],
  ['an invalid DID', '?repo=did:WEB:&collection=a.b.c', 'repo'],
  ['an invalid NSID', '?repo=alice.test&collection=abc', 'collection'],
  ['text where a number belongs', '?repo=alice.test&collection=a.b.c&limit=ten', 'limit'],
  ['a number out of range', '?repo=alice.test&collection=a.b.c&limit=101', 'limit'],
  ['neither true nor false', '?repo=alice.test&collection=a.b.c&reverse=1', 'reverse'],
  ['two where one belongs', '?repo=alice.test&repo=bob.test&collection=a.b.c', 'repo'],
])('%s is refused by name', async (_, query, field) => {
  await expect(call('com.atproto.repo.listRecords', query)).rejects.toMatchObject(invalid('com.atproto.repo.listRecords params', field))
})

test('a CID that is none is refused by name', async () => {
  await expect(call('com.atproto.sync.getBlocks', '?did=did:web:a.com&cids=nonsense')).rejects.toMatchObject(invalid('cids'))
})

test.each([
  ['broken JSON', '{"repo":', ['JSON']],
  ['an array', '[]', ['input']],
  ['null', 'null', ['input']],
  ['a missing field', JSON.stringify({ repo: 'alice.test', record: {} }), ['collection']],
  ['a wrong type', JSON.stringify({ ...record, validate: 'yes' }), ['validate']],
  ['a record that is no object', JSON.stringify({ ...record, record: 'text' }), ['record']],
  ['an invalid rkey', JSON.stringify({ ...record, rkey: 'a/b' }), ['rkey']],
  ['an invalid collection', JSON.stringify({ ...record, collection: 'nope' }), ['collection']],
  ['an invalid repo', JSON.stringify({ ...record, repo: 'a b' }), ['repo']],
  ['an invalid swapCommit', JSON.stringify({ ...record, swapCommit: 'nope' }), ['swapCommit']],
  ['a float', JSON.stringify({ ...record, record: { x: 1.5 } }), ['1.5']],
  ['a link that is none', JSON.stringify({ ...record, record: { x: { $link: 'nope' } } }), ['link']],
  ['a prototype', '{"record":{"__proto__":{}}}', ['__proto__']],
  ['a very deep value', '['.repeat(200_000) + ']'.repeat(200_000), []],
])('%s in the body is refused', async (_, body, words) => {
  await expect(create(body)).rejects.toMatchObject(invalid(...words))
})

test('no body, an unexpected body, and a wrong or missing type are refused', async () => {
  const post = { method: 'POST', headers: json }
  await expect(call('com.atproto.repo.createRecord', '', post)).rejects.toMatchObject(invalid('body is expected'))
  await expect(call('com.atproto.server.deleteSession', '', { method: 'POST', body: '{}' })).rejects.toMatchObject(
    invalid('none was expected'),
  )
  await expect(create(JSON.stringify(record), { ...json, 'content-type': 'text/plain' })).rejects.toMatchObject(invalid('text/plain'))
  await expect(create(new Uint8Array([1]), { authorization: 'x' })).rejects.toMatchObject(invalid('none'))
})

test('a compressed body is read as what it holds, or refused rather than misread', async () => {
  const gzipped = { ...json, 'content-encoding': 'gzip' }
  const body = gzipSync(JSON.stringify(record))
  expect((await create(body, { ...gzipped, 'content-length': String(body.length) })).status).toBe(200)
  await expect(create('no gzip', gzipped)).rejects.toMatchObject(invalid('could not be read'))
  const bomb = gzipSync(Buffer.alloc(MAX_JSON_BODY_BYTES + 1, 32))
  await expect(create(bomb, { ...gzipped, 'content-length': String(bomb.length) })).rejects.toMatchObject({ status: 413 })
  await expect(create('x', { ...json, 'content-encoding': 'br' })).rejects.toMatchObject({ status: 415, error: 'UnsupportedMediaType' })
})

test('what is said to one client, refusals included, is not for caches', async () => {
  const refused = await create('{}').catch((cause: unknown) => cause)
  expect((refused as XrpcError).headers).toMatchObject({ 'cache-control': 'private', vary: 'authorization' })
  const open = await call('com.atproto.repo.listRecords', '').catch((cause: unknown) => cause)
  expect((open as XrpcError).headers).toEqual({})
})

test('whoever may not call learns that before the body is looked at', async () => {
  await expect(create('{"broken', { 'content-type': 'application/json' })).rejects.toMatchObject({ status: 401, error: 'AuthMissing' })
})

test('a body too large is refused by what it declares, and by what comes', async () => {
  const declared = { ...json, 'content-length': String(MAX_JSON_BODY_BYTES + 1) }
  await expect(create('{}', declared)).rejects.toMatchObject({ status: 413, error: 'PayloadTooLarge' })
  let pulled = 0
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled += 1
      controller.enqueue(new Uint8Array(64 * 1024))
    },
  })
  const init = { method: 'POST', headers: json, body: endless, duplex: 'half' }
  await expect(call('com.atproto.repo.createRecord', '', init)).rejects.toMatchObject({ status: 413, error: 'PayloadTooLarge' })
  expect(pulled).toBeLessThan(MAX_JSON_BODY_BYTES / (64 * 1024) + 4)
})
