import { type LexMap, parseCid } from '@atproto/lex-data'
import { expect, it } from 'vitest'
import { checkPath, checkRecord } from './validation.ts'

const POST = 'app.bsky.feed.post'
const TID = '3jzfcijpj2z2a'
const post = { text: 'hello', createdAt: '2026-01-01T00:00:00.000Z' }
const image = (mimeType: string, size: number): LexMap => ({
  $type: 'blob',
  ref: parseCid('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'),
  mimeType,
  size,
})
const refused = expect.objectContaining({ status: 400, error: 'InvalidRequest' })
const check =
  (record: LexMap, options: { collection?: string; rkey?: string; validate?: boolean } = {}) =>
  () =>
    checkRecord(options.collection ?? POST, options.rkey ?? TID, record, options.validate)

it('fills in $type and calls a good record valid', () => {
  expect(check(post)()).toMatchObject({ record: { $type: POST, text: 'hello' }, validationStatus: 'valid', blobs: [] })
})

it('does not check unknown lexicons unless told to, and then refuses them', () => {
  const note = { any: 'thing' }
  expect(check(note, { collection: 'com.example.note' })()).toMatchObject({ validationStatus: 'unknown' })
  expect(check(note, { collection: 'com.example.note', validate: true })).toThrow(refused)
})

it('checks nothing of the lexicon when told not to', () => {
  const result = check({ nonsense: true }, { validate: false })()
  expect(result).not.toHaveProperty('validationStatus')
})

it.each([
  ['a $type of another collection', { ...post, $type: 'app.bsky.feed.like' }, {}],
  ['a missing field', { text: 'hello' }, {}],
  ['a wrong type', { ...post, text: 7 }, {}],
  ['a bad date', { ...post, createdAt: 'yesterday' }, {}],
  ['a key that is no TID', post, { rkey: 'not-a-tid' }],
  ['a float', { ...post, size: 1.5 }, {}],
  ['a float, even unchecked', { ...post, deep: [{ size: 0.1 }] }, { validate: false }],
  [
    'a legacy blob, even unchecked',
    { image: { cid: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', mimeType: 'image/png' } },
    { validate: false },
  ],
  ['an avatar that is no image', { avatar: image('video/mp4', 10) }, { collection: 'app.bsky.actor.profile', rkey: 'self' }],
  ['an avatar that is too large', { avatar: image('image/png', 10_000_000) }, { collection: 'app.bsky.actor.profile', rkey: 'self' }],
  ['a profile under another key than self', {}, { collection: 'app.bsky.actor.profile', rkey: 'me' }],
])('refuses %s', (_what, record, options) => {
  expect(check(record as LexMap, options)).toThrow(refused)
})

it('lists the blobs a record mentions', () => {
  const { blobs } = check({ avatar: image('image/png', 1000) }, { collection: 'app.bsky.actor.profile', rkey: 'self' })()
  expect(blobs).toHaveLength(1)
})

it.each([
  ['nodots', 'a'],
  ['com.example.note', ''],
  ['com.example.note', '.'],
  ['com.example.note', '..'],
  ['com.example.note', 'a/b'],
  ['com.example.note', 'sp ace'],
  ['com.example.note', 'x'.repeat(513)],
])('refuses the path %s / %s', (collection, rkey) => {
  expect(() => checkPath(collection, rkey)).toThrow(refused)
})
