import { expect, test, vi } from 'vitest'
import { StorageMeter } from './storage-meter.ts'

/** 200 rows of ten bytes, in the runtime's own form. */
const rows = new Map(Array.from({ length: 200 }, (_, n) => [`k${String(n).padStart(3, '0')}`, new Uint8Array(6)]))
const list = vi.fn(async ({ limit = Infinity, startAfter = '' }: { limit?: number; startAfter?: string }) => {
  await new Promise((resolve) => setImmediate(resolve))
  return new Map([...rows].filter(([key]) => key > startAfter).slice(0, limit))
})

test('without SQLite the rows are looked through once, whoever asks meanwhile, and what is put then is added', async () => {
  const meter = new StorageMeter({ list: (options) => list(options) })
  expect(await Promise.all([meter.read(), meter.read()])).toEqual([2000, 2000])
  meter.put({ more: new Uint8Array(96) })
  const asked = list.mock.calls.length
  expect(await meter.read()).toBe(2100)
  expect(list.mock.calls).toHaveLength(asked)
})

test('SQLite is asked, and nothing is counted', async () => {
  const sql = { databaseSize: 4096 }
  const meter = new StorageMeter({ sql, list: () => Promise.reject(new Error('not needed')) })
  meter.put({ a: new Uint8Array(10) })
  expect(await meter.read()).toBe(4096)
})
