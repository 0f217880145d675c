import { expect, test } from 'vitest'
import { mirrorFinding } from './health.ts'

const pod = { standing: 'active', rev: '3b', outbox: 0 } as const

test.each([
  [pod, '3b', true, 'In step'],
  [pod, '3a', false, 'The room is at 3a, this browser at 3b.'],
  [{ ...pod, outbox: 1 }, '3a', null, 'The room is at 3a'],
  [pod, null, false, 'no copy yet'],
  [pod, 'unknown', false, 'cannot be reached'],
  [pod, undefined, null, 'Asking'],
  [{ ...pod, standing: 'arriving' } as const, null, null, 'before the account is active'],
] as const)('pod %j, mirror at %s', (summary, there, isGood, text) => {
  expect(mirrorFinding(summary, there)).toEqual({ isGood, text: expect.stringContaining(text) })
})
