/**
 * CIDs as the strings that storage keys and JSON need, made straight from their 36 bytes. A commit names some fifty of them;
 * multiformats' general base encoder took a third of the whole verification.
 * @see https://dasl.ing/cid.html
 */

/** CIDv1, one byte each of version, codec, hash function (sha-256) and hash length, then the hash. */
export const CID_BYTES = 36
const CODEC_AT = 1
const DAG_CBOR = 0x71
const RAW = 0x55
const SHA_256 = 0x12
const DIGEST_BYTES = 32
const DIGEST_AT = CID_BYTES - DIGEST_BYTES

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const LETTER_BITS = new Int8Array(128).fill(-1)
for (let bits = 0; bits < ALPHABET.length; bits++) LETTER_BITS[ALPHABET.charCodeAt(bits)] = bits
/** `b`, then 288 bits in letters of five. */
const CID_CHARACTERS = 59
/** Where `cidAt` writes: nothing can come between, it does not await. A plain array, as `apply` wants it. */
const CHARACTERS: number[] = Array.from({ length: CID_CHARACTERS }, () => 'b'.charCodeAt(0))

/** The CID that starts at `at`, in base32. @throws if it is not a SHA-256 CID of DAG-CBOR or raw bytes. */
export const cidAt = (bytes: Uint8Array, at: number): string => {
  if (!isKnown(bytes, at) || at + CID_BYTES > bytes.length) throw new Error('not a SHA-256 CID of DAG-CBOR or raw bytes')
  // Characters gathered in one array make one flat string; adding them up makes a rope that each lookup has to flatten.
  let to = 1
  for (let i = at; i < at + CID_BYTES - 1; i += 5) {
    const high = (byte(bytes, i) << 12) | (byte(bytes, i + 1) << 4) | (byte(bytes, i + 2) >> 4)
    const low = ((byte(bytes, i + 2) & 15) << 16) | (byte(bytes, i + 3) << 8) | byte(bytes, i + 4)
    for (let shift = 15; shift >= 0; shift -= 5) {
      CHARACTERS[to] = letter(high >> shift)
      CHARACTERS[to + 4] = letter(low >> shift)
      to += 1
    }
    to += 4
  }
  const last = byte(bytes, at + CID_BYTES - 1)
  CHARACTERS[to] = letter(last >> 3)
  CHARACTERS[to + 1] = letter(last << 2)
  return String.fromCharCode.apply(null, CHARACTERS)
}

/** @throws if `cid` is not what `cidAt` makes. */
export const cidToBytes = (cid: string): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(CID_BYTES)
  writeCid(cid, bytes, 0)
  return bytes
}

/** Writes the 36 bytes of `cid` into `bytes`. @throws as `cidToBytes` */
export const writeCid = (cid: string, bytes: Uint8Array, at: number): void => {
  if (cid.length !== CID_CHARACTERS || cid[0] !== 'b') throw new Error(`not a CID in base32: ${cid}`)
  let bits = 0
  let count = 0
  let to = at
  for (let i = 1; i < CID_CHARACTERS; i++) {
    const letter = LETTER_BITS[cid.charCodeAt(i)] ?? -1
    if (letter < 0) throw new Error(`not a CID in base32: ${cid}`)
    bits = ((bits << 5) | letter) & 0xfff
    count += 5
    if (count >= 8) {
      count -= 8
      bytes[to++] = bits >> count
    }
  }
  // The last letter has two bits to spare, which must be zero: one CID, one text.
  if ((bits & 3) !== 0 || !isKnown(bytes, at)) throw new Error(`not a SHA-256 CID of DAG-CBOR or raw bytes: ${cid}`)
}

export const cidOfDigest = (digest: Uint8Array, codec: 'dag-cbor' | 'raw'): string => {
  const bytes = new Uint8Array(CID_BYTES)
  bytes.set([1, codec === 'raw' ? RAW : DAG_CBOR, SHA_256, DIGEST_BYTES])
  bytes.set(digest, DIGEST_AT)
  return cidAt(bytes, 0)
}

/** CID of a block of DAG-CBOR. */
export const cidOfBlock = async (block: Uint8Array): Promise<string> => cidOfDigest(await digestOf(block), 'dag-cbor')

/** Whether `block` hashes to what the CID bytes say. */
export const isHashOf = async (cid: Uint8Array, block: Uint8Array): Promise<boolean> => {
  const digest = await digestOf(block)
  for (let i = 0; i < DIGEST_BYTES; i++) if (digest[i] !== cid[DIGEST_AT + i]) return false
  return true
}

const digestOf = async (block: Uint8Array): Promise<Uint8Array> =>
  // Views of shared memory never come here; the type cannot say so.
  new Uint8Array(await crypto.subtle.digest('SHA-256', block as Uint8Array<ArrayBuffer>))

const isKnown = (bytes: Uint8Array, at: number): boolean => {
  const codec = bytes[at + CODEC_AT]
  return bytes[at] === 1 && (codec === DAG_CBOR || codec === RAW) && bytes[at + 2] === SHA_256 && bytes[at + 3] === DIGEST_BYTES
}

const letter = (bits: number): number => ALPHABET.charCodeAt(bits & 31)
const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0
