import 'fake-indexeddb/auto'
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { MAX_OAUTH_DOCUMENT_BYTES, MAX_REPLAY_MS } from '../../wire/oauth-limits.ts'
import {
  agree,
  ASSERTION_TYPE,
  CONFIDENTIAL,
  confidentialClient,
  letIn,
  METADATA,
  ORIGIN,
  REDIRECT,
  signIn,
  stage,
  TestClient,
} from './testing.ts'

const json = (value: unknown, init?: ResponseInit) => () => Response.json(value, init)
const PUBLIC = { ...METADATA, token_endpoint_auth_method: 'none', token_endpoint_auth_signing_alg: undefined }
const DECLINED = { status: 400, body: { error: 'invalid_client_metadata' } }

describe('what a client publishes about itself', () => {
  const push = async (answer: () => Response, clientId = CONFIDENTIAL, redirect = 'https://app.example.com/back') => {
    const here = await stage()
    here.web.set(clientId, answer)
    const app = await TestClient.make(here.send, clientId)
    app.redirect = redirect
    return { pushed: await app.push(), here }
  }

  test('is fetched, and believed', async () => {
    expect((await push(json(PUBLIC))).pushed).toMatchObject({ status: 201 })
  })

  test.each([
    ['is somewhere else', () => new Response(null, { status: 302, headers: { location: 'https://evil.example.com/' } })],
    ['is not there', () => new Response(null, { status: 404 })],
    ['is a part of it', json(PUBLIC, { status: 206 })],
    [
      'is too large',
      () =>
        new Response(JSON.stringify(PUBLIC) + ' '.repeat(MAX_OAUTH_DOCUMENT_BYTES), { headers: { 'content-type': 'application/json' } }),
    ],
    ['is no JSON', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['is of another type', () => new Response(JSON.stringify(PUBLIC), { headers: { 'content-type': 'text/plain' } })],
    ['names another client', json({ ...PUBLIC, client_id: 'https://other.example.com/client.json' })],
    ['names none', json({ ...PUBLIC, client_id: undefined })],
    ['wants tokens that are bound to no key', json({ ...PUBLIC, dpop_bound_access_tokens: false })],
    ['wants another grant', json({ ...PUBLIC, grant_types: ['authorization_code', 'implicit'] })],
    ['proves itself by a secret', json({ ...PUBLIC, token_endpoint_auth_method: 'client_secret_post' })],
    ['publishes a private key', json({ ...METADATA, jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: '1' }] } })],
  ])('is not believed where it %s', async (_, answer) => {
    const { pushed, here } = await push(answer)
    expect(pushed).toMatchObject(DECLINED)
    expect(here.failures).toEqual([])
  })

  test.each([
    ['it must not redirect', () => new Response(null, { status: 302, headers: { location: 'https://evil.example.com/' } })],
    ['the answer is 404', () => new Response(null, { status: 404 })],
    ['it is larger than 65536 bytes', () => new Response('x'.repeat(MAX_OAUTH_DOCUMENT_BYTES + 1))],
    ['it cannot be fetched', () => expect.unreachable()],
  ])('is not taken, and the client reads why: %s', async (why, answer) => {
    const { pushed } = await push(answer)
    expect(pushed.body.error_description).toMatch(new RegExp(`: ${why}$`))
  })

  test.each([
    ['http://app.example.com/client.json', 'of a client without TLS'],
    ['https://192.0.2.1/client.json', 'of an address'],
    ['https://app.example.com/../client.json', 'of a path that is written otherwise'],
    ['https://app.example.com', 'of no document'],
  ])('is not looked for at %s: %s', async (clientId) => {
    const { pushed } = await push(json({ ...PUBLIC, client_id: clientId }), clientId)
    expect(pushed).toMatchObject({ status: 400 })
  })

  test('may send a native app back to a scheme of its own, spelt as its host backwards', async () => {
    const native = { ...PUBLIC, application_type: 'native' }
    expect(
      (await push(json({ ...native, redirect_uris: ['com.example.app:/back'] }), CONFIDENTIAL, 'com.example.app:/back')).pushed.status,
    ).toBe(201)
    expect(
      (await push(json({ ...native, redirect_uris: ['com.evil.app:/back'] }), CONFIDENTIAL, 'com.evil.app:/back')).pushed.body.error,
    ).toBe('invalid_redirect_uri')
  })

  test('is for a program on this machine what its client_id says, at any port', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    app.redirect = REDIRECT.replace('127.0.0.1', '127.0.0.1:4321')
    expect(await app.push()).toMatchObject({ status: 201 })
  })
})

describe('a confidential client', () => {
  const scene = async () => {
    const here = await stage()
    return { here, ...(await confidentialClient(here)) }
  }

  test('gets in by its key', async () => {
    const { here, app } = await scene()
    expect(await letIn(here, app)).toMatchObject({ token_type: 'DPoP' })
    expect(await here.oauth.authorizations.grants()).toMatchObject([
      { clientId: CONFIDENTIAL, client: { name: 'An app', host: 'app.example.com', isConfidential: true } },
    ])
  })

  test('shows each assertion once', async () => {
    const { app, assertion } = await scene()
    const credentials = { client_assertion_type: ASSERTION_TYPE, client_assertion: await assertion() }
    app.credentials = async () => credentials
    app.nonce = (await app.post('/oauth/token', {})).headers.get('dpop-nonce')!
    expect(await app.push()).toMatchObject({ status: 201 })
    expect(await app.push()).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  test.each([
    ['meant for another server', { aud: 'https://other.example.com' }],
    ['of another client', { iss: 'https://other.example.com/client.json' }],
    ['about another client', { sub: 'https://other.example.com/client.json' }],
    ['without an id', { jti: undefined }],
  ])('is not let in by an assertion %s', async (_, changed) => {
    const { app, assertion } = await scene()
    app.credentials = async () => ({ client_assertion_type: ASSERTION_TYPE, client_assertion: await assertion(changed) })
    expect(await app.push()).toMatchObject({ status: 400, body: { error: 'invalid_client' } })
  })

  test('is not remembered for longer than its assertion would be believed, whatever end it writes, nor past the next worker', async () => {
    const here = await stage()
    const { app, assertion } = await confidentialClient(here)
    app.credentials = async () => ({ client_assertion_type: ASSERTION_TYPE, client_assertion: await assertion({}, '900 years') })
    expect(await app.push()).toMatchObject({ status: 201 })
    const rows = await here.store.getAll('oauthReplays')
    expect(rows.filter(({ until }) => until > Date.now() + MAX_REPLAY_MS)).toEqual([])
    for (const row of rows) await here.store.put('oauthReplays', { ...row, until: 1 })
    const later = await stage({ name: here.name })
    expect((await (await TestClient.make(later.send)).push()).status).toBe(201)
    expect((await later.store.getAll('oauthReplays')).filter(({ until }) => until === 1)).toEqual([])
  })

  test('is not let in by an assertion that anybody could have made, nor without one', async () => {
    const { app, keys } = await scene()
    const claims = { iss: CONFIDENTIAL, sub: CONFIDENTIAL, aud: ORIGIN, jti: crypto.randomUUID() }
    const header = { alg: 'HS256', kid: 'key-1' }
    const byPublicKey = await new SignJWT(claims)
      .setProtectedHeader(header)
      .setIssuedAt()
      .sign(new TextEncoder().encode(JSON.stringify(keys[0]!.jwk)))
    const { privateKey } = await generateKeyPair('ES256')
    const byAnother = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'key-1' }).setIssuedAt().sign(privateKey)
    const unsigned = new UnsecuredJWT(claims).setIssuedAt().encode()
    for (const client_assertion of [byPublicKey, byAnother, unsigned]) {
      app.credentials = async () => ({ client_assertion_type: ASSERTION_TYPE, client_assertion })
      expect(await app.push()).toMatchObject({ status: 400, body: { error: expect.stringMatching(/^invalid_(client|request)$/) } })
    }
    app.credentials = async () => ({})
    expect(await app.push()).toMatchObject({ status: 400 })
  })

  test('may sign what it asks for, once, and must give a state', async () => {
    const { here, app, keys } = await scene()
    const wanted = {
      response_type: 'code',
      redirect_uri: app.redirect,
      scope: 'atproto',
      state: 'signed',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
      client_id: CONFIDENTIAL,
    }
    const sign = (changed: Record<string, unknown> = {}) =>
      new SignJWT({ ...wanted, iss: CONFIDENTIAL, aud: ORIGIN, jti: crypto.randomUUID(), ...changed })
        .setProtectedHeader({ alg: 'ES256', kid: 'key-1' })
        .setIssuedAt()
        .sign(keys[0]!.privateKey)
    const request = await sign()
    const pushed = await app.ask('/oauth/par', { request })
    expect(pushed).toMatchObject({ status: 201 })
    await signIn(here)
    expect((await agree(here, CONFIDENTIAL, String(pushed.body.request_uri))).get('state')).toBe('signed')
    expect(await app.ask('/oauth/par', { request })).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    expect(await app.ask('/oauth/par', { request: await sign({ aud: 'https://other.example.com' }) })).toMatchObject({ status: 400 })
    const withoutState = { status: 400, body: { error: 'invalid_request', error_description: 'state is required' } }
    expect(await app.ask('/oauth/par', { request: await sign({ state: undefined }) })).toMatchObject(withoutState)
    const { state: _, ...stateless } = wanted
    expect(await app.ask('/oauth/par', stateless)).toMatchObject(withoutState)
    const unsigned = new UnsecuredJWT({ ...wanted, iss: CONFIDENTIAL, aud: ORIGIN, jti: '1' }).setIssuedAt().encode()
    expect(await app.ask('/oauth/par', { request: unsigned })).toMatchObject({ status: 400 })
  })
})

describe('the endpoints', () => {
  const post = async (path: string, body: BodyInit, headers: Record<string, string> = {}) => {
    const { send } = await stage()
    const response = await send(new Request(`${ORIGIN}${path}`, { method: 'POST', body, headers }))
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  test.each(['/oauth/par', '/oauth/token', '/oauth/revoke'])('%s wants POST', async (path) => {
    const { send } = await stage()
    const response = await send(new Request(`${ORIGIN}${path}`))
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test('say in every answer which nonce is next, and that nobody may keep it', async () => {
    const { headers, body } = await post('/oauth/token', '{}', { 'content-type': 'application/json' })
    expect(headers.get('dpop-nonce')).toMatch(/^[\w-]{43}$/)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({ error: 'invalid_client' })
  })

  test('take JSON, too, and nothing else than that and forms', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    await app.push()
    const fields = { client_id: app.clientId, token: 'ref-none' }
    const dpop = await app.proof('POST', `${ORIGIN}/oauth/revoke`)
    const request = new Request(`${ORIGIN}/oauth/revoke`, {
      method: 'POST',
      body: JSON.stringify(fields),
      headers: { 'content-type': 'application/json', dpop },
    })
    expect((await here.send(request)).status).toBe(200)
    expect(await post('/oauth/token', 'x', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      body: { error: 'invalid_request' },
    })
    expect(await post('/oauth/token', '[1]', { 'content-type': 'application/json' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    })
  })

  test('take nothing twice', async () => {
    const form = new URLSearchParams([
      ['client_id', 'a'],
      ['client_id', 'b'],
    ])
    expect(await post('/oauth/token', form)).toMatchObject({
      status: 400,
      body: { error: 'invalid_request', error_description: 'client_id comes twice' },
    })
  })

  test('know two grants', async () => {
    const form = new URLSearchParams({ client_id: 'https://app.example.com/client.json', grant_type: 'password' })
    expect(await post('/oauth/token', form)).toMatchObject({ status: 400, body: { error: 'unsupported_grant_type' } })
  })

  test('revoke nothing for a client that the token is not of', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    const { refresh_token: token } = await letIn(here, app)
    const other = await TestClient.make(here.send)
    expect(await other.ask('/oauth/revoke', { token: String(token) })).toMatchObject({ status: 200 })
    expect(await app.refresh(token)).toMatchObject({ status: 200 })
  })

  test('revoke for a client that sends no proof, as it need not, but not for another client', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    const { refresh_token: token } = await letIn(here, app)
    const revoke = async (clientId: string): Promise<number> => {
      const body = new URLSearchParams({ client_id: clientId, token: String(token) })
      return (await here.send(new Request(`${ORIGIN}/oauth/revoke`, { method: 'POST', body }))).status
    }
    expect(await revoke(`http://localhost?${new URLSearchParams({ scope: 'atproto' }).toString()}`)).toBe(200)
    expect(await here.oauth.authorizations.grants()).toHaveLength(1)
    expect(await revoke(app.clientId)).toBe(200)
    expect(await here.oauth.authorizations.grants()).toEqual([])
  })

  test.each([
    ['that is forged', 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJkaWQ6d2ViOmEifQ.AAAA'],
    ['whose header names no key', 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA'],
    ['of no form', 'a.b.c'],
  ])('take a token %s for one that is revoked, and find nothing amiss', async (_, token) => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    expect([(await app.ask('/oauth/revoke', { token })).status, here.failures]).toEqual([200, []])
  })

  test('say so where a client could not give its token back', async () => {
    const here = await stage()
    const { app } = await confidentialClient(here)
    const { refresh_token: token } = await letIn(here, app)
    const { credentials } = app
    app.credentials = async () => ({})
    expect((await app.ask('/oauth/revoke', { token: String(token) })).status).toBe(400)
    app.credentials = credentials
    expect(await app.refresh(token)).toMatchObject({ status: 200 })
  })

  test('take a parameter without a value for one that has not come', async () => {
    const app = await TestClient.make((await stage()).send)
    expect(await app.push({ prompt: '', login_hint: '', response_mode: '' })).toMatchObject({ status: 201 })
    expect(await app.push({ state: '' })).toMatchObject({ status: 400, body: { error_description: 'state is required' } })
  })

  test('announce no algorithm that a worker cannot verify', async () => {
    const metadata = JSON.parse((await (await stage()).oauth.documents())['/.well-known/oauth-authorization-server'] ?? '{}')
    expect(metadata.dpop_signing_alg_values_supported).toContain('ES256')
    expect(JSON.stringify(metadata)).not.toContain('ES256K')
  })
})
