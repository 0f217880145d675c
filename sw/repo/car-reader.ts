/**
 * CAR v1 as it streams in: every length is checked before it is believed, nothing is kept but what has not come whole yet.
 * @see https://ipld.io/specs/transport/car/carv1/
 */
import { type Cid, decodeCid } from '@atproto/lex-data'
import { decode } from '@ipld/dag-cbor'
import { concat } from '../../wire/bytes.ts'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { MAX_CAR_HEADER_BYTES, MAX_IMPORT_BYTES, MAX_RECORD_BYTES } from '../../wire/limits.ts'
import { CID_BYTES, CID_PREFIX } from '../store/packs.ts'

/** A block that names its own hash; whether that is true is the caller's to check. Views on what came. */
export interface IncomingBlock {
  /** sha-256, 32 bytes. */
  readonly digest: Uint8Array
  readonly bytes: Uint8Array
}

/** Blocks in the order they come, as many at a time as came together. @throws XrpcError 400 `InvalidRequest` | 413 `PayloadTooLarge` */
export async function* readCar(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<{ readonly root: Cid; readonly blocks: readonly IncomingBlock[] }> {
  const reader = stream.getReader()
  let root: Cid | null = null
  /** The beginning of a section whose end has not come. */
  let held: Uint8Array = new Uint8Array(0)
  let total = 0
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(brokeOff)
      if (done) break
      total += value.length
      if (total > MAX_IMPORT_BYTES) throw new XrpcError(413, 'PayloadTooLarge', `A repo may have at most ${MAX_IMPORT_BYTES} bytes`)
      const blocks: IncomingBlock[] = []
      let rest: Uint8Array = value
      while (rest.length > 0) {
        // Only the section that is cut is copied together.
        const head: Uint8Array = held.length > 0 ? concat([held, rest.subarray(0, MAX_VARINT_BYTES)]) : rest
        const section = readSection(head, root ? MAX_BLOCK_BYTES : MAX_CAR_HEADER_BYTES)
        if (!section || section.end > held.length + rest.length) {
          held = concat([held, rest])
          break
        }
        const taken: number = section.end - held.length
        const whole = held.length > 0 ? concat([held, rest.subarray(0, taken)]) : rest.subarray(0, taken)
        const body = whole.subarray(section.start)
        if (root) blocks.push(readBlock(body))
        else root = readHeader(body)
        held = held.subarray(held.length)
        rest = rest.subarray(taken)
      }
      if (root && blocks.length > 0) yield { root, blocks }
    }
    if (held.length > 0 || !root) throw invalidRequest('Invalid CAR: it ends in the middle')
    yield { root, blocks: [] }
  } finally {
    // Whoever sends hears that nobody listens any more; after the end it does nothing.
    await reader.cancel().catch(() => {})
  }
}

const brokeOff = (cause: unknown): never => {
  throw Object.assign(invalidRequest('The upload broke off in the middle'), { cause })
}

/** Larger blocks are in no repo: a node is smaller than the records it names. */
const MAX_BLOCK_BYTES = CID_BYTES + MAX_RECORD_BYTES

/** Where the section at the beginning of `bytes` begins and ends, which may be beyond what came; null when not even its length has come. */
const readSection = (bytes: Uint8Array, max: number): { readonly start: number; readonly end: number } | null => {
  let length = 0
  for (let at = 0, shift = 0; at < bytes.length; at += 1, shift += 7) {
    const byte = bytes[at] ?? 0
    length += (byte & 0x7f) * 2 ** shift
    if (length > max || at >= MAX_VARINT_BYTES) throw invalidRequest(`Invalid CAR: a section is longer than ${max} bytes`)
    if (byte >= 0x80) continue
    if (length === 0) throw invalidRequest('Invalid CAR: an empty section')
    return { start: at + 1, end: at + 1 + length }
  }
  return null
}

/** More is no length that any block may have. */
const MAX_VARINT_BYTES = 5

const readHeader = (bytes: Uint8Array): Cid => {
  let header: unknown
  try {
    header = decode(bytes)
  } catch (cause) {
    throw Object.assign(invalidRequest('Invalid CAR: the header is not DAG-CBOR'), { cause })
  }
  if (typeof header !== 'object' || header === null || !('version' in header) || !('roots' in header))
    throw invalidRequest('Invalid CAR: no header')
  if (header.version !== 1) throw invalidRequest('Invalid CAR: only version 1 is read')
  if (!Array.isArray(header.roots) || header.roots.length !== 1) throw invalidRequest('Invalid CAR: expected one root')
  const [root] = header.roots as unknown[]
  const cid = typeof root === 'object' && root !== null && 'bytes' in root && root.bytes instanceof Uint8Array ? root.bytes : null
  if (!cid || !CID_PREFIX.every((byte, at) => cid[at] === byte) || cid.length !== CID_BYTES)
    throw invalidRequest('Invalid CAR: the root is no commit')
  return decodeCid(cid)
}

const readBlock = (section: Uint8Array): IncomingBlock => {
  if (section.length <= CID_BYTES || !CID_PREFIX.every((byte, at) => section[at] === byte))
    throw invalidRequest('Invalid CAR: a block that is not DAG-CBOR under its SHA-256')
  return { digest: section.subarray(CID_PREFIX.length, CID_BYTES), bytes: section.subarray(CID_BYTES) }
}
