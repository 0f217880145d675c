import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DPOP_NONCE_MAX_AGE } from './constants.ts'
import { DpopNonce } from './dpop-nonce.ts'

/** Node loads the package as it is. */
const original = createRequire(import.meta.url)
const core = dirname(original.resolve('@atproto/oauth-provider/provider'))
const { DpopNonce: Original } = original(join(core, 'dpop/dpop-nonce.js')) as { DpopNonce: typeof DpopNonce }

const secret = Uint8Array.from({ length: 32 }, (_, at) => at)
const INTERVAL_MS = DPOP_NONCE_MAX_AGE / 3

beforeEach(() => void vi.useFakeTimers({ now: 1_790_000_000_000 }))
afterEach(() => void vi.useRealTimers())

test('the nonces are those of the original, interval after interval', () => {
  const [ours, theirs] = [new DpopNonce(secret), new Original(secret)]
  for (const step of [0, 1, INTERVAL_MS, INTERVAL_MS, 2 * INTERVAL_MS, 7 * INTERVAL_MS]) {
    vi.advanceTimersByTime(step)
    expect(ours.next()).toBe(theirs.next())
    expect(ours.next()).toBe(new DpopNonce(secret).next())
  }
})

test('a nonce is good until its third interval is over, and no other text ever', () => {
  const nonces = new DpopNonce(secret)
  const nonce = nonces.next()
  for (let passed = 0; passed < 3; passed++) {
    expect(nonces.check(nonce)).toBe(true)
    expect(new Original(secret).check(nonce)).toBe(true)
    vi.advanceTimersByTime(INTERVAL_MS)
  }
  expect(nonces.check(nonce)).toBe(false)
  expect(new Original(secret).check(nonce)).toBe(false)
  for (const wrong of ['', 'undefined', new DpopNonce(new Uint8Array(32)).next()]) expect(nonces.check(wrong)).toBe(false)
})
