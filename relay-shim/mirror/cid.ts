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
/** Two letters for each ten bits. */
const PAIRS = Array.from({ length: 1024 }, (_, bits) => `${ALPHABET[bits >> 5]}${ALPHABET[bits & 31]}`)
const LETTER_BITS = new Int8Array(128).fill(-1)
for (let bits = 0; bits < ALPHABET.length; bits++) LETTER_BITS[ALPHABET.charCodeAt(bits)] = bits
/** `b`, then 288 bits in letters of five. */
const CID_CHARACTERS = 59

/** The CID that starts at `at`, in base32. @throws if it is not a SHA-256 CID of DAG-CBOR or raw bytes. */
export const cidAt = (bytes: Uint8Array, at: number): string => {
  const codec = bytes[at + CODEC_AT]
  const known = bytes[at] === 1 && (codec === DAG_CBOR || codec === RAW) && bytes[at + 2] === SHA_256 && bytes[at + 3] === DIGEST_BYTES
  if (!known || at + CID_BYTES > bytes.length) throw new Error('not a SHA-256 CID of DAG-CBOR or raw bytes')
  let text = 'b'
  for (let i = at; i < at + 35; i += 5) {
    const high = ((byte(bytes, i) << 12) | (byte(bytes, i + 1) << 4) | (byte(bytes, i + 2) >> 4)) >>> 0
    const low = ((byte(bytes, i + 2) & 15) << 16) | (byte(bytes, i + 3) << 8) | byte(bytes, i + 4)
    text += `${PAIRS[high >> 10]}${PAIRS[high & 1023]}${PAIRS[low >> 10]}${PAIRS[low & 1023]}`
  }
  return text + PAIRS[byte(bytes, at + 35) << 2]
}

/** @throws if `cid` is not what `cidAt` makes. */
export const cidToBytes = (cid: string): Uint8Array<ArrayBuffer> => {
  if (cid.length !== CID_CHARACTERS || cid[0] !== 'b') throw new Error(`not a CID in base32: ${cid}`)
  const bytes = new Uint8Array(CID_BYTES)
  let bits = 0
  let count = 0
  let at = 0
  for (let i = 1; i < CID_CHARACTERS; i++) {
    const letter = LETTER_BITS[cid.charCodeAt(i)] ?? -1
    if (letter < 0) throw new Error(`not a CID in base32: ${cid}`)
    bits = ((bits << 5) | letter) & 0xfff
    count += 5
    if (count >= 8) {
      count -= 8
      bytes[at++] = bits >> count
    }
  }
  if (cidAt(bytes, 0) !== cid) throw new Error(`not a CID in its canonical form: ${cid}`)
  return bytes
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

const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0
