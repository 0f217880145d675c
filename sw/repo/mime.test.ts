import { expect, it } from 'vitest'
import { sniffMime } from './mime.ts'

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

it.each([
  ['image/png', '\x89PNG\r\n\x1a\n....'],
  ['image/jpeg', '\xff\xd8\xff\xe0'],
  ['image/gif', 'GIF89a'],
  ['image/webp', 'RIFF\x10\0\0\0WEBPVP8 '],
  ['image/avif', '\0\0\0\x20ftypavif'],
  ['video/mp4', '\0\0\0\x20ftypisom'],
  ['video/quicktime', '\0\0\0\x14ftypqt  '],
  ['video/webm', '\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm'],
  ['video/matroska', '\x1aE\xdf\xa3\xa3B\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x88matroska'],
  ['application/pdf', '%PDF-1.7'],
])('knows %s', (mime, start) => {
  expect(sniffMime(bytes(start))).toBe(mime)
})

it('says nothing of text, of nothing, and of a RIFF it does not know', () => {
  for (const start of ['hello world', '', 'RIFF\0\0\0\0XXXX', 'BM text that begins like a bitmap'])
    expect(sniffMime(bytes(start))).toBeUndefined()
})
