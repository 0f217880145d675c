import { describe, expect, test } from 'vitest'
import { admitsType, DEFAULT_SETTINGS, type Settings, settingsProblems } from './settings.ts'

const problemsOf = (change: object) => settingsProblems({ ...DEFAULT_SETTINGS, ...change } as Settings)

test('what the pod comes with can be used', () => {
  expect(problemsOf({})).toEqual({})
})

test.each([
  { accessTtlMs: 60_000, refreshTtlMs: 3_600_000 },
  { blobTypes: ['image/*', 'video/mp4', 'application/vnd.api+json'] },
  { corsOrigins: ['https://bsky.app', 'http://localhost:5173'] },
  { corsOrigins: [] },
  { maxBlobBytes: 1000, blobQuotaBytes: 1_000_000 },
])('can be set: %j', (change) => {
  expect(problemsOf(change)).toEqual({})
})

test.each([
  [{ accessTtlMs: 1000 }, 'accessTtlMs', 'from 1 minute to 24 hours'],
  [{ accessTtlMs: Number.NaN }, 'accessTtlMs', 'from 1 minute'],
  [{ accessTtlMs: '7200000' }, 'accessTtlMs', 'from 1 minute'],
  [{ accessTtlMs: 7_200_000, refreshTtlMs: 3_600_000 }, 'refreshTtlMs', 'longer than access tokens'],
  [{ refreshTtlMs: Infinity }, 'refreshTtlMs', 'to 400 days'],
  [{ blobTypes: ['image'] }, 'blobTypes', '"image" is not a kind of file'],
  [{ blobTypes: [] }, 'blobTypes', 'at least one'],
  [{ blobTypes: [7] }, 'blobTypes', '7 is not a kind of file'],
  [{ blobTypes: 'image/*' }, 'blobTypes', 'listed'],
  [{ maxBlobBytes: 200_000_000 }, 'maxBlobBytes', 'to 104.8 MB'],
  [{ blobQuotaBytes: 5_000_000, maxBlobBytes: 6_000_000 }, 'blobQuotaBytes', 'less than the largest one'],
  [{ logRetentionMs: 0 }, 'logRetentionMs', 'from 1 hour'],
  [{ corsOrigins: ['https://app.example/path'] }, 'corsOrigins', 'not an origin'],
  [{ corsOrigins: ['app.example'] }, 'corsOrigins', 'not an origin'],
  [{ corsOrigins: Array.from({ length: 51 }, (_, n) => `https://${n}.example`) }, 'corsOrigins', 'At most 50'],
  [{ debugRoutes: 'yes' }, 'debugRoutes', 'on or off'],
])('is refused with one sentence: %j', (change, name, sentence) => {
  expect(problemsOf(change)).toEqual({ [name]: expect.stringContaining(sentence) })
})

describe('kinds of files', () => {
  test.each([
    [['*/*'], 'application/octet-stream', true],
    [['image/*'], 'image/png', true],
    [['image/*'], 'IMAGE/PNG; charset=x', true],
    [['image/*'], 'imagery/png', false],
    [['video/mp4'], 'video/mp4', true],
    [['video/mp4'], 'video/mp4a', false],
    [[], 'image/png', false],
  ])('%j and %s', (patterns, mime, isTaken) => {
    expect(admitsType(patterns, mime)).toBe(isTaken)
  })
})
