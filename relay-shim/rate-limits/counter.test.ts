import { beforeEach, expect, test } from 'vitest'
import { MAX_COUNTED_ADDRESSES, RATE_BURST_MS, RATE_STEPS } from '../../wire/rate-limits.ts'
import { MemoryStorage } from '../testing/memory-port.ts'
import { Counter, recallCounters, type Limit } from './counter.ts'

const MINUTE_MS = 60_000
const SHORT: Limit = { name: 'short', points: 10, windowMs: 5 * MINUTE_MS }
const DAY: Limit = { name: 'day', points: 1000, windowMs: 1440 * MINUTE_MS }
const STEP = DAY.points / RATE_STEPS

let storage: MemoryStorage
beforeEach(() => void (storage = new MemoryStorage()))

/** As the room finds it after it slept, or was killed. */
const reopened = async (limit: Limit, now: number): Promise<Counter> => {
  const counter = new Counter(limit, storage)
  await recallCounters([counter], storage, now)
  return counter
}

test('a window begins with its first point and ends when its time is over', () => {
  const counter = new Counter(SHORT, storage)
  expect(counter.standing('a', 0)).toMatchObject({ remaining: 10, resetMs: SHORT.windowMs })
  counter.spend('a', 3, 1000)
  counter.spend('a', 9, 61_000)
  expect(counter.standing('a', 61_000)).toMatchObject({ remaining: 0, resetMs: SHORT.windowMs - 60_000 })
  expect(counter.standing('b', 61_000).remaining).toBe(10)
  expect(counter.standing('a', 1000 + SHORT.windowMs).remaining).toBe(10)
})

test('a short window costs no write', () => {
  const counter = new Counter(SHORT, storage)
  for (let n = 0; n < 100; n += 1) counter.spend(`client ${n}`, 1, n)
  expect(storage.writes).toBe(0)
})

test('points that come slowly are remembered exactly', async () => {
  const counter = new Counter(DAY, storage)
  for (let n = 0; n < 5; n += 1) counter.spend('a', 1, n * RATE_BURST_MS)
  expect((await reopened(DAY, 5 * RATE_BURST_MS)).standing('a', 5 * RATE_BURST_MS).remaining).toBe(995)
})

test('points that come fast cost a write in twenty of a limit, and sleep gives none of them back', async () => {
  let counter = new Counter(DAY, storage)
  for (let n = 1; n <= 500; n += 1) {
    counter.spend('a', 1, n)
    if (n % 100 === 0) counter = await reopened(DAY, n)
    expect(counter.standing('a', n).remaining).toBeLessThanOrEqual(1000 - n)
  }
  expect(storage.writes).toBeLessThanOrEqual(500 / STEP + 10)
  expect(counter.standing('a', 500).remaining).toBeGreaterThanOrEqual(500 - 5 * STEP)
})

test('what is over is forgotten, in storage too', async () => {
  const counter = new Counter(DAY, storage)
  counter.spend('a', 1, 0)
  counter.spend('b', 1, DAY.windowMs)
  expect([...storage.rows.keys()]).toEqual(['limit:day b'])
  await reopened(DAY, 3 * DAY.windowMs)
  expect([...storage.rows.keys()]).toEqual([])
})

test('a flood of addresses takes no more memory than was set apart for it', () => {
  const counter = new Counter(SHORT, storage)
  for (let n = 0; n < MAX_COUNTED_ADDRESSES + 10; n += 1) counter.spend(`client ${n}`, 1, n)
  expect(counter.standing('client 0', MAX_COUNTED_ADDRESSES).remaining).toBe(10)
  expect(counter.standing('client 10', MAX_COUNTED_ADDRESSES).remaining).toBe(9)
})

test('a clock that was set back makes no window longer', async () => {
  const counter = new Counter(DAY, storage)
  counter.spend('a', 1000, 50 * DAY.windowMs)
  expect((await reopened(DAY, 0)).standing('a', 0).resetMs).toBe(DAY.windowMs)
})
