import 'fake-indexeddb/auto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import type { AuthorizationReply } from './contract.ts'
import { confidentialClient, CONFIDENTIAL, DEVICE, LOOPBACK, ORIGIN, REDIRECT, signIn, type Stage, stage, TestClient } from './testing.ts'

const answered = async (here: Stage, app: TestClient, changed: Record<string, string>, agrees = true): Promise<AuthorizationReply> => {
  await signIn(here)
  const { body } = await app.push(changed)
  const requestUri = String(body.request_uri)
  const { authorizations } = here.oauth
  await authorizations.begin(new URLSearchParams({ client_id: app.clientId, request_uri: requestUri }), DEVICE)
  return agrees ? authorizations.accept({ requestUri, device: DEVICE }) : authorizations.deny({ requestUri, device: DEVICE })
}

const publicApp = async () => {
  const here = await stage()
  return { here, app: await TestClient.make(here.send) }
}

const PLAIN = { code: expect.stringMatching(/^cod-/), state: 'state-1', iss: ORIGIN }
const fieldsOf = (reply: AuthorizationReply): Record<string, string> => {
  if (reply.kind === 'form') return { ...reply.fields }
  const { search, hash } = new URL(reply.url)
  return Object.fromEntries(new URLSearchParams(hash === '' ? search : hash.slice(1)))
}

describe('an answer', () => {
  test.each([['query'], ['']])('goes into the query, by wish or without one (%s)', async (mode) => {
    const { here, app } = await publicApp()
    const reply = await answered(here, app, mode ? { response_mode: mode } : {})
    expect(reply).toMatchObject({ kind: 'redirect', url: expect.stringContaining(`${REDIRECT}?`), outcome: 'granted' })
    expect(fieldsOf(reply)).toEqual(PLAIN)
  })

  test('goes into the fragment', async () => {
    const { here, app } = await publicApp()
    const reply = await answered(here, app, { response_mode: 'fragment' })
    expect(reply).toMatchObject({ kind: 'redirect', url: expect.stringContaining(`${REDIRECT}#`) })
    expect(fieldsOf(reply)).toEqual(PLAIN)
  })

  test('goes into a form', async () => {
    const { here, app } = await publicApp()
    const reply = await answered(here, app, { response_mode: 'form_post' })
    expect(reply).toMatchObject({ kind: 'form', action: REDIRECT, fields: PLAIN })
  })

  test('of an owner who refuses says so, and whose it is', async () => {
    const { here, app } = await publicApp()
    const reply = await answered(here, app, {}, false)
    expect(reply.outcome).toBe('access_denied')
    expect(fieldsOf(reply)).toMatchObject({ error: 'access_denied', state: 'state-1', iss: ORIGIN })
  })

  const verified = async (here: Stage, reply: AuthorizationReply) => {
    const fields = fieldsOf(reply)
    expect(Object.keys(fields)).toEqual(['response'])
    const keys = createLocalJWKSet(JSON.parse((await here.oauth.documents())['/oauth/jwks']!))
    return jwtVerify(fields.response!, keys, { issuer: ORIGIN, requiredClaims: ['exp'] })
  }

  test.each([
    ['jwt', 'redirect'],
    ['query.jwt', 'redirect'],
    ['fragment.jwt', 'redirect'],
    ['form_post.jwt', 'form'],
  ])('is signed where that is wanted (%s), as is usual by RS256', async (mode, kind) => {
    const { here, app } = await publicApp()
    let told = 0
    here.oauth.onDocuments(() => (told += 1))
    const reply = await answered(here, app, { response_mode: mode })
    expect(reply.kind).toBe(kind)
    const { payload, protectedHeader } = await verified(here, reply)
    expect(protectedHeader.alg).toBe('RS256')
    expect(payload).toMatchObject({ ...PLAIN, aud: LOOPBACK })
    // The mirror has to hear of the new key.
    expect(told).toBe(1)
  })

  test('can be signed, as the metadata say', async () => {
    const { here } = await publicApp()
    expect(JSON.parse((await here.oauth.documents())['/.well-known/oauth-authorization-server']!)).toMatchObject({
      response_modes_supported: ['query', 'fragment', 'form_post', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'],
      authorization_signing_alg_values_supported: ['RS256', 'ES256'],
    })
  })

  test('is signed by ES256 for a client that says so', async () => {
    const here = await stage()
    const { app } = await confidentialClient(here, { authorization_signed_response_alg: 'ES256' })
    const { payload, protectedHeader } = await verified(here, await answered(here, app, { response_mode: 'jwt' }, false))
    expect(protectedHeader.alg).toBe('ES256')
    expect(payload).toMatchObject({ error: 'access_denied', aud: CONFIDENTIAL })
  })
})
