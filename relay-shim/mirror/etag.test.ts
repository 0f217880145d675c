import { expect, test } from 'vitest'
import { Firehose } from '../firehose/firehose.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { create, DID, SigningPod } from '../testing/signing-pod.ts'
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
