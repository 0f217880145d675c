/**
 * The signed commit object at the top of a repo.
 * @see https://atproto.com/specs/repository#commit-objects
 */
import { P256_JWT_ALG, parseDidKey, verifySignature } from '@atproto/crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as v from 'valibot'
import { MAX_REV_AHEAD_MS } from '../../wire/limits.ts'
import { Refused } from '../refused.ts'
import { cidAt } from './cid.ts'

export interface Commit {
  readonly did: string
  readonly rev: string
  /** CID of the tree's root. */
  readonly data: string
  readonly sig: Uint8Array
  /** What `sig` signs. */
  readonly unsigned: Uint8Array<ArrayBuffer>
}

/** Whether `sig` over `message` is by the key this was made for. */
export type SignatureCheck = (message: Uint8Array<ArrayBuffer>, sig: Uint8Array) => Promise<boolean>

const commitObject = v.strictObject({
  did: v.string(),
  rev: v.string(),
  data: v.instance(CID),
  prev: v.nullable(v.instance(CID)),
  version: v.literal(3),
  sig: v.instance(Uint8Array),
})

/** @throws Refused BadBlocks */
export const parseCommit = (block: Uint8Array): Commit => {
  try {
    const { sig, ...unsigned } = v.parse(commitObject, decode(block))
    return {
      did: unsigned.did,
      rev: unsigned.rev,
      data: cidAt(unsigned.data.bytes, 0),
      sig,
      unsigned: encode(unsigned) as Uint8Array<ArrayBuffer>,
    }
  } catch (cause) {
    throw new Refused('BadBlocks', 'The commit block is not a version 3 commit.', { cause })
  }
}

/** Makes a check out of a did:key. P-256 by WebCrypto (0.06 ms in workerd), K-256 by noble, as WebCrypto has none. @throws Refused BadKey */
export const signatureCheck = async (didKey: string): Promise<SignatureCheck> => {
  try {
    const { jwtAlg, keyBytes } = parseDidKey(didKey)
    if (jwtAlg !== P256_JWT_ALG) return async (message, sig) => verifySignature(didKey, message, sig)
    const key = await crypto.subtle.importKey('raw', keyBytes.slice(), P256, false, ['verify'])
    return async (message, sig) => isLowS(sig) && crypto.subtle.verify(P256, key, sig.slice(), message)
  } catch (cause) {
    throw new Refused('BadKey', 'The signing key is not a did:key this room can verify with.', { cause })
  }
}

/** @throws Refused WrongRepo | BadRev | BadSignature */
export const checkCommit = async (
  commit: Commit,
  expected: { readonly did: string; readonly rev: string; readonly nowMs: number; readonly verify: SignatureCheck },
): Promise<void> => {
  if (commit.did !== expected.did) throw new Refused('WrongRepo', `The commit is of ${commit.did}; this room belongs to ${expected.did}.`)
  if (commit.rev !== expected.rev || !TID.test(commit.rev)) throw new Refused('BadRev', 'The rev is not a TID, or not that of the commit.')
  if (tidToMs(commit.rev) > expected.nowMs + MAX_REV_AHEAD_MS) throw new Refused('BadRev', `The rev ${commit.rev} lies in the future.`)
  if (!(await expected.verify(commit.unsigned, commit.sig)))
    throw new Refused('BadSignature', "The commit is not signed by this repo's key.")
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const SIGNATURE_BYTES = 64
/** Half the order of P-256: of the two values of s that verify, only the lower is valid here. @see https://atproto.com/specs/cryptography */
const HIGHEST_S = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n

const isLowS = (sig: Uint8Array): boolean => {
  if (sig.length !== SIGNATURE_BYTES) return false
  let s = 0n
  for (let at = SIGNATURE_BYTES / 2; at < SIGNATURE_BYTES; at++) s = (s << 8n) | BigInt(sig[at] ?? 0)
  return s <= HIGHEST_S
}

const TID_ALPHABET = '234567abcdefghijklmnopqrstuvwxyz'
const TID = /^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$/

/** The clock part of a TID: all but the last ten bits, in microseconds. @see https://atproto.com/specs/tid */
const tidToMs = (tid: string): number => {
  let micros = 0
  for (const letter of tid.slice(0, 11)) micros = micros * 32 + TID_ALPHABET.indexOf(letter)
  return micros / 1000
}
