import { expect, test } from 'vitest'
import { ACTIVITY_CHANNEL } from '../../wire/owner.ts'
import { followed, progress, progressText } from './progress.ts'

test('progress is counted in words', () => {
  expect(progressText({ work: 'records', done: 1200 })).toBe('1,200 records')
  expect(progressText({ work: 'blobs', done: 3, total: 10_000 })).toBe('3 of 10,000 blobs')
})

test('it follows the worker while the work runs, and is gone afterwards, also when the work fails', async () => {
  const worker = new BroadcastChannel(ACTIVITY_CHANNEL)
  const seen = await followed(
    () =>
      new Promise((resolve) => {
        const stop = progress.subscribe((now) => {
          if (now === null) return
          resolve(now.done)
          queueMicrotask(() => stop())
        })
        worker.postMessage({ kind: 'progress', work: 'records', done: 7 })
      }),
  )
  worker.close()
  expect([seen, progress.value]).toEqual([7, null])
  await expect(followed(() => Promise.reject(new Error('broken off')))).rejects.toThrow('broken off')
  expect(progress.value).toBeNull()
})
