import { cidForCbor, cidForRawBytes, isLexMap } from '@atproto/lex-data'
import { decode, encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isPlainRecord } from './record-scan.ts'

const [ref, link] = [await cidForRawBytes(new Uint8Array(3)), await cidForCbor(encode('x'))]

it('passes usual records, and leaves those with blobs, floats or large numbers to the decoder', () => {
  const post = {
    $type: 'app.bsky.feed.post',
    text: 'größer als 24 Zeichen, mit 🦋',
    langs: ['de'],
    reply: { root: { uri: 'at://x', cid: link } },
    n: -70_000,
  }
  expect(isPlainRecord(encode(post))).toBe(true)
  expect(isPlainRecord(encode({ ...post, embed: { images: [{ $type: 'blob', ref, mimeType: 'a/b', size: 3 }] } }))).toBe(false)
  expect(isPlainRecord(encode({ ...post, image: { cid: String(ref), mimeType: 'a/b' } }))).toBe(false)
  expect(isPlainRecord(encode({ size: 0.5 }))).toBe(false)
  expect(isPlainRecord(encode({ size: 2 ** 40 }))).toBe(false)
  for (const other of ['text', [1], null, 7]) expect(isPlainRecord(encode(other))).toBe(false)
})

it('refuses what is not written in the one form', () => {
  const bad: Record<string, number[]> = {
    'keys out of order': [0xa2, 0x61, 0x62, 0x01, 0x61, 0x61, 0x01],
    'a key twice': [0xa2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x01],
    'a number longer than need be': [0xa1, 0x61, 0x61, 0x18, 0x01],
    'text longer than what came': [0xa1, 0x61, 0x61, 0x78, 0xff, 0x61],
    'a map without its values': [0xa1, 0x61, 0x61],
    'a key that is no text': [0xa1, 0x01, 0x01],
    'another tag': [0xa1, 0x61, 0x61, 0xc1, 0x01],
    'something more': [0xa0, 0x00],
    'no definite length': [0xbf, 0xff],
    undefined: [0xa1, 0x61, 0x61, 0xf7],
  }
  for (const [why, bytes] of Object.entries(bad)) expect(isPlainRecord(Uint8Array.from(bytes)), why).toBe(false)
})

it('passes nothing that the decoder, or the data model, would refuse', () => {
  fc.assert(
    fc.property(fc.object({ maxDepth: 4 }), fc.nat(), fc.nat({ max: 255 }), (value, place, byte) => {
      const bytes = encode(JSON.parse(JSON.stringify(value)))
      const changed = bytes.slice()
      changed[place % bytes.length] = byte
      for (const candidate of [bytes, changed]) if (isPlainRecord(candidate)) expect(isLexMap(decode(candidate))).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
