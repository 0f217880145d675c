import 'fake-indexeddb/auto'
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { openStore } from '../store/open.ts'
import { composeOAuth } from './oauth.ts'
import { AccessDeniedError } from '@atproto/oauth-provider/errors'
import { agree, DID, letIn, LOOPBACK, opens, ORIGIN, signIn, stage, TestClient } from './testing.ts'

describe('an integrator', () => {
  test('may refuse a request, and a consent', async () => {
    const here = await stage({
      settings: {
        hooks: {
          onAuthorized: ({ parameters }) => {
            throw new AccessDeniedError(parameters, 'Not on a Sunday')
          },
        },
      },
    })
    await signIn(here)
    const { body } = await (await TestClient.make(here.send)).push()
    expect((await agree(here, LOOPBACK, String(body.request_uri))).get('error_description')).toBe('Not on a Sunday')
  })

  test('may add to the metadata', async () => {
    const { oauth } = await stage({ settings: { metadata: { authorization_details_types_supported: ['payment'] } } })
    const documents = await oauth.documents()
    const metadata = JSON.parse(documents['/.well-known/oauth-authorization-server']!)
    expect(metadata).toMatchObject({ issuer: ORIGIN, authorization_details_types_supported: ['payment'] })
    expect(documents['/.well-known/openid-configuration']).toBe(documents['/.well-known/oauth-authorization-server'])
  })

  test('may have access tokens that say what they are good for; they end with their grant all the same', async () => {
    const here = await stage({ settings: { accessTokens: 'self-contained' } })
    const app = await TestClient.make(here.send)
    const { access_token: token } = await letIn(here, app)
    expect(decodeJwt(String(token))).toMatchObject({ sub: DID, aud: DID, scope: 'atproto transition:generic', client_id: LOOPBACK })
    expect(await opens(here, app, token)).toBe(true)
    await here.oauth.authorizations.revoke('all')
    expect(await opens(here, app, token)).toBe(false)
  })

  test('without a wish has tokens that say nothing but whose they are', async () => {
    const here = await stage()
    const { access_token: token } = await letIn(here, await TestClient.make(here.send))
    expect(decodeJwt(String(token))).not.toHaveProperty('scope')
  })
})

test('a pod whose address has neither https nor localhost serves no documents of OAuth, and says why nobody signs in', async () => {
  const oauth = composeOAuth({
    store: await openStore(crypto.randomUUID()),
    identity: { did: DID, handle: 'alice.test', standing: 'active', origin: 'http://pod.test' },
    audience: DID,
    devices: { signOut: () => Promise.reject(new Error('nobody is signed in')) },
    fetch: () => Promise.reject(new Error('nothing is fetched')),
    lexicons: { get: () => Promise.reject(new Error('nothing is looked up')) },
    log: { failure: () => expect.unreachable() },
    locales: ['en'],
    now: Date.now,
  })
  expect(await oauth.documents()).toEqual({})
  const response = await oauth.endpoints.answer('/oauth/par', new Request('http://pod.test/oauth/par', { method: 'POST' }))
  expect([response?.status, await response?.json()]).toMatchObject([
    400,
    { error: 'invalid_request', error_description: expect.stringContaining('https') },
  ])
  expect(await oauth.access.nextNonce()).toBe('')
})
