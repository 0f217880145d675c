import { expect, test } from 'vitest'
import { formatDay, formatMoment } from './date.ts'

test('days and moments are written out', () => {
  const at = new Date(2026, 10, 20, 22, 41)
  expect(formatDay(at.toISOString())).toBe('20 November 2026')
  expect(formatMoment(at.getTime())).toBe('20 November 2026 at 22:41')
})

test('a leap second, which no Date can hold, does not take the page down', () => {
  expect(formatDay('2016-12-31T23:59:60Z')).toBe('2016-12-31T23:59:60Z')
})
