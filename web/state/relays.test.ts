import { expect, test } from 'vitest'
import type { RelayView } from '../../wire/frames.ts'
import { CRAWL_INTERVAL_MS, RELAY_LAG_MS } from '../../wire/limits.ts'
import { nextCrawl, relayFinding } from './relays.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const seen: RelayView = {
  url: 'https://relay.example',
  askedAt: NOW,
  checkedAt: NOW,
  status: 'active',
  seq: 1,
  lacksSince: null,
  error: null,
}

test.each([
  [{ checkedAt: null, status: null }, null, 'Not asked yet.'],
  [{ status: null }, null, 'Does not know this server yet.'],
  [{}, true, 'has everything'],
  [{ lacksSince: NOW - RELAY_LAG_MS + 1 }, true, 'has everything'],
  [{ lacksSince: NOW - RELAY_LAG_MS }, false, 'lacks what was written since'],
  [{ status: 'idle' }, false, 'let go'],
  [{ status: 'offline' }, false, 'offline'],
  [{ status: 'throttled' }, false, 'Slows this server down'],
  [{ status: 'banned' }, false, 'write to them'],
  [{ status: 'sleepy' }, null, '“sleepy”'],
  [{ status: null, error: 'It cannot be reached.' }, false, 'It cannot be reached.'],
] as const)('a relay seen as %j', (changes, isGood, text) => {
  expect(relayFinding({ ...seen, ...changes })).toEqual({ isGood, text: expect.stringContaining(text) })
})

test('the button waits for the first relay that may be asked again', () => {
  const asked = (...ago: readonly (number | null)[]) => ago.map((ms) => ({ askedAt: ms === null ? null : NOW - ms }))
  expect(nextCrawl(asked(1000, 5000), NOW)).toBe(NOW - 5000 + CRAWL_INTERVAL_MS)
  expect(nextCrawl(asked(1000, CRAWL_INTERVAL_MS), NOW)).toBeNull()
  expect(nextCrawl(asked(1000, null), NOW)).toBeNull()
  // The room's clock was wrong then.
  expect(nextCrawl(asked(-10 * CRAWL_INTERVAL_MS), NOW)).toBeNull()
})
