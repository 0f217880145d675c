/** A PNG made in code, so that no binary lies in the repository. @see https://www.w3.org/TR/png-3/ */
import { crc32, deflateSync } from 'node:zlib'

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const TRUE_COLOUR = 2
const BYTES_PER_PIXEL = 3

/** A square colour gradient of `side` pixels; another `tint` (0–255) is another picture. */
export const makePng = (side: number, tint = 128): Uint8Array<ArrayBuffer> => {
  const rows = Buffer.alloc(side * (1 + side * BYTES_PER_PIXEL))
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      rows.set([(x * 255) / side, (y * 255) / side, tint], y * (1 + side * BYTES_PER_PIXEL) + 1 + x * BYTES_PER_PIXEL)
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header.set([8, TRUE_COLOUR], 8)
  return new Uint8Array(Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]))
}

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'ascii'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  framed.set(body, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}
