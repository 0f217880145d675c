import { expect, test } from 'vitest'
import type { InboxMessage } from '../../wire/owner.ts'
import { arrivedSince, clock, inbox, validity, waiting } from './inbox.ts'

const message = (id: string, expiresAt = 1000): InboxMessage => ({
  id,
  at: 0,
  purpose: 'confirm-email',
  token: 'A',
  expiresAt,
  mailed: false,
})

test('the badge counts what can still be used', () => {
  clock.value = 500
  inbox.value = [message('a', 400), message('b', 600), message('c', 500)]
  expect(waiting.value).toBe(1)
  clock.value = 600
  expect(waiting.value).toBe(0)
})

test('what waited before the page was opened is no news; what comes later is', () => {
  expect(arrivedSince(null, [message('a')])).toBe(false)
  expect(arrivedSince([], [message('a')])).toBe(true)
  expect(arrivedSince([message('a')], [message('a')])).toBe(false)
  expect(arrivedSince([message('a'), message('b')], [message('b')])).toBe(false)
})

test.each([
  [-1, 'No longer valid'],
  [0, 'No longer valid'],
  [59_999, 'less than a minute'],
  [60_000, '1 more minute.'],
  [119_999, '1 more minute.'],
  [900_000, '15 more minutes.'],
  [7_200_000, '2 more hours.'],
])('with %d ms left it says "%s"', (left, words) => expect(validity(left, 0)).toContain(words))
