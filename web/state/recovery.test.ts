import { expect, test } from 'vitest'
import type { RecoveryCheck } from '../../wire/owner.ts'
import { readRecoveryFile, restorable } from './recovery.ts'

test('a file that cannot be a recovery file is refused before anything is asked of the worker', async () => {
  await expect(readRecoveryFile(new Blob(['not json']))).rejects.toThrow('not a recovery file')
  await expect(readRecoveryFile(new Blob(['"a string"']))).rejects.toThrow('not a recovery file')
  await expect(readRecoveryFile(new Blob([new Uint8Array(16_000_001)]))).rejects.toThrow('too large')
  expect(await readRecoveryFile(new Blob(['{"a":1}']))).toBe('{"a":1}')
})

test('a check counts what would come back, and what is missing', () => {
  const check = (mirror: RecoveryCheck['mirror']): RecoveryCheck => ({ did: 'did:web:x', handle: 'x', madeAt: '', mirror, problems: [] })
  expect(restorable(check(null))).toEqual([])
  expect(restorable(check({ rev: '', records: 1, blobs: 0, missingBlobs: 0 }))[0]).toBe('1 record in the relay’s copy.')
  expect(restorable(check({ rev: '', records: 1200, blobs: 5, missingBlobs: 2 })).join(' ')).toMatch(/1,200 records.*2 more are mentioned/)
})
