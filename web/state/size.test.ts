import { expect, test } from 'vitest'
import { formatBytes, formatCount } from './size.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1536, '1.5 kB'],
  [123_456, '123 kB'],
  [2_000_000, '2 MB'],
  [5e15, '5000 TB'],
])('formatBytes(%i) is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test('formatCount groups thousands', () => expect(formatCount(12345)).toBe('12,345'))
