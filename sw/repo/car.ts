/** CAR v1, written whole or as a stream. @see https://ipld.io/specs/transport/car/carv1/ */
import type { Cid } from '@atproto/lex-data'
import { encode } from '@ipld/dag-cbor'
import { concat } from '../../wire/bytes.ts'
import { CHUNK_BYTES } from '../../wire/limits.ts'

export interface Block {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

export const writeCar = (root: Cid, blocks: Iterable<Block>): Uint8Array<ArrayBuffer> => {
  const pieces = [header(root)]
  for (const block of blocks) pieces.push(...frame(block))
  return concat(pieces)
}

/** Streams blocks as they come, in pieces of about CHUNK_BYTES; `release` runs once, however the stream ends. */
export const streamCar = (root: Cid, blocks: AsyncGenerator<Block>, release: () => void): ReadableStream<Uint8Array> => {
  let pending = [header(root)]
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let size = pending.reduce((sum, piece) => sum + piece.length, 0)
      try {
        while (size < CHUNK_BYTES) {
          const next = await blocks.next()
          if (next.done) {
            if (size > 0) controller.enqueue(concat(pending))
            release()
            controller.close()
            return
          }
          for (const piece of frame(next.value)) {
            pending.push(piece)
            size += piece.length
          }
        }
      } catch (cause) {
        release()
        throw cause
      }
      controller.enqueue(concat(pending))
      pending = []
    },
    async cancel() {
      release()
      await blocks.return(undefined)
    },
  })
}

const header = (root: Cid): Uint8Array => {
  const bytes = encode({ version: 1, roots: [root] })
  return concat([varint(bytes.length), bytes])
}

const frame = ({ cid, bytes }: Block): Uint8Array[] => [varint(cid.bytes.length + bytes.length), cid.bytes, bytes]

const varint = (value: number): Uint8Array => {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
