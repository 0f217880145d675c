/**
 * A quick look through a record's bytes: most are plain, and need not be decoded only to be checked. What it is not sure of is for the decoder to say.
 * @see https://atproto.com/specs/data-model and https://ipld.io/specs/codecs/dag-cbor/spec/
 */

/**
 * True for a map of the data model in its one canonical form that mentions no blob. False for everything else: blobs, large numbers, what is malformed.
 */
export const isPlainRecord = (bytes: Uint8Array): boolean => {
  if (bytes[0] === undefined || bytes[0] >> 5 !== MAP) return false
  return skipItem(bytes, 0, 0) === bytes.length
}

const [UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG] = [0, 1, 2, 3, 4, 5, 6]
const [FALSE, TRUE, NULL] = [0xf4, 0xf5, 0xf6]
/** Deeper ones are for the decoder. */
const MAX_DEPTH = 24
const UNSURE = -1

/** Where the item at `at` ends, or UNSURE. */
const skipItem = (bytes: Uint8Array, at: number, depth: number): number => {
  const head = bytes[at]
  if (head === undefined || depth > MAX_DEPTH) return UNSURE
  if (head === FALSE || head === TRUE || head === NULL) return at + 1
  const type = head >> 5
  const small = head & 0x1f
  let next = at + 1
  let value = small
  if (small >= 24) {
    const width = small === 24 ? 1 : small === 25 ? 2 : small === 26 ? 4 : 0
    if (width === 0) return UNSURE
    value = 0
    for (const end = next + width; next < end; next += 1) value = value * 256 + (bytes[next] ?? 0)
    // The shortest form is the only one.
    if (value < (width === 1 ? 24 : width === 2 ? 256 : 65_536)) return UNSURE
  }
  switch (type) {
    case UINT:
    case NEGATIVE:
      return next
    case BYTES:
    case TEXT:
      return within(bytes, next + value)
    case ARRAY:
      for (let item = 0; item < value && next !== UNSURE; item += 1) next = skipItem(bytes, next, depth + 1)
      return next
    case MAP:
      return skipEntries(bytes, next, value, depth)
    case TAG:
      return value === 42 && isLink(bytes, next) ? within(bytes, next + LINK.length + DIGEST_BYTES) : UNSURE
    default:
      return UNSURE
  }
}

const within = (bytes: Uint8Array, end: number): number => (end <= bytes.length ? end : UNSURE)

/** Keys ascend by length and then by bytes, so that none can come twice. */
const skipEntries = (bytes: Uint8Array, from: number, count: number, depth: number): number => {
  let next = from
  let [last, lastLength] = [0, -1]
  for (let entry = 0; entry < count; entry += 1) {
    const head = bytes[next] ?? 0
    const length = head & 0x1f
    // Keys of 24 and more characters are rare.
    if (head >> 5 !== TEXT || length >= 24) return UNSURE
    const key = next + 1
    if (length < lastLength || (length === lastLength && !isBefore(bytes, last, key, length))) return UNSURE
    next = key + length
    if (isNamed(bytes, key, length, BLOB_TYPE) && isText(bytes, next, BLOB)) return UNSURE
    // The form of 2023: {cid, mimeType}.
    if (isNamed(bytes, key, length, LEGACY)) return UNSURE
    next = skipItem(bytes, next, depth + 1)
    if (next === UNSURE) return UNSURE
    last = key
    lastLength = length
  }
  return next
}

const isBefore = (bytes: Uint8Array, a: number, b: number, length: number): boolean => {
  for (let at = 0; at < length; at += 1) {
    const difference = (bytes[b + at] ?? 0) - (bytes[a + at] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

const utf8 = new TextEncoder()
const BLOB_TYPE = utf8.encode('$type')
const BLOB = utf8.encode('blob')
const LEGACY = utf8.encode('mimeType')

const isNamed = (bytes: Uint8Array, at: number, length: number, name: Uint8Array): boolean => {
  if (length !== name.length) return false
  for (let letter = 0; letter < length; letter += 1) if (bytes[at + letter] !== name[letter]) return false
  return true
}

const isText = (bytes: Uint8Array, at: number, text: Uint8Array): boolean =>
  bytes[at] === ((TEXT << 5) | text.length) && isNamed(bytes, at + 1, text.length, text)

/** 37 bytes: the identity multibase, then CIDv1, raw or dag-cbor, sha-256. */
const LINK = [0x58, 0x25, 0x00, 0x01, 0, 0x12, 0x20]
const DIGEST_BYTES = 32
const isLink = (bytes: Uint8Array, at: number): boolean =>
  LINK.every((byte, place) => (place === 4 ? bytes[at + 4] === 0x55 || bytes[at + 4] === 0x71 : bytes[at + place] === byte))
