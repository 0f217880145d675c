/** Rooms that speak the protocol in their own way: the pod ends the connection or ignores what they say, writes nothing wrong, and keeps nothing of it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../wire/codec.ts'
import type { RoomFrame } from '../../wire/frames.ts'
import { CHUNK_BYTES, MAX_IN_FLIGHT, MAX_MESSAGE_BYTES, STREAM_WINDOW_BYTES } from '../../wire/limits.ts'
import { mirrorAt, ScriptedRoom, SmallPod, until } from './testing.ts'

const joined = async (): Promise<{ pod: SmallPod; room: ScriptedRoom }> => {
  const pod = new SmallPod()
  pod.land()
  const room = new ScriptedRoom(pod)
  await room.join(mirrorAt(1), 1)
  return { pod, room }
}
const closedBy = (room: ScriptedRoom): unknown => room.words.find((word) => 'close' in word)
describe('a hostile room', () => {
  it('may say anything in any order: the session ends, or nothing happens', async () => {
    const id = fc.oneof(fc.constantFrom(1, 2), fc.maxSafeNat(), fc.integer())
    const number = fc.oneof(fc.maxSafeNat(), fc.constantFrom(-1, 2 ** 53, 0.5))
    const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'x'.repeat(70_000)))
    const of = fc.constantFrom('request', 'response', 'blob', 'snapshot', 'repair', 'egress-request', 'egress-response', 'x')
    const frame = fc.oneof(
      fc.record({
        t: fc.constantFrom('request'),
        id,
        key: name,
        method: fc.constantFrom('GET', 'POST', 'TRACE', ' '),
        path: fc.oneof(name, fc.constantFrom('//evil.example/', '/x', '\\\\', '@evil')),
        headers: fc.array(fc.tuple(name, name)),
        body: fc.constantFrom('none', 'whole', 'stream'),
        retry: fc.boolean(),
      }),
      fc.record({ t: fc.constantFrom('body'), of, id, end: fc.boolean() }),
      fc.record({ t: fc.constantFrom('credit'), of, id, bytes: number }),
      fc.record({ t: fc.constantFrom('cancel'), of, id, reason: name }),
      fc.record({ t: fc.constantFrom('accepted', 'rejected'), event: number, seq: number, error: name, message: name }),
      fc.record({ t: fc.constantFrom('want', 'blobs-wanted'), id, cids: fc.array(name) }),
      fc.record({
        t: fc.constantFrom('blob-stored', 'blob-refused', 'snapshot-stored', 'snapshot-refused'),
        cid: name,
        error: name,
        message: name,
        head: fc.record({ rev: name, commit: name, data: name }),
      }),
      fc.record({
        t: fc.constantFrom('fetched', 'unfetched', 'mailed'),
        id,
        status: number,
        headers: fc.array(fc.tuple(name, name)),
        body: fc.constantFrom('none', 'whole', 'stream'),
        error: name,
        message: name,
      }),
      fc.record({ t: fc.constantFrom('welcome', 'challenge', 'released', 'seen', 'relays', 'constructor') }),
      fc.anything(),
    )
    const message = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.tuple(frame, fc.uint8Array({ maxLength: 300 })).map(([head, payload]) => encodeFrame(head as RoomFrame, payload)),
      },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 10 }), async (messages) => {
        const { pod, room } = await joined()
        const { acknowledgedEvent, rows } = pod
        for (const bytes of messages) room.session.receive(bytes.slice().buffer)
        await new Promise((resolve) => setTimeout(resolve))
        room.session.close()
        expect([pod.acknowledgedEvent, pod.rows, pod.adopted]).toEqual([acknowledgedEvent, rows, null])
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  it('cannot have the pod believe that events are safe which it never sent', async () => {
    const { room } = await joined()
    room.say({ t: 'accepted', event: 1_000_000, seq: 1 })
    expect(closedBy(room)).toEqual({ close: 'BadFrame' })
  })

  it('cannot use a number twice while it is in use', async () => {
    const { pod, room } = await joined()
    pod.answer = () => new Promise(() => {})
    room.request(1)
    room.request(1)
    expect(closedBy(room)).toEqual({ close: 'BadFrame' })
  })

  it('cannot make the pod hold requests without end', async () => {
    const { pod, room } = await joined()
    pod.answer = () => new Promise(() => {})
    for (let id = 1; id <= 2 * MAX_IN_FLIGHT + 1; id += 1) room.request(id)
    expect(closedBy(room)).toEqual({ close: 'BadFrame' })
  })

  it('cannot make the pod hold a body whole, or more than a window of it', async () => {
    const { pod, room } = await joined()
    pod.answer = () => new Promise(() => {})
    room.request(1, { method: 'POST', body: 'stream' })
    for (let sent = 0; sent <= STREAM_WINDOW_BYTES; sent += CHUNK_BYTES)
      room.say({ t: 'body', of: 'request', id: 1, end: false }, new Uint8Array(CHUNK_BYTES))
    expect(closedBy(room)).toEqual({ close: 'BadFrame' })
  })

  it('cannot make the pod send without end by crediting what it never got', async () => {
    const { pod, room } = await joined()
    pod.answer = () =>
      new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(CHUNK_BYTES)) }), {
        headers: { 'content-type': 'video/mp4' },
      })
    room.request(1)
    await until(() => room.all('body').length > 0)
    room.say({ t: 'credit', of: 'response', id: 1, bytes: Number.MAX_SAFE_INTEGER })
    expect(closedBy(room)).toEqual({ close: 'BadFrame' })
  })

  it('cannot send a message that is too large', async () => {
    const { room } = await joined()
    room.session.receive(new ArrayBuffer(MAX_MESSAGE_BYTES + 1))
    expect(closedBy(room)).toEqual({ close: 'BadFrame' })
  })

  it.each(['@evil.example/', '.evil.example/', ':1/', '\\\\evil.example', ''])(
    'cannot make the pod speak for another origin by a path like "%s"',
    async (path) => {
      const { room } = await joined()
      room.request(1, { path })
      expect(closedBy(room)).toEqual({ close: 'BadFrame' })
    },
  )

  it('nor by one that looks like a host', async () => {
    const { pod, room } = await joined()
    const asked = new Promise<string>((resolve) => {
      pod.answer = ({ url }) => {
        resolve(url)
        return Response.json({})
      }
    })
    room.request(1, { path: '//evil.example/x' })
    expect(await asked).toBe(`${pod.identity.origin}//evil.example/x`)
  })
})
