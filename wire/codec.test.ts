import { describe, expect, test } from 'vitest'
import { BadFrame, decodeMessage, encodeFrame, joinFrames } from './codec.ts'
import { parseRoomFrame, parseTabFrame } from './frames.ts'
import { MAX_MESSAGE_BYTES } from './limits.ts'

const challenge = { t: 'challenge', host: 'alice.example', nonce: 'n', bound: false, policy: 'open' } as const
/** The only frame of a message. */
const decodeFrame = <Head>(message: Uint8Array, parse: (value: unknown) => Head) => {
  const frames = [...decodeMessage(message, parse)]
  expect(frames).toHaveLength(1)
  return frames[0]!
}
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('a frame', () => {
  test('comes back as it was sent, payload included', () => {
    const sent = { t: 'response', id: 7, status: 200, headers: [['content-type', 'image/png']], body: 'whole' }
    const { head, payload } = decodeFrame(encodeFrame(sent, bytes(0, 255, 10)), parseTabFrame)
    expect(head).toEqual(sent)
    expect([...payload]).toEqual([0, 255, 10])
  })

  test('is read from the middle of a larger buffer', () => {
    const frame = encodeFrame(challenge)
    const larger = new Uint8Array(frame.length + 9)
    larger.set(frame, 5)
    expect(decodeFrame(larger.subarray(5, 5 + frame.length), parseRoomFrame).head).toEqual(challenge)
  })

  test.each([
    ['an empty message', bytes()],
    ['a length field that is cut off', bytes(0, 0, 1)],
    ['a head longer than the message', bytes(0, 0, 0, 9, 0, 0, 0, 0, 123, 125)],
    ['a payload longer than the message', bytes(0, 0, 0, 2, 0, 0, 0, 1, 123, 125)],
    ['a head of 4 GiB', bytes(255, 255, 255, 255, 0, 0, 0, 0, 123, 125)],
    ['a head that is no JSON', bytes(0, 0, 0, 2, 0, 0, 0, 0, 123, 123)],
    ['a head that is no UTF-8', bytes(0, 0, 0, 1, 0, 0, 0, 0, 255)],
    ['a message above the limit', new Uint8Array(MAX_MESSAGE_BYTES + 1)],
  ])('is refused when it is %s', (_, frame) => {
    expect(() => decodeFrame(frame, parseRoomFrame)).toThrow(BadFrame)
  })

  test.each([
    ['an unknown type', { t: 'sudo' }],
    ['a missing field', { t: 'cancel', of: 'request', id: 1 }],
    ['a stream number that is no whole number', { t: 'cancel', of: 'request', id: 1.5, reason: '' }],
    ['a status that HTTP does not have', { t: 'response', id: 1, status: 42, headers: [], body: 'none' }],
    ['an event larger than the firehose allows', { t: 'event', event: 1, size: 5_000_001 }],
    ['a frame only the room may send', challenge],
  ])('from a tab is refused for %s', (_, head) => {
    expect(() => decodeFrame(encodeFrame(head), parseTabFrame)).toThrow(BadFrame)
  })
})

describe('a message', () => {
  const cancel = { t: 'cancel', of: 'request', id: 1, reason: 'gone' } as const

  test('of several frames is read in the order they were sent', () => {
    const message = joinFrames([encodeFrame(challenge), encodeFrame(cancel, bytes(1)), encodeFrame(challenge, bytes(2, 3))])
    const frames = [...decodeMessage(message, parseRoomFrame)]
    expect(frames.map(({ head, payload }) => `${head.t} ${payload}`)).toEqual(['challenge ', 'cancel 1', 'challenge 2,3'])
  })

  test('counts up to the frame that is broken', () => {
    const frames = decodeMessage(joinFrames([encodeFrame(challenge), bytes(0, 0, 0, 9) as Uint8Array<ArrayBuffer>]), parseRoomFrame)
    expect(frames.next().value?.head).toEqual(challenge)
    expect(() => frames.next()).toThrow(BadFrame)
  })
})
