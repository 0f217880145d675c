import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { OAUTH_SIGN_IN_MAX_AGE_MS } from '../../wire/oauth-limits.ts'
import { changeOAuthDevice } from '../store/oauth-devices.ts'
import { readOAuthLedger } from '../store/oauth-ledger.ts'
import type { Device } from './contract.ts'
import {
  agree,
  codeFor,
  CONFIDENTIAL,
  confidentialClient,
  DEVICE,
  DID,
  letIn,
  LOOPBACK,
  opens,
  signIn,
  type Stage,
  stage,
  TestClient,
} from './testing.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())
const pass = (ms: number): void => void vi.setSystemTime(Date.now() + ms)

const OTHER: Device = { id: `dev-${'2'.repeat(32)}`, userAgent: 'Other/1.0', address: '198.51.100.1' }
const begin = ({ oauth }: Stage, app: TestClient, pushed: { body: Record<string, unknown> }, device = DEVICE) =>
  oauth.authorizations.begin(new URLSearchParams({ client_id: app.clientId, request_uri: String(pushed.body.request_uri) }), device)
const publicApp = async () => {
  const here = await stage()
  return { here, app: await TestClient.make(here.send) }
}

describe('a request that is shown', () => {
  test('says who asks, for what, and where the answer goes', async () => {
    const { here, app } = await publicApp()
    await signIn(here)
    expect(await begin(here, app, await app.push({ login_hint: 'alice.test', ui_locales: 'de-DE en' }))).toMatchObject({
      kind: 'ask',
      request: {
        client: { id: LOOPBACK, host: null, isTrusted: false, isConfidential: false },
        scopes: ['atproto', 'transition:generic'],
        loginHint: 'alice.test',
        locales: ['de-DE', 'en'],
        redirectsTo: '127.0.0.1',
        account: { did: DID, handle: 'alice.test', isLoginRequired: false, grantedBefore: [] },
      },
    })
  })

  test('names the host of a client, and trusts its name where the integrator does', async () => {
    const here = await stage({ settings: { hooks: { getClientInfo: (id) => ({ isTrusted: id === CONFIDENTIAL }) } } })
    const { app } = await confidentialClient(here)
    await signIn(here)
    expect(await begin(here, app, await app.push())).toMatchObject({
      request: { client: { host: 'app.example.com', name: 'An app', isTrusted: true, isConfidential: true } },
    })
  })

  test('wants a sign-in where nobody is signed in, where that was a week ago, or where the app wants a fresh one', async () => {
    const { here, app } = await publicApp()
    const isLoginRequired = async (changed: Record<string, string> = {}) => {
      const begun = await begin(here, app, await app.push(changed))
      return begun.kind === 'ask' && begun.request.account.isLoginRequired
    }
    expect(await isLoginRequired()).toBe(true)
    await signIn(here)
    expect(await isLoginRequired()).toBe(false)
    pass(1)
    expect(await isLoginRequired({ prompt: 'login' })).toBe(true)
    expect(await isLoginRequired({ max_age: '3600' })).toBe(false)
    pass(3_601_000)
    expect(await isLoginRequired({ max_age: '3600' })).toBe(true)
    pass(OAUTH_SIGN_IN_MAX_AGE_MS)
    expect(await isLoginRequired()).toBe(true)
  })

  test('is not agreed to by anybody who is not signed in', async () => {
    const { here, app } = await publicApp()
    await changeOAuthDevice(here.store, DEVICE.id, () => ({ id: DEVICE.id, userAgent: null, address: null, createdAt: 0, lastSeenAt: 0 }))
    const refused = await agree(here, LOOPBACK, String((await app.push()).body.request_uri))
    expect([refused.get('error'), refused.get('code')]).toEqual(['login_required', null])
    const { body } = await app.push({ prompt: 'login' })
    await signIn(here)
    expect((await agree(here, LOOPBACK, String(body.request_uri))).get('code')).toMatch(/^cod-/)
  })

  test('belongs to the device that opened it: no other agrees to it, or goes on with it', async () => {
    const { here, app } = await publicApp()
    await signIn(here)
    await signIn(here, OTHER)
    const pushed = await app.push()
    await begin(here, app, pushed)
    await expect(here.oauth.authorizations.accept({ requestUri: String(pushed.body.request_uri), device: OTHER })).rejects.toMatchObject({
      error: 'access_denied',
    })
    const again = await app.push()
    await begin(here, app, again)
    expect(await begin(here, app, again, OTHER)).toMatchObject({ kind: 'reply', reply: { outcome: 'access_denied' } })
  })

  test('that somebody refuses who is not signed in is over, and not in the ledger as the owner’s word', async () => {
    const { here, app } = await publicApp()
    const refuse = async () => {
      const pushed = await app.push()
      await begin(here, app, pushed)
      return here.oauth.authorizations.deny({ requestUri: String(pushed.body.request_uri), device: DEVICE })
    }
    expect(await refuse()).toMatchObject({ outcome: 'access_denied' })
    expect(await readOAuthLedger(here.store)).toEqual([])
    await signIn(here)
    await refuse()
    expect(await readOAuthLedger(here.store)).toMatchObject([{ what: 'denial', clientId: LOOPBACK }])
  })

  test('is answered once', async () => {
    const { here, app } = await publicApp()
    await signIn(here)
    const { body } = await app.push()
    const requestUri = String(body.request_uri)
    await agree(here, LOOPBACK, requestUri)
    await expect(here.oauth.authorizations.accept({ requestUri, device: DEVICE })).rejects.toMatchObject({ error: 'access_denied' })
  })

  test('of another client than the address names goes back with an error', async () => {
    const { here, app } = await publicApp()
    await signIn(here)
    const pushed = await app.push()
    const { app: other } = await confidentialClient(here)
    expect(await begin(here, other, pushed)).toMatchObject({ kind: 'reply', reply: { outcome: 'access_denied' } })
  })

  test('is not shown where the app wants no page: it gets what it had before, or an error', async () => {
    const here = await stage()
    const { app } = await confidentialClient(here)
    const outcome = async () => {
      const begun = await begin(here, app, await app.push({ prompt: 'none', login_hint: 'alice.test' }))
      return begun.kind === 'reply' && begun.reply.outcome
    }
    expect(await outcome()).toBe('login_required')
    await signIn(here)
    expect(await outcome()).toBe('consent_required')
    await letIn(here, app)
    expect(await outcome()).toBe('granted')
    expect(await readOAuthLedger(here.store)).toMatchObject([
      { what: 'consent', clientId: CONFIDENTIAL, scope: 'atproto transition:generic', note: 'without a question' },
      { what: 'consent' },
    ])
  })

  test('is not answered by a sign-in that is older than the app takes, with a page or without one', async () => {
    const here = await stage()
    const { app } = await confidentialClient(here)
    await letIn(here, app)
    pass(3_601_000)
    const asked = { login_hint: 'alice.test', max_age: '3600' }
    expect(await begin(here, app, await app.push({ ...asked, prompt: 'none' }))).toMatchObject({
      kind: 'reply',
      isSilent: true,
      reply: { outcome: 'login_required' },
    })
    expect(await begin(here, app, await app.push(asked))).toMatchObject({ kind: 'ask', request: { account: { isLoginRequired: true } } })
    await signIn(here)
    expect(await begin(here, app, await app.push(asked))).toMatchObject({ kind: 'reply', reply: { outcome: 'granted' } })
  })

  test('is never answered without a page for a client that cannot prove itself', async () => {
    const { app } = await publicApp()
    expect(await app.push({ prompt: 'none' })).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })
})

describe('what the owner allows', () => {
  test('may be less than what was asked for, but not more, and not without atproto', async () => {
    const { here, app } = await publicApp()
    expect(await letIn(here, app, { scopes: ['atproto', 'identity:*'] })).toMatchObject({ scope: 'atproto' })
    const { body } = await app.push()
    const reply = await agree(here, LOOPBACK, String(body.request_uri), { scopes: ['transition:generic'] })
    expect(reply.get('error')).toBe('access_denied')
  })

  test('is remembered of a client that can prove itself, as far as it went', async () => {
    const here = await stage()
    const { app } = await confidentialClient(here)
    await letIn(here, app, { scopes: ['atproto'] })
    expect(await begin(here, app, await app.push())).toMatchObject({ request: { account: { grantedBefore: ['atproto'] } } })
    expect(await here.oauth.authorizations.clients()).toMatchObject([{ clientId: CONFIDENTIAL, scopes: ['atproto'] }])
  })

  test('is asked about again where it was for a time only, or where the owner has since taken the tick away', async () => {
    const here = await stage()
    const { app } = await confidentialClient(here)
    const silent = async () => {
      app.verifier = crypto.randomUUID().repeat(2)
      const begun = await begin(here, app, await app.push({ prompt: 'none', login_hint: 'alice.test' }))
      return begun.kind === 'reply' && begun.reply.outcome
    }
    await letIn(here, app, { until: Date.now() + 3_600_000 })
    expect(await silent()).toBe('consent_required')
    await letIn(here, app)
    expect(await silent()).toBe('granted')
    app.verifier = crypto.randomUUID().repeat(2)
    await agree(here, CONFIDENTIAL, String((await app.push({ prompt: 'consent' })).body.request_uri), { scopes: ['atproto'] })
    expect(await silent()).toBe('consent_required')
  })

  test('is taken back: one grant, those of a client or a device, all', async () => {
    const { here, app } = await publicApp()
    const { authorizations } = here.oauth
    const first = await letIn(here, app)
    expect(await opens(here, app, first.access_token)).toBe(true)
    const [grant] = await authorizations.grants()
    expect(grant).toMatchObject({ clientId: LOOPBACK, deviceId: DEVICE.id, scopes: ['atproto', 'transition:generic'] })
    expect(await authorizations.revoke({ id: grant!.id })).toBe(1)
    expect(await opens(here, app, first.access_token)).toBe(false)
    for (const which of [{ clientId: LOOPBACK }, { deviceId: DEVICE.id }, 'all'] as const) {
      app.verifier = crypto.randomUUID().repeat(2)
      await letIn(here, app)
      expect(await authorizations.revoke(which)).toBe(1)
    }
    expect(await authorizations.grants()).toEqual([])
  })

  test('is taken back while its code is on the way', async () => {
    const { here, app } = await publicApp()
    for (const which of [{ clientId: LOOPBACK }, { deviceId: DEVICE.id }, 'all'] as const) {
      app.verifier = crypto.randomUUID().repeat(2)
      const code = await codeFor(here, app)
      await here.oauth.authorizations.revoke(which)
      expect(await app.exchange(code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    }
    app.verifier = crypto.randomUUID().repeat(2)
    const code = await codeFor(here, app)
    await here.oauth.authorizations.revoke({ clientId: CONFIDENTIAL })
    expect(await app.exchange(code)).toMatchObject({ status: 200 })
  })

  test('is forgotten with the client', async () => {
    const here = await stage()
    const { app } = await confidentialClient(here)
    await letIn(here, app)
    await here.oauth.authorizations.forget(CONFIDENTIAL)
    expect([await here.oauth.authorizations.clients(), await here.oauth.authorizations.grants()]).toEqual([[], []])
  })
})
