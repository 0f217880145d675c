/** What a blob is, by its first bytes. A header can be wrong; the mirror and every viewer go by what is stored. @see https://mimesniff.spec.whatwg.org/ */

/** Bytes to look at; every signature below fits. */
export const SNIFFED_BYTES = 64

/** A signature is text at an offset; `.` in it matches any byte. */
const signatures: ReadonlyArray<readonly [mime: string, text: string, offset?: number]> = [
  ['image/png', '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', '\xff\xd8\xff'],
  ['image/gif', 'GIF87a'],
  ['image/gif', 'GIF89a'],
  ['image/webp', 'RIFF....WEBP'],
  ['image/avif', 'ftypavif', 4],
  ['image/avif', 'ftypavis', 4],
  ['image/heic', 'ftypheic', 4],
  ['image/heic', 'ftypheix', 4],
  ['image/heif', 'ftypmif1', 4],
  ['image/bmp', 'BM......\0\0\0\0'],
  ['image/tiff', 'II*\0'],
  ['image/tiff', 'MM\0*'],
  ['image/jxl', '\xff\x0a'],
  ['image/jxl', '\0\0\0\x0cJXL \r\n\x87\n'],
  ['image/vnd.adobe.photoshop', '8BPS'],
  ['video/quicktime', 'ftypqt  ', 4],
  ['audio/x-m4a', 'ftypM4A', 4],
  ['video/x-m4v', 'ftypM4V', 4],
  ['video/mp4', 'ftyp', 4],
  ['audio/wav', 'RIFF....WAVE'],
  ['video/vnd.avi', 'RIFF....AVI '],
  ['audio/mpeg', 'ID3'],
  ['audio/mpeg', '\xff\xfb'],
  ['audio/flac', 'fLaC'],
  ['audio/ogg', 'OggS'],
  ['application/pdf', '%PDF-'],
  ['application/gzip', '\x1f\x8b\x08'],
  ['application/zip', 'PK\x03\x04'],
  ['application/wasm', '\0asm'],
  ['font/woff2', 'wOF2'],
  ['font/woff', 'wOFF'],
]

/** The sniffed type, or undefined where the bytes say nothing (text, unknown formats): the declared type stands then. */
export const sniffMime = (start: Uint8Array): string | undefined => {
  const text = Array.from(start.subarray(0, SNIFFED_BYTES), (byte) => String.fromCharCode(byte)).join('')
  if (text.startsWith('\x1aE\xdf\xa3')) return text.includes('webm') ? 'video/webm' : 'video/matroska'
  return signatures.find(([, signature, offset = 0]) => matches(text, signature, offset))?.[0]
}

const matches = (text: string, signature: string, offset: number): boolean =>
  text.length >= offset + signature.length && Array.from(signature).every((letter, at) => letter === '.' || letter === text[offset + at])
