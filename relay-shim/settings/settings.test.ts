import { expect, test } from 'vitest'
import { BLOB_BUDGET_BYTES } from '../../wire/limits.ts'
import { BadSettings, readSettings } from './settings.ts'

test('without settings no address is given away', () => expect(readSettings({}).policy).toBe('closed'))

test('a token alone means the policy token', () =>
  expect(readSettings({ TABPOD_CLAIM_TOKEN: '0123456789abcdef' })).toMatchObject({ policy: 'token', claimToken: '0123456789abcdef' }))

test('each mistake has its sentence', () => {
  const env = {
    TABPOD_POLICY: 'opne',
    TABPOD_CLAIM_TOKEN: 'short',
    TABPOD_ALLOW_LOOPBACK_EGRESS: 'yes',
    TABPOD_FIREHOSE_RETENTION_HOURS: '-1',
    TABPOD_APPVIEW: 'https://api.bsky.app',
    TABPOD_PLC_URL: 'http://plc.directory',
    TABPOD_BLOB_BUDGET_MB: 'much',
    TABPOD_RELAYS: 'https://relay.example, http://bsky.network',
    TABPOD_RATE_LIMITS: 'sometimes',
    TABPOD_TRUSTED_PROXY: 'nginx',
    TABPOD_SMTP_URL: 'https://mail.example',
    TABPOD_SMTP_FROM: 'nobody',
    TABPOD_HOSTS: 'pds.example, https://pds.example',
    TABPOD_HANDLES: 'bob.example=bob, pds.example=did:plc:abcdefghijklmnopqrstuvwx',
  }
  try {
    readSettings(env)
    expect.unreachable()
  } catch (cause) {
    expect(cause instanceof BadSettings && cause.mistakes).toHaveLength(15)
  }
})

test('a directory is optional, and kept without its slash', () => {
  expect(readSettings({}).plcUrl).toBeNull()
  expect(readSettings({ TABPOD_PLC_URL: 'https://plc.directory/' }).plcUrl).toBe('https://plc.directory')
})

test('blobs have a budget in millions of bytes, which may be none', () => {
  expect(readSettings({}).blobBudgetBytes).toBe(BLOB_BUDGET_BYTES)
  expect(readSettings({ TABPOD_BLOB_BUDGET_MB: 250 }).blobBudgetBytes).toBe(250_000_000)
  expect(readSettings({ TABPOD_BLOB_BUDGET_MB: '0' }).blobBudgetBytes).toBe(0)
})

test('relays are a list, and nobody is asked by default', () => {
  expect(readSettings({}).relays).toEqual([])
  const written = ' https://relay.example/ ,http://localhost:2470,,https://relay.example'
  expect(readSettings({ TABPOD_RELAYS: written }).relays).toEqual(['https://relay.example', 'http://localhost:2470'])
  const many = Array.from({ length: 17 }, (_, n) => `https://relay${n}.example`).join(',')
  expect(() => readSettings({ TABPOD_RELAYS: many })).toThrow('TABPOD_RELAYS must name at most 16, not 17.')
})

test('limits are on for public rooms, and what an operator says goes for all', () => {
  expect(readSettings({}).rateLimits).toBe('public')
  const read = (written: string) => readSettings({ TABPOD_RATE_LIMITS: written }).rateLimits
  expect(['on', 'off', '0.25'].map(read)).toEqual([1, 'off', 0.25])
})

test('no header says who a client is, unless the operator names who writes it', () => {
  expect(readSettings({}).trustedProxy).toBe('none')
  const read = (written: string) => readSettings({ TABPOD_TRUSTED_PROXY: written }).trustedProxy
  expect(['none', 'cloudflare', '2'].map(read)).toEqual(['none', 'cloudflare', 2])
})

test('the policy token needs a token', () =>
  expect(() => readSettings({ TABPOD_POLICY: 'token' })).toThrow('TABPOD_CLAIM_TOKEN must be set'))

test('a handle leads to a DID, and to a page where one is named', () => {
  const did = 'did:plc:abcdefghijklmnopqrstuvwx'
  expect(
    readSettings({ TABPOD_HANDLES: `Bob.example=${did}, eve.example=did:web:pds.example>https://eve.example/me?a=b` }).handles,
  ).toEqual([
    { host: 'bob.example', did, profile: null },
    { host: 'eve.example', did: 'did:web:pds.example', profile: 'https://eve.example/me?a=b' },
  ])
  for (const wrong of [
    `bob.example=${did}>http://page.example`,
    `bob.example=${did}>javascript:alert(1)`,
    `bob.example=did:key:zabc`,
    `=${did}`,
  ])
    expect(() => readSettings({ TABPOD_HANDLES: wrong })).toThrow('TABPOD_HANDLES must be')
  expect(() => readSettings({ TABPOD_HANDLES: `bob.example=${did},bob.example=${did}>https://a.example` })).toThrow(
    'names bob.example twice',
  )
})
