import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { XrpcError } from '../wire/errors.ts'
import { call, DID, errorOf, type Init, json, servePod } from './served-pod.ts'

/** What becomes of a proof. */
let settled: Promise<void> = Promise.resolve()
const served = servePod({
  nextNonce: async () => 'nonce',
  authenticate: async () => ({ did: DID, scope: 'atproto transition:generic', settled }),
})

/** Handlers that run beside it have done what they do by then. */
const replayed = async (): Promise<never> => {
  await sleep(20)
  throw new XrpcError(401, 'invalid_dpop_proof', 'DPoP proof replayed')
}

const ask = (path: string, init: Init = {}) =>
  call(served, path, { ...init, scope: null, headers: { ...init.headers, authorization: 'DPoP x' } })

const POST = 'app.bsky.feed.post'
const at = `did=${encodeURIComponent(DID)}`
const records = `com.atproto.repo.listRecords?repo=${encodeURIComponent(DID)}&collection=${POST}`
const record = { $type: POST, text: 'twice', createdAt: '2026-11-22T01:00:00.000Z' }

describe('a proof that came before', () => {
  test.each([
    ['a reading', 'com.atproto.server.getSession'],
    ['one that looks into the store', 'app.bsky.actor.getPreferences'],
    ['a stream', `com.atproto.sync.getRepo?${at}`],
    ['what anyone may read', `com.atproto.sync.getLatestCommit?${at}`],
    ['what is not there', `com.atproto.sync.getRecord?${at}&collection=${POST}&rkey=nothing`],
    ['another’s repo', 'com.atproto.sync.getHead?did=did:web:other.example'],
    ['what the app may not read', 'com.atproto.server.listAppPasswords'],
    ['a token for another server', 'com.atproto.server.getServiceAuth?aud=did:web:other.example&lxm=com.example.a'],
    ['a question to another server', 'app.bsky.feed.getTimeline'],
    ['a write', 'com.atproto.repo.createRecord', json({ repo: DID, collection: POST, record })],
  ])('gets no answer, not to %s', async (_, path, init?: Init) => {
    settled = replayed()
    const response = await ask(path, init)
    expect([response.status, await errorOf(response)]).toMatchObject([401, { error: 'invalid_dpop_proof' }])
    expect(served.sent).toEqual([])
    expect(await (await call(served, records, { scope: null })).json()).toMatchObject({ records: [] })
  })
})

test('no byte is answered before the proof is good for nothing more', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  settled = promise
  let answered = 0
  const answers = ['com.atproto.server.getSession', `com.atproto.sync.getRepo?${at}`].map(async (path) => {
    const { status } = await ask(path)
    answered += 1
    return status
  })
  await sleep(50)
  expect(answered).toBe(0)
  resolve()
  expect(await Promise.all(answers)).toEqual([200, 200])
})
