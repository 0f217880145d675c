/** Timestamp identifiers: revs and record keys that sort by time. @see https://atproto.com/specs/tid */

const ALPHABET = '234567abcdefghijklmnopqrstuvwxyz'
const CLOCK_BITS = 10n
const LENGTH = 13

/** Tells this worker's TIDs from those another device makes in the same microsecond. */
const CLOCK_ID = BigInt(Math.floor(Math.random() * 1024))

/** A TID of the time `nowMs`, but always greater than `after`, even when the clock has gone back. */
export const nextTid = (after: string | null, nowMs: number): string => {
  const now = BigInt(Math.floor(nowMs * 1000))
  const least = after === null ? 0n : (decode(after) >> CLOCK_BITS) + 1n
  return encode(((now > least ? now : least) << CLOCK_BITS) | CLOCK_ID)
}

/** @see https://atproto.com/specs/tid#tid-syntax */
export const isTid = (text: string): boolean => /^[2-7a-j][2-7a-z]{12}$/.test(text)

/** Epoch ms. */
export const tidToMs = (tid: string): number => Number(decode(tid) >> CLOCK_BITS) / 1000

const encode = (value: bigint): string => {
  let tid = ''
  for (let rest = value; tid.length < LENGTH; rest >>= 5n) tid = ALPHABET.charAt(Number(rest & 31n)) + tid
  return tid
}

const decode = (tid: string): bigint => Array.from(tid).reduce((value, letter) => (value << 5n) | BigInt(ALPHABET.indexOf(letter)), 0n)
