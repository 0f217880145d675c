import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  CONFIDENTIAL_REFRESH_TTL_MS,
  OAUTH_ACCESS_TTL_MS,
  OAUTH_DOCUMENT_STALE_MS,
  OAUTH_REFRESH_GRACE_MS,
} from '../../wire/oauth-limits.ts'
import { readOAuthLedger } from '../store/oauth-ledger.ts'
import { confidentialClient, letIn, makeAssertionKey, opens, stage, TestClient } from './testing.ts'

const DAY_MS = 86_400_000
const REFUSED = { status: 400, body: { error: 'invalid_grant' } }

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())
const pass = (ms: number): void => void vi.setSystemTime(Date.now() + ms)

const publicApp = async () => {
  const here = await stage()
  const app = await TestClient.make(here.send)
  return { here, app, tokens: await letIn(here, app) }
}

describe('a refresh token', () => {
  test('that two come with at the same moment is good for one of them, and the grant goes on', async () => {
    const { here, app, tokens } = await publicApp()
    const answers = await Promise.all([app.refresh(tokens.refresh_token), app.refresh(tokens.refresh_token)])
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400])
    const won = answers.find(({ status }) => status === 200)!
    expect(await opens(here, app, won.body.access_token)).toBe(true)
    expect(await app.refresh(won.body.refresh_token)).toMatchObject({ status: 200 })
  })

  test('that many come with in no order is good for one of them, however their steps interleave', async () => {
    const { here, app, tokens } = await publicApp()
    let token = tokens.refresh_token
    for (let round = 0; round < 10; round++) {
      const late = Array.from({ length: 8 }, async (_, n) => {
        for (let turn = 0; turn < n * 3; turn++) await new Promise((resolve) => setImmediate(resolve))
        return app.refresh(token)
      })
      const answers = await Promise.all(late)
      const won = answers.filter(({ status }) => status === 200)
      expect(won).toHaveLength(1)
      expect(await opens(here, app, won[0]!.body.access_token)).toBe(true)
      token = String(won[0]!.body.refresh_token)
    }
  })

  test('that comes again is refused, and after a moment ends the grant', async () => {
    const { here, app, tokens } = await publicApp()
    const { body } = await app.refresh(tokens.refresh_token)
    expect(await app.refresh(tokens.refresh_token)).toMatchObject(REFUSED)
    expect(await opens(here, app, body.access_token)).toBe(true)
    pass(OAUTH_REFRESH_GRACE_MS)
    expect(await app.refresh(tokens.refresh_token)).toMatchObject(REFUSED)
    expect(await opens(here, app, body.access_token)).toBe(false)
    expect(await app.refresh(body.refresh_token)).toMatchObject(REFUSED)
    expect((await readOAuthLedger(here.store)).slice(0, 2).toReversed()).toMatchObject([
      { what: 'refresh', outcome: 'refused', clientId: app.clientId, note: expect.stringContaining('used before') },
      { what: 'end', clientId: app.clientId },
    ])
  })

  test('goes on when the access token was shown once more after its end', async () => {
    const { here, app, tokens } = await publicApp()
    expect(await opens(here, app, tokens.access_token)).toBe(true)
    pass(OAUTH_ACCESS_TTL_MS + 1000)
    expect(await opens(here, app, tokens.access_token)).toBe(false)
    expect(await app.refresh(tokens.refresh_token)).toMatchObject({ status: 200 })
  })

  test('is worth nothing to whoever has another key', async () => {
    const { here, tokens } = await publicApp()
    expect(await (await TestClient.make(here.send)).refresh(tokens.refresh_token)).toMatchObject(REFUSED)
  })

  test('of a public client ends two weeks after the sign-in, however often it was used', async () => {
    const { here, app, tokens } = await publicApp()
    let token = tokens.refresh_token
    for (let day = 0; day < 13; day++) {
      pass(DAY_MS)
      token = (await app.refresh(token)).body.refresh_token
    }
    pass(DAY_MS + 1000)
    expect(await here.oauth.authorizations.grants()).toEqual([])
    await (await stage({ name: here.name })).oauth.documents()
    expect(await here.store.count('oauthSessions')).toBe(0)
    expect(await here.store.count('oauthRefreshTokens')).toBe(0)
    expect(await app.refresh(token)).toMatchObject(REFUSED)
  })

  test('of a confidential client lives half a year unused', async () => {
    const here = await stage()
    const { app } = await confidentialClient(here)
    const { refresh_token: first } = await letIn(here, app)
    pass(CONFIDENTIAL_REFRESH_TTL_MS - 1000)
    const { body } = await app.refresh(first)
    expect(body).toMatchObject({ token_type: 'DPoP' })
    pass(CONFIDENTIAL_REFRESH_TTL_MS + 1000)
    expect(await app.refresh(body.refresh_token)).toMatchObject(REFUSED)
  })
})

test('an access token lives less than half an hour', async () => {
  const { here, app, tokens } = await publicApp()
  expect(tokens.expires_in).toBeLessThan(1800)
  pass(OAUTH_ACCESS_TTL_MS - 1000)
  expect(await opens(here, app, tokens.access_token)).toBe(true)
  pass(2000)
  expect(await opens(here, app, tokens.access_token)).toBe(false)
})

test('a grant that the owner has set an end for ends then', async () => {
  const here = await stage()
  const app = await TestClient.make(here.send)
  const tokens = await letIn(here, app, { until: Date.now() + 600_000 })
  pass(599_000)
  expect(await opens(here, app, tokens.access_token)).toBe(true)
  const { body } = await app.refresh(tokens.refresh_token)
  pass(2000)
  expect(await opens(here, app, body.access_token)).toBe(false)
  expect(await app.refresh(body.refresh_token)).toMatchObject(REFUSED)
  expect(await here.oauth.authorizations.grants()).toEqual([])
})

describe('a key that a client takes out of its JWKS', () => {
  test('ends the grants that were bound to it, at the next look', async () => {
    const here = await stage()
    const { app, keys } = await confidentialClient(here)
    const tokens = await letIn(here, app)
    keys.unshift(await makeAssertionKey('key-2'))
    pass(OAUTH_DOCUMENT_STALE_MS + 1000)
    expect(await app.push()).toMatchObject({ status: 201 })
    expect(await opens(here, app, tokens.access_token)).toBe(true)
    keys.pop()
    pass(OAUTH_DOCUMENT_STALE_MS + 1000)
    await app.push()
    expect(await here.oauth.authorizations.grants()).toEqual([])
    expect(await opens(here, app, tokens.access_token)).toBe(false)
    expect(await readOAuthLedger(here.store)).toMatchObject([{ what: 'end', note: expect.stringContaining('key') }, { what: 'consent' }])
  })

  test('ends them where the JWKS stands in the metadata, too', async () => {
    const here = await stage()
    const key = await makeAssertionKey('inline')
    const jwks = { keys: [key.jwk] }
    const { app, keys } = await confidentialClient(here, { jwks, jwks_uri: undefined })
    keys.splice(0, 1, key)
    await letIn(here, app)
    keys.splice(0, 1, await makeAssertionKey('inline'))
    jwks.keys = [keys[0]!.jwk]
    pass(OAUTH_DOCUMENT_STALE_MS + 1000)
    expect(await app.push()).toMatchObject({ status: 201 })
    expect(await here.oauth.authorizations.grants()).toEqual([])
  })

  test('is not made up for by another key of the client', async () => {
    const here = await stage()
    const { app, keys } = await confidentialClient(here)
    const { refresh_token: token } = await letIn(here, app)
    keys.unshift(await makeAssertionKey('key-2'))
    pass(OAUTH_DOCUMENT_STALE_MS + 1000)
    expect(await app.refresh(token)).toMatchObject(REFUSED)
  })
})
