/**
 * CAR v1, read with every block's hash checked and written without copying blocks.
 * @see https://ipld.io/specs/transport/car/carv1/
 */
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { concat } from '../../wire/bytes.ts'
import { CID_BYTES, cidAt, cidToBytes, isHashOf, writeCid } from './cid.ts'

export interface Block {
  readonly cid: string
  readonly bytes: Uint8Array
}

/** Blocks are views into `car`. @throws if it is not a CAR with one root, or a block is not what its CID says. */
export const readCar = async (car: Uint8Array): Promise<{ root: string; blocks: Map<string, Uint8Array> }> => {
  const header = takeVarint(car, 0)
  if (!header) throw new Error('CAR: no header')
  const root = rootOf(car.subarray(header.at, header.at + header.value))
  const blocks = new Map<string, Uint8Array>()
  const checks: Promise<boolean>[] = []
  for (let at = header.at + header.value; at < car.length;) {
    const length = takeVarint(car, at)
    if (!length || length.value < CID_BYTES || length.at + length.value > car.length) throw new Error('CAR: broken off')
    const block = car.subarray(length.at + CID_BYTES, length.at + length.value)
    checks.push(isHashOf(car.subarray(length.at, length.at + CID_BYTES), block))
    blocks.set(cidAt(car, length.at), block)
    at = length.at + length.value
  }
  if ((await Promise.all(checks)).includes(false)) throw new Error('CAR: a block is not what its CID says')
  return { root, blocks }
}

/**
 * The same from a stream, holding one block and one chunk at a time. Blocks have buffers of their own. The first thing yielded is the root.
 * @throws as `readCar`, and for blocks above `maxBlockBytes`
 */
export async function* readCarStream(
  chunks: AsyncIterable<Uint8Array>,
  maxBlockBytes: number,
): AsyncGenerator<{ root: string } | Block, void, void> {
  let root: string | null = null
  for await (const section of readSections(chunks, maxBlockBytes)) {
    if (root === null) {
      root = rootOf(section)
      yield { root }
    } else yield await readBlock(section)
  }
  if (root === null) throw new Error('CAR: broken off')
}

/** What stands behind each length, in a buffer of its own. @throws when a section is longer than a block of `maxBlockBytes`, or the end is not that of one */
export async function* readSections(
  chunks: AsyncIterable<Uint8Array>,
  maxBlockBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  let rest: Uint8Array = new Uint8Array(0)
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : concat([rest, chunk])
    let at = 0
    for (;;) {
      const length = takeVarint(rest, at)
      if (!length) break
      if (length.value > maxBlockBytes + CID_BYTES) throw new Error('CAR: a block is too large')
      if (length.at + length.value > rest.length) break
      const section = rest.slice(length.at, length.at + length.value)
      at = length.at + length.value
      yield section
    }
    rest = rest.slice(at)
  }
  if (rest.length > 0) throw new Error('CAR: broken off')
}

/** A section that is CID and block. @throws when the block is not what its CID says */
export const readBlock = async (section: Uint8Array): Promise<Block> => {
  const cid = cidAt(section, 0)
  const bytes = section.slice(CID_BYTES)
  if (!(await isHashOf(section, bytes))) throw new Error('CAR: a block is not what its CID says')
  return { cid, bytes }
}

/** `root` null makes the rootless CAR that getBlocks answers. */
export const carHeader = (root: string | null): Uint8Array<ArrayBuffer> => {
  const header = encode({ version: 1, roots: root === null ? [] : [CID.decode(cidToBytes(root))] })
  // Far below 128 bytes: its length is one byte.
  return concat([Uint8Array.of(header.length), header])
}

/** No length of ours needs more than four bytes of varint. */
export const CAR_ENTRY_HEAD_BYTES = 4 + CID_BYTES

/** Writes a block with what precedes it into `chunk`, which has room for it, and returns where it ends. Nothing is allocated: an export has thousands. */
export const writeCarEntry = (chunk: Uint8Array, at: number, cid: string, bytes: Uint8Array): number => {
  let to = at
  let rest = CID_BYTES + bytes.length
  for (; rest >= 0x80; rest >>>= 7) chunk[to++] = (rest & 0x7f) | 0x80
  chunk[to++] = rest
  writeCid(cid, chunk, to)
  chunk.set(bytes, to + CID_BYTES)
  return to + CID_BYTES + bytes.length
}

export const writeCar = (root: string | null, blocks: readonly Block[]): Uint8Array<ArrayBuffer> => {
  const header = carHeader(root)
  const car = new Uint8Array(blocks.reduce((sum, { bytes }) => sum + CAR_ENTRY_HEAD_BYTES + bytes.length, header.length))
  car.set(header)
  let at = header.length
  for (const { cid, bytes } of blocks) at = writeCarEntry(car, at, cid, bytes)
  return car.subarray(0, at)
}

const rootOf = (header: Uint8Array): string => {
  const value = decode<{ version?: unknown; roots?: unknown }>(header)
  const roots: unknown[] = Array.isArray(value.roots) ? value.roots : []
  const root = CID.asCID(roots[0])
  if (value.version !== 1 || roots.length !== 1 || !root) throw new Error('CAR: expected version 1 with one root')
  return cidAt(root.bytes, 0)
}

/** LEB128; undefined while its bytes have not all come. @throws above 2^28: no block here is that large. */
const takeVarint = (bytes: Uint8Array, from: number): { value: number; at: number } | undefined => {
  let value = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[from + i]
    if (byte === undefined) return undefined
    value |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return { value, at: from + i + 1 }
  }
  throw new Error('CAR: length out of range')
}
