import 'fake-indexeddb/auto'
import { describe, expect, test } from 'vitest'
import { agree, codeFor, DEVICE, letIn, LOOPBACK, opens, signIn, stage, TestClient } from './testing.ts'

const REFUSED = { status: 400, body: { error: 'invalid_grant' } }

describe('a code', () => {
  test('that two come with at the same moment is good for one of them, and what that one got is worth nothing', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    const code = await codeFor(here, app)
    const answers = await Promise.all([app.exchange(code), app.exchange(code)])
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400])
    const won = answers.find(({ status }) => status === 200)!
    expect(await opens(here, app, won.body.access_token)).toBe(false)
    expect(await app.refresh(won.body.refresh_token)).toMatchObject(REFUSED)
  })

  test('that comes again later ends what it was good for, and signs the device out', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    const code = await codeFor(here, app)
    const { body } = await app.exchange(code)
    expect(await opens(here, app, body.access_token)).toBe(true)
    app.nonce = undefined
    let told = 0
    here.devices.onChange(() => void told++)
    expect(await app.exchange(code)).toMatchObject(REFUSED)
    expect(told).toBe(1)
    expect(await opens(here, app, body.access_token)).toBe(false)
    const { body: pushed } = await app.push()
    const begun = await here.oauth.authorizations.begin(
      new URLSearchParams({ client_id: LOOPBACK, ...(pushed as { request_uri: string }) }),
      DEVICE,
    )
    expect(begun).toMatchObject({ kind: 'ask', request: { account: { isLoginRequired: true } } })
  })

  test('survives a request with a wrong nonce, as the pushed request does', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    const code = await codeFor(here, app)
    const fields = { grant_type: 'authorization_code', code, redirect_uri: app.redirect, code_verifier: app.verifier }
    for (const nonce of [undefined, 'made up']) {
      app.nonce = nonce
      expect(await app.post('/oauth/token', fields)).toMatchObject({ status: 400, body: { error: 'use_dpop_nonce' } })
    }
    expect(await app.exchange(code)).toMatchObject({ status: 200 })
  })

  test.each([
    ['another verifier', { code_verifier: 'w'.repeat(50) }],
    ['another redirect_uri', { redirect_uri: 'http://127.0.0.1/elsewhere' }],
  ])('is worth nothing with %s', async (_, changed) => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    const code = await codeFor(here, app)
    expect(await app.exchange(code, changed)).toMatchObject(REFUSED)
    expect(await app.exchange(code)).toMatchObject(REFUSED)
  })

  test('is worth nothing without a verifier', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    const fields = { grant_type: 'authorization_code', code: await codeFor(here, app), redirect_uri: app.redirect }
    expect(await app.ask('/oauth/token', fields)).toMatchObject(REFUSED)
  })

  test('is worth nothing to whoever has another key, nor to another client', async () => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    const thief = await TestClient.make(here.send)
    thief.verifier = app.verifier
    expect(await thief.exchange(await codeFor(here, app))).toMatchObject(REFUSED)
    app.verifier = 'v'.repeat(60)
    const other = await TestClient.make(here.send, `${LOOPBACK}&x=1`)
    expect((await other.exchange(await codeFor(here, app))).status).toBe(400)
  })
})

describe('a request', () => {
  test.each([
    ['without a challenge', { code_challenge: '', code_challenge_method: 'S256' }, 'invalid_request'],
    ['with the challenge in plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['for another response', { response_type: 'token' }, 'unsupported_response_type'],
    ['for a scope the client has not declared', { scope: 'atproto transition:chat.bsky' }, 'invalid_scope'],
    ['without atproto', { scope: 'transition:generic' }, 'invalid_scope'],
    ['to an address that is not the client’s', { redirect_uri: 'http://127.0.0.1/elsewhere' }, 'invalid_request'],
    ['to an address of another host', { redirect_uri: 'https://evil.example/callback' }, 'invalid_request'],
    ['by reference to another', { request_uri: 'urn:ietf:params:oauth:request_uri:req-1' }, 'invalid_request'],
    ['bound to another key than its proof’s', { dpop_jkt: 'x'.repeat(43) }, 'invalid_token'],
  ])('%s is refused', async (_, changed, error) => {
    const here = await stage()
    const app = await TestClient.make(here.send)
    expect(await app.push(changed)).toMatchObject({
      status: expect.toSatisfy((status: number) => status >= 400 && status < 500),
      body: { error },
    })
  })

  test('is refused by the authorize page where it was not pushed, and nobody is sent anywhere', async () => {
    const here = await stage()
    const query = new URLSearchParams({
      client_id: LOOPBACK,
      redirect_uri: 'https://evil.example/',
      response_type: 'code',
      scope: 'atproto',
    })
    await signIn(here)
    await expect(here.oauth.authorizations.begin(query, DEVICE)).rejects.toMatchObject({
      error: 'invalid_request',
    })
  })
})

test('nonces, requests, codes, tokens and shown proofs are those of before in a worker that was killed', async () => {
  const before = await stage()
  const app = await TestClient.make(before.send)
  await signIn(before)
  const { body } = await app.push()
  const after = async () => stage({ name: before.name })

  const second = await after()
  const code = (await agree(second, LOOPBACK, String(body.request_uri))).get('code')!
  const third = await after()
  const proof = await app.proof('POST', 'http://localhost:1999/oauth/token')
  const exchange = { client_id: LOOPBACK, grant_type: 'authorization_code', code, redirect_uri: app.redirect, code_verifier: app.verifier }
  const post = (here: typeof before) =>
    here.send(
      new Request('http://localhost:1999/oauth/token', { method: 'POST', body: new URLSearchParams(exchange), headers: { dpop: proof } }),
    )
  // The nonce is the first worker's.
  const got = await (await post(third)).json()
  expect(got).toMatchObject({ token_type: 'DPoP' })
  expect(await (await post(await after())).json()).toMatchObject({ error: 'invalid_dpop_proof' })
  expect(await opens(await after(), app, got.access_token)).toBe(true)
  expect(await letIn(before, await TestClient.make(before.send))).toMatchObject({ token_type: 'DPoP' })
})
