import { expect, test } from 'vitest'
import { DEFAULT_SETTINGS } from '../../wire/settings.ts'
import { settingsFrom, typedFrom } from './settings.ts'

const typed = typedFrom(DEFAULT_SETTINGS)

test('what nobody touched stays as exact as it was', () => {
  expect(typed).toMatchObject({ accessTtlMs: '120', refreshTtlMs: '90', maxBlobBytes: '104.9', blobTypes: '*/*', corsOrigins: '*' })
  expect(settingsFrom(typed, DEFAULT_SETTINGS)).toEqual({ settings: DEFAULT_SETTINGS, problems: {} })
})

test('lists are taken with commas or spaces, numbers with either decimal sign', () => {
  const change = { blobTypes: 'Image/*, video/mp4', corsOrigins: 'https://app.example/ https://b.example', maxBlobBytes: '2,5' }
  expect(settingsFrom({ ...typed, ...change }, DEFAULT_SETTINGS).settings).toMatchObject({
    blobTypes: ['image/*', 'video/mp4'],
    corsOrigins: ['https://app.example', 'https://b.example'],
    maxBlobBytes: 2_500_000,
  })
})

test('what is no number is named at its field', () => {
  const { problems } = settingsFrom({ ...typed, accessTtlMs: 'long', logRetentionMs: '' }, DEFAULT_SETTINGS)
  expect(Object.keys(problems)).toEqual(['accessTtlMs', 'logRetentionMs'])
})
