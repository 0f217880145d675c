/** A client library that knows the RFCs and takes nothing for granted reads every answer of a whole sign-in; and the worker dies between any two of its steps. */
import * as oauth from 'oauth4webapi'
import { expect } from 'playwright/test'
import { loopbackId, LOOPBACK_REDIRECT } from '../fixtures/loopback-app.ts'
import { allow, answerTo, signInIfAsked } from '../fixtures/oauth-owner.ts'
import { type Road, test, type World } from '../fixtures/oauth-world.ts'

const SCOPE = 'atproto transition:generic'
/** The pod of a test has no certificate. */
const INSECURE = { [oauth.allowInsecureRequests]: true } as const

/** Repeats a request whose proof lacked the server's nonce, as the library has its callers do. */
const withNonce = async <T>(send: () => Promise<Response>, read: (response: Response) => Promise<T>): Promise<T> => {
  try {
    return await read(await send())
  } catch (cause) {
    if (!oauth.isDPoPNonceError(cause)) throw cause
    return read(await send())
  }
}

/** @param between is waited for after each step */
const signIn = async (world: World, road: Road, between: () => Promise<void>) => {
  const issuer = new URL(world.url)
  const resource = new URL('/.well-known/oauth-protected-resource', issuer)
  const described = await oauth.processResourceDiscoveryResponse(issuer, await oauth.resourceDiscoveryRequest(issuer, INSECURE))
  expect(described.authorization_servers, String(resource)).toEqual([world.url])
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...INSECURE }))
  const client: oauth.Client = { client_id: loopbackId(SCOPE), token_endpoint_auth_method: 'none' }
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
  const options = { DPoP, ...INSECURE }
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  await between()

  const pushed = await withNonce(
    async () =>
      oauth.pushedAuthorizationRequest(
        server,
        client,
        oauth.None(),
        {
          response_type: 'code',
          redirect_uri: LOOPBACK_REDIRECT,
          scope: SCOPE,
          state,
          code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        },
        options,
      ),
    (response) => oauth.processPushedAuthorizationResponse(server, client, response),
  )
  await between()

  const url = new URL(server.authorization_endpoint!)
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri }).toString()
  const page = await world.page(road)
  await page.goto(url.href)
  await between()
  await signInIfAsked(page)
  await between()
  const answer = await answerTo(page, LOOPBACK_REDIRECT, () => allow(page))
  await page.close()
  const params = oauth.validateAuthResponse(server, client, answer, state)
  await between()

  const tokens = await withNonce(
    () => oauth.authorizationCodeGrantRequest(server, client, oauth.None(), params, LOOPBACK_REDIRECT, verifier, options),
    (response) => oauth.processAuthorizationCodeResponse(server, client, response),
  )
  await between()
  const call = (token: string) =>
    withNonce(
      () =>
        oauth.protectedResourceRequest(token, 'GET', new URL('/xrpc/com.atproto.server.getSession', issuer), undefined, undefined, options),
      async (response) => (await response.json()) as { did: string },
    )
  const refresh = (token: string) =>
    withNonce(
      () => oauth.refreshTokenGrantRequest(server, client, oauth.None(), token, options),
      (response) => oauth.processRefreshTokenResponse(server, client, response),
    )
  const revoke = (token: string) =>
    withNonce(() => oauth.revocationRequest(server, client, oauth.None(), token, options), oauth.processRevocationResponse)
  return { tokens, call, refresh, revoke }
}

const wholeFlow = async (world: World, road: Road, between: () => Promise<void>): Promise<void> => {
  const { tokens, call, refresh, revoke } = await signIn(world, road, between)
  expect(tokens).toMatchObject({ token_type: 'dpop', sub: world.did, scope: SCOPE, refresh_token: expect.any(String) })
  expect(tokens.expires_in).toBeLessThan(30 * 60)
  expect(await call(tokens.access_token)).toMatchObject({ did: world.did })
  await between()
  const newer = await refresh(tokens.refresh_token!)
  expect(newer.refresh_token).not.toBe(tokens.refresh_token)
  await between()
  expect(await call(newer.access_token)).toMatchObject({ did: world.did })
  await between()
  await revoke(newer.refresh_token!)
  await between()
  await expect(refresh(newer.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' })
  await expect(call(newer.access_token)).rejects.toMatchObject({ status: 401 })
}

test('a strict client finds no fault with any answer, in the owner’s own browser', ({ world }) => wholeFlow(world, 'own', async () => {}))
test('a strict client finds no fault with any answer, through the tunnel', ({ world }) => wholeFlow(world, 'other', async () => {}))

test('nonces, requests, codes, tokens and sign-ins outlive the worker, killed between any two steps', async ({ world }) => {
  test.setTimeout(180_000)
  await wholeFlow(world, 'own', world.killWorker)
  await wholeFlow(world, 'other', world.killWorker)
})

test('of two refreshes with one token at the same moment one wins, and the session goes on', async ({ world }) => {
  const { tokens, refresh, call } = await signIn(world, 'own', async () => {})
  const both = await Promise.allSettled([refresh(tokens.refresh_token!), refresh(tokens.refresh_token!)])
  const [won, lost] = both.toSorted((a, b) => a.status.localeCompare(b.status))
  expect(lost).toMatchObject({ status: 'rejected', reason: { error: 'invalid_grant' } })
  if (won?.status !== 'fulfilled') throw new Error('nobody won')
  expect(await call(won.value.access_token)).toMatchObject({ did: world.did })
  expect((await refresh(won.value.refresh_token!)).access_token).toBeDefined()
})
