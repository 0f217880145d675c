import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import { agree, DID, LOOPBACK, ORIGIN, signIn, stage, TestClient } from './testing.ts'

test('an app gets in, calls, refreshes and signs out', async () => {
  const here = await stage()
  const { oauth, send } = here
  const app = await TestClient.make(send)
  const pushed = await app.push()
  expect(pushed).toMatchObject({ status: 201, body: { expires_in: expect.any(Number) } })
  await signIn(here)

  const back = await agree(here, LOOPBACK, String(pushed.body.request_uri))
  expect(back.get('iss')).toBe(ORIGIN)
  expect(back.get('state')).toBe('state-1')

  const got = await app.exchange(back.get('code')!)
  expect(got).toMatchObject({ status: 200, body: { token_type: 'DPoP', scope: 'atproto transition:generic', sub: DID } })

  app.nonce = await oauth.access.nextNonce()
  const access = await oauth.access.authenticate(await app.call(got.body.access_token))
  expect(access).toMatchObject({ did: DID, clientId: LOOPBACK, scope: 'atproto transition:generic', jkt: await app.jkt() })

  const again = await app.refresh(got.body.refresh_token)
  expect(again).toMatchObject({ status: 200, body: { refresh_token: expect.stringMatching(/^ref-/) } })
  expect(await oauth.authorizations.grants()).toMatchObject([{ clientId: LOOPBACK }])

  expect(await app.ask('/oauth/revoke', { token: String(again.body.refresh_token) })).toMatchObject({ status: 200 })
  expect(await app.refresh(again.body.refresh_token)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  expect(await oauth.authorizations.grants()).toEqual([])
  expect(here.failures).toEqual([])
})
