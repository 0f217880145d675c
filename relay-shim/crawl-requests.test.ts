import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CRAWL_INTERVAL_MS } from '../wire/limits.ts'
import { CrawlRequests } from './crawl-requests.ts'
import { type FakeRelay, startFakeRelay } from './testing/fake-relay.ts'
import { MemoryPort } from './testing/memory-port.ts'

let relay: FakeRelay
let port: MemoryPort

beforeEach(async () => {
  relay = await startFakeRelay()
  port = new MemoryPort({ host: 'pod.example:8443', settings: { relays: [relay.url] } })
})
afterEach(async () => {
  vi.restoreAllMocks()
  await relay.stop()
})

test('a relay is asked with the host of the room, port included', async () => {
  await new CrawlRequests(port).occasion()
  expect(relay.asked).toEqual(['pod.example:8443'])
})

test('once in 20 minutes at most, however many occasions there are, and across the room’s sleep', async () => {
  const crawls = new CrawlRequests(port)
  await Promise.all([crawls.occasion(), crawls.occasion(), crawls.occasion()])
  await new CrawlRequests(port).occasion()
  expect(relay.asked).toHaveLength(1)
  port.clockOffsetMs = CRAWL_INTERVAL_MS
  await new CrawlRequests(port).occasion()
  expect(relay.asked).toHaveLength(2)
})

test('each relay for itself: one that is down holds no other back, and is asked again with the next occasion only', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  const dead = await startFakeRelay()
  await dead.stop()
  port = new MemoryPort({ settings: { relays: [dead.url, relay.url] } })
  relay.status = 500
  const crawls = new CrawlRequests(port)
  await crawls.occasion()
  expect(warn).toHaveBeenCalledTimes(2)
  expect(warn).toHaveBeenCalledWith(expect.stringContaining('500'))
  await crawls.occasion()
  expect(relay.asked).toHaveLength(1)
  port.clockOffsetMs = CRAWL_INTERVAL_MS
  await crawls.occasion()
  expect(relay.asked).toHaveLength(2)
})

test('a clock that was set back does not silence it', async () => {
  port.clockOffsetMs = 100 * CRAWL_INTERVAL_MS
  await new CrawlRequests(port).occasion()
  port.clockOffsetMs = 0
  await new CrawlRequests(port).occasion()
  expect(relay.asked).toHaveLength(2)
})

test('without relays nothing is asked, read or written', async () => {
  port = new MemoryPort()
  await new CrawlRequests(port).occasion()
  expect(port.storage.writes).toBe(0)
})
