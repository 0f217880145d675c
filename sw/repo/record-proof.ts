/** A record of somebody else's repo, believed by its proof alone, whoever has sent it. @see https://atproto.com/specs/repository#car-file-serialization */
import type { LexMap } from '@atproto/lex'
import { verifyRecords } from '@atproto/repo'

/**
 * @param car with commit, the nodes of the tree on the way to the record, and the record
 * @returns null where it proves no such record. @throws where it is no CAR, or not signed by `didKey` for `did`
 */
export const readProvenRecord = async (
  car: Uint8Array,
  of: { readonly did: string; readonly collection: string; readonly rkey: string },
  didKey: string,
): Promise<LexMap | null> => {
  const records = await verifyRecords(car, of.did, didKey)
  return records.find(({ collection, rkey }) => collection === of.collection && rkey === of.rkey)?.record ?? null
}
