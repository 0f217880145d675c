import { expect, test } from 'vitest'
import { Pieces } from './pieces.ts'

test('what goes in comes out, in order', () => {
  const pieces = new Pieces()
  const sizes = [1, 100_000, 0, 3, 4, 20_000, 7]
  let next = 0
  const bytes = sizes.map((size) => Uint8Array.from({ length: size }, () => (next += 1) % 251))
  for (const each of bytes) pieces.push(each)
  const out: number[] = []
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) out.push(...piece)
  expect(out).toEqual(Array.from({ length: next }, (_, n) => (n + 1) % 251))
  expect(pieces.isEmpty).toBe(true)
})

test('a byte does not keep its message in memory, and many bytes are few pieces', () => {
  const pieces = new Pieces()
  const message = new Uint8Array(512 * 1024)
  for (let n = 0; n < 20_000; n += 1) pieces.push(message.subarray(n, n + 1))
  const held: Uint8Array[] = []
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) held.push(piece)
  expect(held.length).toBeLessThan(5)
  expect(held.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)).toBeLessThan(50_000)
})
