/**
 * A message on the uplink is one frame or several, one behind the other: `u32 big-endian length of the head | u32 length of the payload | head as UTF-8 JSON | payload`.
 * JSON for the head because parsing it is native in every engine; raw bytes for the payload because base64 made a 1 MiB body 17 times slower.
 * Several in one message because a message costs the room, the page and the browser's network process more than what is in it.
 */
import { concat } from './bytes.ts'
import { MAX_MESSAGE_BYTES } from './limits.ts'

const HEAD_AT = 8
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const NOTHING = new Uint8Array(0)

export class BadFrame extends Error {
  override readonly name = 'BadFrame'
}

export interface Frame<Head> {
  readonly head: Head
  /** A view into the message: copy it if it must outlive that. */
  readonly payload: Uint8Array
}

/** One frame, which is a message too. */
export const encodeFrame = (head: { readonly t: string }, payload: Uint8Array = NOTHING): Uint8Array<ArrayBuffer> => {
  const json = encoder.encode(JSON.stringify(head))
  const frame = new Uint8Array(HEAD_AT + json.length + payload.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, json.length)
  view.setUint32(4, payload.length)
  frame.set(json, HEAD_AT)
  frame.set(payload, HEAD_AT + json.length)
  return frame
}

/** Frames as one message, in their order. The sender keeps it within MAX_MESSAGE_BYTES. */
export const joinFrames = (frames: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> => {
  const [only] = frames
  return only && frames.length === 1 ? only : concat(frames)
}

/** Yields the frames before a broken one, so that what came in order counts. @throws BadFrame */
export function* decodeMessage<Head>(message: Uint8Array, parse: (value: unknown) => Head): Generator<Frame<Head>, void, void> {
  if (message.length > MAX_MESSAGE_BYTES) throw new BadFrame(`message of ${message.length} bytes exceeds ${MAX_MESSAGE_BYTES}`)
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  let at = 0
  do {
    if (at + HEAD_AT > message.length) throw new BadFrame('frame is shorter than its length fields')
    const payloadAt = at + HEAD_AT + view.getUint32(at)
    const end = payloadAt + view.getUint32(at + 4)
    if (end > message.length) throw new BadFrame('frame is longer than the message')
    yield { head: parseHead(message.subarray(at + HEAD_AT, payloadAt), parse), payload: message.subarray(payloadAt, end) }
    at = end
  } while (at < message.length)
}

const parseHead = <Head>(json: Uint8Array, parse: (value: unknown) => Head): Head => {
  try {
    return parse(JSON.parse(decoder.decode(json)))
  } catch (cause) {
    throw new BadFrame('head is not a known frame', { cause })
  }
}
