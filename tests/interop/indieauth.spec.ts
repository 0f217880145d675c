/** Sites that nobody here wrote: a strict client of the RFCs, and an old one, from before there was metadata. */
import { createHash, randomBytes } from 'node:crypto'
import IndieAuthHelper from 'indieauth-helper'
import * as oauth from 'oauth4webapi'
import type { Page } from 'playwright'
import { expect } from 'playwright/test'
import { allow, answerTo, deny, signInIfAsked } from '../fixtures/oauth-owner.ts'
import { startPlainSite } from '../fixtures/plain-site.ts'
import { type Road, test, type World } from '../fixtures/oauth-world.ts'

/** The pod of a test has no certificate. */
const INSECURE = { [oauth.allowInsecureRequests]: true } as const
const SITE = 'http://127.0.0.1:1/'
const CALLBACK = 'http://127.0.0.1:1/callback'

/** How a site shows that it may ask: by a token of its own. */
const byToken =
  (token: string): oauth.ClientAuth =>
  (_server, _client, _body, headers) =>
    headers.set('authorization', `Bearer ${token}`)

const discover = async (world: World): Promise<oauth.AuthorizationServer> => {
  const issuer = new URL('/indieauth', world.url)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...INSECURE, algorithm: 'oauth2' }))
}

/** The owner's part, in either browser. @returns what comes back to the site */
const answered = async (
  world: World,
  road: Road,
  address: string,
  redirectUri: string,
  act: (page: Page) => Promise<void>,
  between: () => Promise<void> = async () => {},
): Promise<URLSearchParams> => {
  const page = await world.page(road)
  await page.goto(address)
  await between()
  await signInIfAsked(page)
  await between()
  const answer = await answerTo(page, redirectUri, () => act(page))
  await page.close()
  return answer
}

/** One sign-in by the strict client. @param between is waited for after each step */
const signIn = async (
  world: World,
  road: Road,
  { scope = 'profile email', clientId = SITE, redirectUri = CALLBACK, between = async () => {} } = {},
) => {
  const server = await discover(world)
  const client: oauth.Client = { client_id: clientId }
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = new URL(server.authorization_endpoint!)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  await between()
  const answer = await answered(world, road, url.href, redirectUri, allow, between)
  const params = oauth.validateAuthResponse(server, client, answer, state)
  await between()
  const exchange = () => oauth.authorizationCodeGrantRequest(server, client, oauth.None(), params, redirectUri, verifier, INSECURE)
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, await exchange())
  await between()
  return {
    server,
    tokens,
    exchangeAgain: async () => oauth.processAuthorizationCodeResponse(server, client, await exchange()),
    userinfo: (token: string) =>
      oauth.protectedResourceRequest(token, 'GET', new URL(server.userinfo_endpoint!), undefined, undefined, INSECURE),
    introspect: async (token: string, by: string) =>
      oauth.processIntrospectionResponse(server, client, await oauth.introspectionRequest(server, client, byToken(by), token, INSECURE)),
    refresh: async (token: string) =>
      oauth.processRefreshTokenResponse(
        server,
        client,
        await oauth.refreshTokenGrantRequest(server, client, oauth.None(), token, INSECURE),
      ),
    revoke: async (token: string) =>
      oauth.processRevocationResponse(await oauth.revocationRequest(server, client, oauth.None(), token, INSECURE)),
  }
}

const wholeFlow = async (world: World, road: Road, between: () => Promise<void>): Promise<void> => {
  const { tokens, userinfo, introspect, refresh, revoke } = await signIn(world, road, { between })
  const me = `${world.url}/`
  expect(tokens).toMatchObject({ token_type: 'bearer', me, scope: 'profile email', profile: { name: world.handle, url: me } })
  expect(await (await userinfo(tokens.access_token)).json()).toMatchObject({ name: world.handle, url: me, photo: `${world.url}/avatar` })
  await between()
  expect(await introspect(tokens.access_token, tokens.access_token)).toMatchObject({ active: true, me, client_id: SITE })
  const newer = await refresh(tokens.refresh_token!)
  expect(newer.refresh_token).not.toBe(tokens.refresh_token)
  await between()
  expect(await introspect(tokens.access_token, newer.access_token)).toEqual({ active: false })
  await revoke(newer.refresh_token!)
  await between()
  await expect(refresh(newer.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' })
  await expect(userinfo(newer.access_token)).rejects.toMatchObject({ status: 401 })
}

test('a strict client finds no fault with any answer, in the owner’s own browser', ({ world }) => wholeFlow(world, 'own', async () => {}))
test('a strict client finds no fault with any answer, through the tunnel', ({ world }) => wholeFlow(world, 'other', async () => {}))

test('requests, codes and tokens outlive the worker, killed between any two steps', async ({ world }) => {
  test.setTimeout(180_000)
  await wholeFlow(world, 'own', world.killWorker)
  await wholeFlow(world, 'other', world.killWorker)
})

test('a token of a site opens nothing of the account', async ({ world }) => {
  const { tokens } = await signIn(world, 'own')
  for (const [method, scheme] of [
    ['com.atproto.server.getSession', 'Bearer'],
    ['com.atproto.server.getSession', 'DPoP'],
    ['app.bsky.actor.getPreferences', 'Bearer'],
  ]) {
    const answer = await fetch(`${world.url}/xrpc/${method}`, { headers: { authorization: `${scheme} ${tokens.access_token}` } })
    expect([400, 401]).toContain(answer.status)
    expect(await answer.json()).toMatchObject({
      error: expect.stringMatching(/invalid_token|InvalidToken|AuthenticationRequired|invalid_dpop_proof/),
    })
  }
})

test('a code that comes twice ends what it gave', async ({ world }) => {
  const { tokens, exchangeAgain, userinfo } = await signIn(world, 'own')
  await expect(exchangeAgain()).rejects.toMatchObject({ error: 'invalid_grant' })
  await expect(userinfo(tokens.access_token)).rejects.toMatchObject({ status: 401 })
})

test('a site that publishes where its answers go gets them there, and nowhere else', async ({ world }) => {
  const clientId = 'https://notes.example/app'
  const redirectUri = 'https://elsewhere.example/back'
  world.internet.serve('notes.example', () =>
    Response.json({ client_id: clientId, client_uri: 'https://notes.example/', client_name: 'Notes', redirect_uris: [redirectUri] }),
  )
  for (const road of ['own', 'other'] as const) {
    const { tokens } = await signIn(world, road, { clientId, redirectUri, scope: 'profile' })
    expect(tokens['me']).toBe(`${world.url}/`)
  }
  const page = await world.page('own')
  const { authorization_endpoint } = await discover(world)
  const query = new URLSearchParams({ client_id: clientId, redirect_uri: 'https://evil.example/', response_type: 'code', state: 's' })
  await page.goto(`${authorization_endpoint}?${query.toString()}`)
  await expect(page.getByText('invalid_redirect_uri')).toBeVisible()
  await expect(page.getByRole('button')).toHaveCount(0)
  expect(await page.content()).not.toContain('evil.example')
  await page.close()
})

test('the owner’s no goes back as it should', async ({ world }) => {
  const server = await discover(world)
  const url = new URL(server.authorization_endpoint!)
  const challenge = await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier())
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: SITE,
    redirect_uri: CALLBACK,
    state: 'a state',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  }).toString()
  const answer = await answered(world, 'own', url.href, CALLBACK, deny)
  expect(() => oauth.validateAuthResponse(server, { client_id: SITE }, answer, 'a state')).toThrow(
    expect.objectContaining({ error: 'access_denied' }),
  )
})

/** It knows nothing of metadata and `iss`, and makes a challenge that is none (hex): that it is given by its caller. */
const oldClient = async (world: World, me: string) => {
  const verifier = randomBytes(32).toString('base64url')
  const client = new IndieAuthHelper({ me, clientId: SITE, redirectUri: CALLBACK, secret: 'a secret' })
  await client.getRelsFromUrl(me)
  const url = new URL(await client.getAuthUrl('code', ['profile', 'create']))
  url.searchParams.set('code_challenge', createHash('sha256').update(verifier).digest('base64url'))
  url.searchParams.set('code_challenge_method', 'S256')
  return { client, url, verifier, world }
}

for (const path of ['', '/', '/profile'])
  test(`an old client finds the way from the owner’s address: “${path}”`, async ({ world }) => {
    const { client, url, verifier } = await oldClient(world, world.url + path)
    expect(client.options).toMatchObject({
      authEndpoint: `${world.url}/indieauth/authorize`,
      tokenEndpoint: `${world.url}/indieauth/token`,
    })
    const answer = await answered(world, 'own', url.href, CALLBACK, allow)
    expect(client.validateState(answer.get('state') ?? '')).toMatchObject({ clientId: SITE })
    client.options.codeVerifier = verifier
    const token = await client.getToken(answer.get('code') ?? '')
    const who = await fetch(`${world.url}/indieauth/userinfo`, { headers: { authorization: `Bearer ${token}` } })
    expect(await who.json()).toMatchObject({ url: `${world.url}/` })
  })

test('an old client that has no secret of its own (PKCE) is told so, and gets nothing', async ({ world }) => {
  const { client, url } = await oldClient(world, world.url)
  url.searchParams.delete('code_challenge')
  const page = await world.page('own')
  await page.goto(url.href)
  const answer = await answerTo(page, CALLBACK, () => page.getByRole('link', { name: 'Continue to 127.0.0.1:1' }).click())
  await page.close()
  expect(answer.get('error')).toBe('invalid_request')
  expect(answer.get('error_description')).toContain('PKCE')
  await expect(client.verifyCode('a code')).rejects.toMatchObject({ message: expect.stringContaining('Error verifying') })
})

test('a page of another origin is a site all by itself: it discovers, exchanges and asks without a server', async ({ world }) => {
  const site = await startPlainSite()
  const page = await world.page('other')
  await page.goto(site.url)
  const begun = await page.evaluate(
    async ({ me, site, callback }) => {
      const link = (await fetch(me)).headers.get('link') ?? ''
      const metadata = new URL(/<([^>]+)>; rel="indieauth-metadata"/.exec(link)?.[1] ?? '', me).href
      const server = (await (await fetch(metadata)).json()) as Record<string, string>
      const verifier = 'a-verifier-'.repeat(5)
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))
      const challenge = btoa(String.fromCharCode(...digest))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replaceAll('=', '')
      const query = { response_type: 'code', client_id: site, redirect_uri: callback, state: 's', code_challenge: challenge }
      const url = `${server['authorization_endpoint']}?${new URLSearchParams({ ...query, code_challenge_method: 'S256', scope: 'profile' })}`
      return { metadata, server, url, verifier }
    },
    { me: `${world.url}/`, site: site.url, callback: site.callback },
  )
  expect(begun.metadata).toBe(`${world.url}/indieauth/metadata`)
  await page.goto(begun.url)
  await signInIfAsked(page)
  const answer = await answerTo(page, site.callback, () => allow(page))
  await page.waitForURL(`${site.callback}**`)
  const seen = await page.evaluate(
    async ({ server, verifier, code, site, callback }) => {
      const post = async (url: string | undefined, fields: Record<string, string>) =>
        (await fetch(url ?? '', { method: 'POST', body: new URLSearchParams(fields) })).json() as Promise<Record<string, string>>
      const shared = { client_id: site, redirect_uri: callback, code_verifier: verifier }
      const tokens = await post(server['token_endpoint'], { grant_type: 'authorization_code', code, ...shared })
      const headers = { authorization: `Bearer ${tokens['access_token']}` }
      const who = (await (await fetch(server['userinfo_endpoint'] ?? '', { headers })).json()) as Record<string, string>
      const picture = new Image()
      picture.src = who['photo'] ?? ''
      await picture.decode()
      await post(server['revocation_endpoint'], { token: tokens['refresh_token'] ?? '' })
      const after = (await fetch(server['userinfo_endpoint'] ?? '', { headers })).status
      return { me: tokens['me'], who, pixels: picture.naturalWidth, after }
    },
    { ...begun, code: answer.get('code') ?? '', site: site.url, callback: site.callback },
  )
  expect(seen).toMatchObject({ me: `${world.url}/`, who: { url: `${world.url}/` }, after: 401 })
  expect(seen.pixels).toBeGreaterThan(0)
  await page.close()
  await site.stop()
})
