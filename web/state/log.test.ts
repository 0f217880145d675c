import { expect, test } from 'vitest'
import type { LogEntry } from '../../wire/log.ts'
import { joined, toLine } from './log.ts'

const entry = (id: number): LogEntry => ({ id, at: 0, level: 'info', kind: 'uplink', message: 'online' })
const ids = (entries: readonly LogEntry[]) => entries.map(({ id }) => id)

test('new entries come before the known ones, each once', () => {
  expect(ids(joined([5, 4, 3].map(entry), [3, 2].map(entry)))).toEqual([5, 4, 3, 2])
  expect(ids(joined([3, 2].map(entry), [3, 2, 1].map(entry)))).toEqual([3, 2, 1])
  expect(ids(joined([entry(1)], []))).toEqual([1])
})

test('where some between were never read, the known ones make room', () => {
  const newest = Array.from({ length: 100 }, (_, n) => entry(500 - n))
  expect(joined(newest, [3, 2].map(entry))).toBe(newest)
})

test('a line of the file is JSON, with a time for people', () => {
  expect(JSON.parse(toLine(entry(1)))).toEqual({ at: '1970-01-01T00:00:00.000Z', id: 1, level: 'info', kind: 'uplink', message: 'online' })
})
