import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BODY_DEADLINE_MS, CHUNK_BYTES, MAX_DOWNLOADS, MIN_UNREAD_MS } from '../wire/limits.ts'
import { Download } from './downloads.ts'

const NEVER = new Promise<void>(() => {})
let open: Download[]
beforeEach(() => {
  open = []
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
})
afterEach(() => {
  for (const download of open) download.end()
  vi.useRealTimers()
})

const begin = (cut?: (cause: Error) => void): Download => {
  const download = new Download(cut)
  open.push(download)
  return download
}

test('a client has so long for each piece, and may be that slow for ever', async () => {
  const download = begin()
  for (let n = 0; n < 5; n += 1) {
    const sent = download.send(CHUNK_BYTES, new Promise((resolve) => setTimeout(resolve, BODY_DEADLINE_MS - 1)))
    await vi.advanceTimersByTimeAsync(BODY_DEADLINE_MS - 1)
    await sent
  }
  const unread = expect(download.send(CHUNK_BYTES, NEVER)).rejects.toMatchObject({ name: 'TimeoutError' })
  await vi.advanceTimersByTimeAsync(BODY_DEADLINE_MS)
  await unread
})

test('when there are too many, the one that has waited longest for its client makes room, and only for that', async () => {
  const sent = Array.from({ length: MAX_DOWNLOADS }, () => begin()).map((download) => download.send(1, NEVER))
  const outcomes = sent.map((each) => each.then(() => 'sent').catch(({ name }: Error) => name))
  expect(() => begin()).toThrow('Too many downloads')
  await vi.advanceTimersByTimeAsync(MIN_UNREAD_MS)
  const cut = vi.fn()
  const fresh = begin(cut)
  expect(await outcomes[0]).toBe('TimeoutError')
  fresh.waits(1)
  begin().waits(1)
  expect(await outcomes[1]).toBe('TimeoutError')
  expect(cut).not.toHaveBeenCalled()
})

test('one that waits for its tab holds no place', () => {
  expect(() => Array.from({ length: 3 * MAX_DOWNLOADS }, () => begin())).not.toThrow()
})

test('however many begin to wait at once, there is an end to it', () => {
  const cut = vi.fn()
  const all = Array.from({ length: 3 * MAX_DOWNLOADS }, () => begin(cut))
  for (const download of all) download.waits(1)
  expect(cut).toHaveBeenCalledTimes(MAX_DOWNLOADS)
})

test('one that has ended holds no place and is not cut', async () => {
  const cut = vi.fn()
  for (let n = 0; n < 2 * MAX_DOWNLOADS; n += 1) {
    const download = begin(cut)
    download.waits(1)
    download.end()
  }
  await vi.advanceTimersByTimeAsync(BODY_DEADLINE_MS)
  expect(cut).not.toHaveBeenCalled()
})
