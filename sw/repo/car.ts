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

/** Blocks as a CAR has them behind its header. */
export const writeSections = (blocks: Iterable<Block>): Uint8Array<ArrayBuffer> => concat(Array.from(blocks).flatMap(frame))

/** A block under its CID in binary. */
export interface RawBlock {
  readonly cid: Uint8Array
  readonly bytes: Uint8Array
}

/** Streams blocks as they come, in pieces of about CHUNK_BYTES; `release` runs once, however the stream ends. */
export const streamCar = (root: Cid, blocks: AsyncGenerator<readonly RawBlock[]>, release: () => void): ReadableStream<Uint8Array> => {
  const chunk = new Chunk()
  chunk.append(header(root))
  let batch: readonly RawBlock[] = []
  let at = 0
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        while (chunk.size < CHUNK_BYTES) {
          if (at === batch.length) {
            const next = await blocks.next()
            if (next.done) {
              if (chunk.size > 0) controller.enqueue(chunk.take())
              release()
              controller.close()
              return
            }
            batch = next.value
            at = 0
          }
          const block = batch[at++]
          if (block) chunk.appendBlock(block)
        }
      } catch (cause) {
        release()
        throw cause
      }
      controller.enqueue(chunk.take())
    },
    async cancel() {
      release()
      await blocks.return(undefined)
    },
  })
}

/** Bytes written one behind the other, without an array for each piece. */
class Chunk {
  size = 0
  #bytes = new Uint8Array(CHUNK_BYTES * 1.25)

  appendBlock({ cid, bytes }: RawBlock): void {
    let rest = cid.length + bytes.length
    this.#grow(rest + MAX_VARINT_BYTES)
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.size++] = (rest & 0x7f) | 0x80
    this.#bytes[this.size++] = rest
    this.append(cid)
    this.append(bytes)
  }

  append(bytes: Uint8Array): void {
    this.#grow(bytes.length)
    this.#bytes.set(bytes, this.size)
    this.size += bytes.length
  }

  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.size)
    this.size = 0
    return taken
  }

  #grow(by: number): void {
    if (this.size + by <= this.#bytes.length) return
    const bytes = new Uint8Array((this.size + by) * 2)
    bytes.set(this.#bytes.subarray(0, this.size))
    this.#bytes = bytes
  }
}

const MAX_VARINT_BYTES = 5

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
