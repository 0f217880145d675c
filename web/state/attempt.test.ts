import { expect, test } from 'vitest'
import { XrpcError } from '../../wire/errors.ts'
import { createAttempt } from './attempt.ts'

test('an attempt that goes well says what was done, and nothing of earlier trouble', async () => {
  const attempt = createAttempt()
  expect(await attempt.run(() => Promise.reject(new XrpcError(400, 'InvalidHandle', 'It is taken')))).toBe(false)
  expect(attempt.problem.value).toBe('It is taken.')
  expect(await attempt.run(() => Promise.resolve(), 'Saved.')).toBe(true)
  expect([attempt.problem.value, attempt.done.value, attempt.busy.value]).toEqual([null, 'Saved.', false])
})

test('a second press while the first is under way does nothing', async () => {
  const attempt = createAttempt()
  let finish = (): void => {}
  const first = attempt.run(() => new Promise<void>((resolve) => (finish = resolve)))
  let ran = false
  expect(await attempt.run(async () => void (ran = true))).toBe(false)
  expect([ran, attempt.busy.value]).toEqual([false, true])
  finish()
  expect(await first).toBe(true)
})
