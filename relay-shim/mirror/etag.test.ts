import { expect, test } from 'vitest'
import { Firehose } from '../firehose/firehose.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { create, DID, SigningPod, update } from '../testing/signing-pod.ts'
import { unlessKnown } from './etag.ts'
import { Mirror } from './mirror.ts'

test.each([
  ['"a"', 304],
  ['W/"a"', 304],
  ['"b", "a"', 304],
  ['*', 304],
  ['"b"', 200],
  ['a', 200],
])('of a client that has %s: %d', async (known, status) => {
  const request = new Request('https://pod.example', { headers: { 'if-none-match': known } })
  const response = await unlessKnown(request, 'a', () => new Response('it'))
  expect([response.status, response.headers.get('etag')]).toEqual([status, '"a"'])
})

test.each(['getRepo', 'getLatestCommit'])('%s is not sent to who has it, until the next commit', async (name) => {
  const port = new MemoryPort()
  const [mirror, pod] = [await Mirror.open(port, await Firehose.open(port)), await SigningPod.create()]
  await mirror.bind(pod.identity())
  await mirror.accept(...pod.next(await pod.begin()))
  const ask = async (headers: Record<string, string> = {}) => {
    const request = new Request(`https://pod.example/xrpc/com.atproto.sync.${name}?did=${DID}`, { headers })
    return (await mirror.answer(request, { online: true, seenAt: 0 }))!
  }
  const etag = (await ask()).headers.get('etag') ?? ''
  const again = await ask({ 'if-none-match': etag })
  expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, null, etag])
  await mirror.accept(...pod.next(await pod.write([create('a.b.c', 'k', { text: 'newer' })])))
  expect((await ask({ 'if-none-match': etag })).status).toBe(200)
})

test('a record is not sent to who has it, however often the repo changes, and a page of them until it does', async () => {
  const port = new MemoryPort()
  const [mirror, pod] = [await Mirror.open(port, await Firehose.open(port)), await SigningPod.create()]
  await mirror.bind(pod.identity())
  await mirror.accept(...pod.next(await pod.begin()))
  await mirror.accept(...pod.next(await pod.write([create('a.b.c', 'k', { text: 'one' })])))
  const paths = {
    record: `repo.getRecord?repo=${DID}&collection=a.b.c&rkey=k`,
    page: `repo.listRecords?repo=${DID}&collection=a.b.c`,
    proof: `sync.getRecord?did=${DID}&collection=a.b.c&rkey=k`,
  }
  const ask = async (path: string, known?: string) => {
    const headers: Record<string, string> = known === undefined ? {} : { 'if-none-match': known }
    return (await mirror.answer(new Request(`https://pod.example/xrpc/com.atproto.${path}`, { headers }), { online: true, seenAt: 0 }))!
  }
  const tags = Object.fromEntries(
    await Promise.all(Object.entries(paths).map(async ([of, path]) => [of, (await ask(path)).headers.get('etag') ?? ''])),
  )
  const statuses = async () =>
    Object.fromEntries(await Promise.all(Object.entries(paths).map(async ([of, path]) => [of, (await ask(path, tags[of])).status])))
  expect(await statuses()).toEqual({ record: 304, page: 304, proof: 304 })
  await mirror.accept(...pod.next(await pod.write([create('a.b.c', 'l', { text: 'two' })])))
  expect(await statuses()).toEqual({ record: 304, page: 200, proof: 200 })
  await mirror.accept(...pod.next(await pod.write([update('a.b.c', 'k', { text: 'three' })])))
  expect(await statuses()).toEqual({ record: 200, page: 200, proof: 200 })
})
