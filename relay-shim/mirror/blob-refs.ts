/**
 * Blobs a record mentions.
 * @see https://atproto.com/specs/data-model#blob-type
 */
import { decode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { Refused } from '../refused.ts'
import type { Block } from './car.ts'
import { cidAt } from './cid.ts'

/** Of a record that came from a tab. @throws Refused BadBlocks */
export const blobsOf = ({ cid, bytes }: Block): readonly string[] => {
  try {
    return blobsIn(decode(bytes))
  } catch (cause) {
    throw new Refused('BadBlocks', `Record ${cid} is not DAG-CBOR.`, { cause })
  }
}

/** CIDs, each once. Only the typed form counts: the legacy one is not accepted in new records. */
const blobsIn = (record: unknown): string[] => {
  const found = new Set<string>()
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
    if (Array.isArray(value)) return value.forEach(look)
    if (CID.asCID(value)) return
    if ('$type' in value && value.$type === 'blob' && 'ref' in value) {
      const ref = CID.asCID(value.ref)
      if (ref) found.add(cidAt(ref.bytes, 0))
    } else Object.values(value).forEach(look)
  }
  look(record)
  return [...found]
}
