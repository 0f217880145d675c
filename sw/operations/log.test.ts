import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LOG_PAGE_ENTRIES, LOG_WRITE_DELAY_MS, MAX_LOG_PAGES, MAX_LOG_READ } from '../../wire/limits.ts'
import { openStore, type Store } from '../store/open.ts'
import { Log, type RequestFact } from './log.ts'

const HOUR_MS = 3_600_000
const fact: RequestFact = { request: 'r', origin: 'shim', method: 'GET', path: '/xrpc/com.example.get', status: 200, ms: 1.25 }

let store: Store
let name: string
beforeEach(async () => {
  name = crypto.randomUUID()
  store = await openStore(name)
  vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => {
  vi.restoreAllMocks()
  store.close()
})

const attached = (options: ConstructorParameters<typeof Log>[0] = {}): Log => {
  const log = new Log(options)
  log.attach(store)
  return log
}

test('a request is an entry without its parameters, its level by what was answered', async () => {
  const log = attached({ now: () => 1000 })
  log.request({ ...fact, path: '/xrpc/com.example.get?token=abc&cursor=1' })
  log.request({ ...fact, status: 401, error: 'AuthMissing' })
  log.request({ ...fact, status: 501 })
  log.request({ ...fact, status: 507 })
  const entries = await log.read()
  expect(entries.map(({ level }) => level)).toEqual(['error', 'warning', 'warning', 'info'])
  expect(entries[3]).toMatchObject({ kind: 'request', at: 1000, path: '/xrpc/com.example.get', ms: 1.3, origin: 'shim' })
  expect(entries[2]).toMatchObject({ error: 'AuthMissing' })
})

test('many requests share one transaction, a moment later', async () => {
  const opened = vi.spyOn(store, 'transaction')
  const log = attached()
  for (let n = 0; n < 40; n++) log.request(fact)
  expect(opened).not.toHaveBeenCalled()
  await vi.waitFor(() => expect(opened).toHaveBeenCalledTimes(1), { timeout: 2 * LOG_WRITE_DELAY_MS })
  expect(await log.read()).toHaveLength(40)
})

test('what a worker wrote before it was killed is there for the next one, in order, under growing ids', async () => {
  const before = attached()
  for (let n = 0; n < LOG_PAGE_ENTRIES + 5; n++) before.request({ ...fact, request: `first ${n}` })
  await before.flush()
  const other = await openStore(name)
  const after = new Log()
  after.note('uplink', 'online')
  after.attach(other)
  const entries = await after.read()
  expect(entries).toHaveLength(LOG_PAGE_ENTRIES + 6)
  expect(entries[0]).toMatchObject({ kind: 'uplink', message: 'online' })
  expect(entries.at(-1)).toMatchObject({ request: 'first 0' })
  expect(entries.map(({ id }) => id)).toEqual([...new Set(entries.map(({ id }) => id))].sort((a, b) => b - a))
  other.close()
})

test('an error is written at once, with its stack, and in the console', async () => {
  const log = attached()
  log.failure('the uplink failed', new RangeError('out of range'), 'a1')
  await vi.waitFor(async () => expect(await store.count('log')).toBe(1), { timeout: LOG_WRITE_DELAY_MS / 2 })
  const [entry] = await log.read()
  expect(entry).toMatchObject({ level: 'error', kind: 'failure', request: 'a1', message: 'the uplink failed: RangeError: out of range' })
  expect(entry?.kind === 'failure' && entry.stack).toContain('log.test.ts')
  expect(console.error).toHaveBeenCalledWith(expect.stringContaining('a1'), expect.any(RangeError))
})

test('pages and levels: what is older than an entry, and at least as bad', async () => {
  const log = attached()
  for (let n = 0; n < 3 * LOG_PAGE_ENTRIES; n++) log.request({ ...fact, request: String(n), status: n % 50 === 0 ? 500 : 200 })
  const first = await log.read({ limit: 120 })
  const second = await log.read({ limit: 120, before: first.at(-1)?.id ?? 0 })
  const numbers = [...first, ...second].map((entry) => (entry.kind === 'request' ? Number(entry.request) : -1))
  expect(numbers).toEqual(Array.from({ length: 240 }, (_, index) => 3 * LOG_PAGE_ENTRIES - 1 - index))
  const errors = await log.read({ level: 'error' })
  expect(errors.map((entry) => entry.kind === 'request' && entry.request)).toEqual(['250', '200', '150', '100', '50', '0'])
  expect(await log.read({ level: 'error', before: errors.at(-1)?.id ?? 0 })).toEqual([])
})

test('the ring is bounded in entries and bytes: the oldest go', async () => {
  const log = attached()
  const long = 'x'.repeat(400)
  for (let page = 0; page < MAX_LOG_PAGES + 20; page++) {
    for (let n = 0; n < LOG_PAGE_ENTRIES; n++) log.request({ ...fact, request: `${page}`, path: page % 2 ? `/${long}` : '/' })
    await log.flush()
  }
  expect(await store.count('log')).toBe(MAX_LOG_PAGES)
  const pages = await store.getAll('log')
  expect(Math.max(...pages.map(({ bytes }) => bytes))).toBeLessThan(33_000)
  expect(await log.read({ limit: 5000 })).toHaveLength(MAX_LOG_READ)
})

test('what is older than the owner wants it kept goes with the next entry', async () => {
  let now = Date.now()
  const log = attached({ now: () => now })
  log.keepFor(HOUR_MS)
  for (let n = 0; n < LOG_PAGE_ENTRIES; n++) log.request(fact)
  await log.flush()
  now += 2 * HOUR_MS
  log.request({ ...fact, request: 'new' })
  const entries = await log.read()
  expect(entries).toEqual([expect.objectContaining({ request: 'new' })])
})

test('a log that cannot be written loses entries and disturbs nobody', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const log = attached()
  store.close()
  log.request(fact)
  await expect(log.flush()).resolves.toBeUndefined()
  store = await openStore(name)
  log.attach(store)
  log.request({ ...fact, request: 'later' })
  expect(await log.read()).toHaveLength(1)
})

test('nothing that looks like a token or a password gets in, whoever’s message it stands in', async () => {
  const log = attached()
  const jwt = `${btoa('{"alg":"HS256"}').replaceAll('=', '')}.eyJzdWIiOiJkaWQifQ.c2lnbmF0dXJl`
  log.failure('fetch', new Error(`Bearer ${jwt} at https://x.example/y?code=1234&z=1 with abcd-efgh-2345-ijkl for ABCDE-FGH23`))
  log.request({ ...fact, path: `/xrpc/${jwt}` })
  log.note('uplink', `refused ${jwt}`)
  const text = JSON.stringify(await log.read())
  for (const secret of ['c2lnbmF0dXJl', 'eyJ', 'code=1234', 'abcd-efgh', 'ABCDE']) expect(text).not.toContain(secret)
  expect(text).toContain('https://x.example/y?[hidden]')
})
