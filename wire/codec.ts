/**
 * One frame as bytes: `u32 big-endian length of the head | head as UTF-8 JSON | payload`.
 * JSON for the head because parsing it is native in every engine; raw bytes for the payload because base64 made a 1 MiB body 17 times slower.
 */
import { MAX_FRAME_BYTES } from './limits.ts'

const HEAD_LENGTH_BYTES = 4
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const NOTHING = new Uint8Array(0)

export class BadFrame extends Error {
  override readonly name = 'BadFrame'
}

export const encodeFrame = (head: { readonly t: string }, payload: Uint8Array = NOTHING): Uint8Array<ArrayBuffer> => {
  const json = encoder.encode(JSON.stringify(head))
  const frame = new Uint8Array(HEAD_LENGTH_BYTES + json.length + payload.length)
  new DataView(frame.buffer).setUint32(0, json.length)
  frame.set(json, HEAD_LENGTH_BYTES)
  frame.set(payload, HEAD_LENGTH_BYTES + json.length)
  return frame
}

/** @throws BadFrame. The payload is a view into `bytes`: copy it if it must outlive the message. */
export const decodeFrame = <F>(bytes: Uint8Array, parse: (value: unknown) => F): { head: F; payload: Uint8Array } => {
  if (bytes.length < HEAD_LENGTH_BYTES) throw new BadFrame('frame is shorter than its length field')
  if (bytes.length > MAX_FRAME_BYTES) throw new BadFrame(`frame of ${bytes.length} bytes exceeds ${MAX_FRAME_BYTES}`)
  const headLength = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
  const payloadAt = HEAD_LENGTH_BYTES + headLength
  if (payloadAt > bytes.length) throw new BadFrame('head is longer than the frame')
  try {
    return { head: parse(JSON.parse(decoder.decode(bytes.subarray(HEAD_LENGTH_BYTES, payloadAt)))), payload: bytes.subarray(payloadAt) }
  } catch (cause) {
    throw new BadFrame('head is not a known frame', { cause })
  }
}
