/**
 * Messages of `com.atproto.sync.subscribeRepos`: a header and a body, each a DAG-CBOR object, one after the other.
 * @see https://atproto.com/specs/event-stream#streaming-wire-protocol-v0
 */
import { encode } from '@ipld/dag-cbor'
import type { PodEvent } from '../../wire/event.ts'

/** `seq` and the time (ISO 8601) are the room's. */
export const eventFrame = (event: PodEvent, seq: number, time: string): Uint8Array<ArrayBuffer> => {
  const { kind, ...rest } = event
  // `blobs`, `rebase` and `tooBig` are required by the lexicon and mean nothing any more.
  const body = event.kind === 'commit' ? { ...rest, blobs: [], rebase: false, tooBig: false, seq, time } : { ...rest, seq, time }
  return join(HEADERS[kind], encode(body))
}

export const infoFrame = (name: 'OutdatedCursor', message: string): Uint8Array<ArrayBuffer> =>
  join(encode({ op: 1, t: '#info' }), encode({ name, message }))

export type StreamError = 'FutureCursor' | 'ConsumerTooSlow' | 'InvalidRequest' | 'TooManySubscribers'

export const errorFrame = (error: StreamError, message: string): Uint8Array<ArrayBuffer> =>
  join(encode({ op: -1 }), encode({ error, message }))

const HEADERS: Readonly<Record<PodEvent['kind'], Uint8Array>> = {
  commit: encode({ op: 1, t: '#commit' }),
  sync: encode({ op: 1, t: '#sync' }),
  identity: encode({ op: 1, t: '#identity' }),
  account: encode({ op: 1, t: '#account' }),
}

const join = (header: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> => {
  const frame = new Uint8Array(header.length + body.length)
  frame.set(header)
  frame.set(body, header.length)
  return frame
}
