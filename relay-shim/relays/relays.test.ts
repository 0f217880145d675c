import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { RelayView } from '../../wire/frames.ts'
import { CRAWL_INTERVAL_MS, RELAY_LOOK_INTERVAL_MS, RELAY_OWNER_LOOK_MS, RELAY_SETTLE_MS } from '../../wire/limits.ts'
import { type FakeRelay, startFakeRelay } from '../testing/fake-relay.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { Relays } from './relays.ts'

const HOST = 'pod.example:8443'
let relay: FakeRelay
let port: MemoryPort
/** Number of the first event that a relay lacks. */
let firstLacked: number | null
let told: RelayView[][]

/** As after an eviction: all that is left is in storage. */
const wake = (): Relays => new Relays(port, { firstEventAfter: async () => firstLacked, seen: (views) => told.push(views) })
const naming = (...relays: readonly { readonly url: string }[]): void => {
  port = new MemoryPort({ host: HOST, settings: { relays: relays.map(({ url }) => url) } })
}
const says = (status: string, seq = 7): FakeRelay['look'] => ({ status: 200, body: { hostname: HOST, seq, accountCount: 1, status } })
const later = (ms: number): void => {
  port.clockOffsetMs += ms
}
/** Of the one relay, as the owner is told after an eviction. */
const view = async (): Promise<RelayView | undefined> => (await wake().views())[0]

beforeEach(async () => {
  relay = await startFakeRelay()
  naming(relay)
  firstLacked = null
  told = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  await relay.stop()
})

describe('asking to crawl', () => {
  test('a relay is asked with the host of the room, port included', async () => {
    await wake().occasion(true)
    expect(relay.asked).toEqual([HOST])
  })

  test('once in 20 minutes at most, however many occasions there are, and across the room’s sleep', async () => {
    const relays = wake()
    await Promise.all([relays.occasion(true), relays.occasion(true), relays.ownerLooks(true)])
    await wake().occasion(true)
    expect(relay.asked).toHaveLength(1)
    later(CRAWL_INTERVAL_MS - 1000)
    await wake().ownerLooks(true)
    expect(relay.asked).toHaveLength(1)
    later(1000)
    await wake().ownerLooks(true)
    expect(relay.asked).toHaveLength(2)
  })

  test('each relay for itself: one that is down holds no other back, and is asked again with the next occasion only', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const dead = await startFakeRelay()
    await dead.stop()
    naming(dead, relay)
    relay.crawl = { status: 500 }
    const relays = wake()
    await relays.occasion(true)
    expect(warn).toHaveBeenCalledTimes(2)
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('500'))
    await relays.occasion(true)
    expect(relay.asked).toHaveLength(1)
    later(CRAWL_INTERVAL_MS)
    await relays.occasion(true)
    expect(relay.asked).toHaveLength(2)
    // Both still fail, and that was said.
    expect(warn).toHaveBeenCalledTimes(2)
  })

  test('a slow relay delays no other, neither the question nor the answer to the owner', async () => {
    const slow = await startFakeRelay()
    let answer = (): void => {}
    slow.patience = new Promise((resolve) => (answer = resolve))
    naming(slow, relay)
    relay.look = says('active')
    const asking = wake().occasion(true)
    await vi.waitFor(() => expect(told.at(-1)?.map(({ status }) => status)).toEqual([null, 'active']))
    answer()
    await asking
    await slow.stop()
  })

  test('somebody else listens: only the relays that do not follow are asked, and one that has banned the host is let alone', async () => {
    relay.look = says('active')
    await wake().ownerLooks(false)
    await wake().occasion(false)
    expect(relay.asked).toEqual([])
    for (const [status, times] of [
      ['offline', 1],
      ['idle', 2],
      ['banned', 2],
      ['throttled', 2],
    ] as const) {
      vi.spyOn(console, 'warn').mockReturnValue()
      relay.look = says(status)
      later(CRAWL_INTERVAL_MS)
      await wake().ownerLooks(false)
      await wake().occasion(false)
      expect([status, relay.asked.length]).toEqual([status, times])
    }
    relay.look = { status: 404, body: { error: 'HostNotFound' } }
    later(CRAWL_INTERVAL_MS)
    await wake().ownerLooks(false)
    await wake().occasion(false)
    expect(relay.asked).toHaveLength(3)
  })

  test('a clock that was set back does not silence it', async () => {
    later(100 * CRAWL_INTERVAL_MS)
    await wake().occasion(true)
    port.clockOffsetMs = 0
    await wake().occasion(true)
    expect(relay.asked).toHaveLength(2)
  })

  test('without relays nothing is asked, read or written', async () => {
    naming()
    await wake().occasion(true)
    await wake().ownerLooks(true)
    expect(port.storage.writes).toBe(0)
  })
})

describe('how a relay sees the host', () => {
  test('is told to the owner: its word, where it is, and since when it lacks something', async () => {
    relay.look = says('active', 1_700_000_000_000_000)
    await wake().occasion(true)
    const at = expect.any(Number) as number
    const seen = { url: relay.url, askedAt: at, checkedAt: at, status: 'active', seq: 1_700_000_000_000_000, lacksSince: null, error: null }
    expect(await view()).toEqual(seen)
    expect(told).toEqual([[seen]])
    firstLacked = 1_700_000_000_900_001
    later(RELAY_LOOK_INTERVAL_MS)
    await wake().occasion(false)
    expect(await view()).toMatchObject({ lacksSince: 1_700_000_000_900 })
  })

  test('is looked at when it is asked to crawl, some minutes later, and then when 20 minutes have passed: never without an occasion', async () => {
    const times: number[] = []
    relay.look = says('active')
    for (let minute = 0; minute <= 60; minute += 1) {
      const before = relay.looks.length
      await wake().occasion(minute === 0)
      if (relay.looks.length > before) times.push(minute)
      later(60_000)
    }
    expect(times).toEqual([0, RELAY_SETTLE_MS / 60_000, 23, 43])
    expect(relay.looks[0]).toBe(HOST)
  })

  test('is looked at when the owner wants to know, but not each time', async () => {
    relay.look = says('active')
    for (let n = 0; n < 3; n += 1) await wake().ownerLooks(false)
    expect(relay.looks).toHaveLength(1)
    later(RELAY_OWNER_LOOK_MS)
    await wake().ownerLooks(false)
    expect([relay.looks.length, relay.asked.length]).toEqual([2, 0])
  })

  test('a relay that does not know the host has no word for it, and that is no error', async () => {
    await wake().occasion(true)
    expect(await view()).toMatchObject({ status: null, seq: null, error: null })
  })

  test('what it says when it refuses to crawl is kept, until it follows all the same', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    relay.crawl = { status: 401, body: { error: 'DomainBan', message: 'host domain is banned' } }
    await wake().occasion(true)
    expect(await view()).toMatchObject({ status: null, error: 'It answered with 401: host domain is banned' })
    expect(warn).toHaveBeenCalledTimes(1)
    relay.look = says('active')
    later(RELAY_OWNER_LOOK_MS)
    await wake().ownerLooks(false)
    expect(await view()).toMatchObject({ status: 'active', error: null })
  })

  test.each(['throttled', 'banned', 'offline'])('%s is a warning, once', async (status) => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    relay.look = says(status)
    await wake().occasion(true)
    later(RELAY_LOOK_INTERVAL_MS)
    await wake().occasion(false)
    expect(warn.mock.calls.flat()).toEqual([expect.stringContaining(`calls this host ${status}`)])
  })

  test.each([
    ['no JSON', { status: 200 }, 'not with a status'],
    ['a status that is none', { status: 200, body: { status: 7 } }, 'not with a status'],
    ['an error', { status: 502 }, 'It answered with 502.'],
    ['a redirect', { status: 302 }, 'It answered with 302.'],
    ['endless text', { status: 200, body: { status: 'x'.repeat(20_000) } }, 'It cannot be reached.'],
  ])('a relay that answers with %s has not told how it sees the host', async (_name, look, error) => {
    vi.spyOn(console, 'warn').mockReturnValue()
    relay.look = look
    await wake().occasion(true)
    expect(await view()).toMatchObject({ status: null, seq: null, error: expect.stringContaining(error) })
  })

  test('relays that the operator does not name any more are forgotten', async () => {
    await wake().occasion(true)
    const old = port.storage
    const other = await startFakeRelay()
    port = new MemoryPort({ host: HOST, storage: old, settings: { relays: [other.url] } })
    await wake().occasion(true)
    expect((await wake().views()).map(({ url }) => url)).toEqual([other.url])
    expect(JSON.stringify([...old.rows])).not.toContain(relay.url)
    await other.stop()
  })
})
