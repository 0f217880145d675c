/** Apps that nobody here wrote sign in with the pod, on both roads: the owner's own browser, and another one that reaches the tab through the tunnel. */
import { Agent, AtpAgent } from '@atproto/api'
import type { NodeOAuthClient } from '@atproto/oauth-client-node'
import type { Page } from 'playwright'
import { expect } from 'playwright/test'
import { BrowserAppSite } from '../fixtures/browser-app-site.ts'
import { atcuteClient, confidentialClient, publicClient } from '../fixtures/oauth-clients.ts'
import { LOOPBACK_REDIRECT } from '../fixtures/loopback-app.ts'
import { allow, answerTo, deny, signInIfAsked } from '../fixtures/oauth-owner.ts'
import { type Road, test, type World } from '../fixtures/oauth-world.ts'
import { PASSWORD, POST } from '../fixtures/pod.ts'

const SCOPE = 'atproto transition:generic'
const ROADS: ReadonlyArray<readonly [road: Road, where: string]> = [
  ['own', 'in the owner’s own browser'],
  ['other', 'in another browser, through the tunnel'],
]

/** The owner's part of it. */
const consent = async (page: Page, url: URL | string, redirectUri: string): Promise<URLSearchParams> => {
  await page.goto(String(url))
  await signInIfAsked(page)
  return answerTo(page, redirectUri, () => allow(page))
}

/** @returns the session of who has just agreed */
const signIn = async (world: World, road: Road, client: NodeOAuthClient, redirectUri: string) => {
  const page = await world.page(road)
  const url = await client.authorize(world.url, { state: 'where I was' })
  const { session, state } = await client.callback(await consent(page, url, redirectUri))
  await page.close()
  expect(state).toBe('where I was')
  expect(session.did).toBe(world.did)
  return session
}

const postsOf = async (world: World): Promise<string[]> => {
  const query = new URLSearchParams({ repo: world.did, collection: POST })
  const { records } = (await (await fetch(`${world.url}/xrpc/com.atproto.repo.listRecords?${query}`)).json()) as {
    records: Array<{ value: { text: string } }>
  }
  return records.map(({ value }) => value.text)
}

for (const [road, where] of ROADS) {
  test(`the official client of a program signs in, writes, refreshes and signs out, ${where}`, async ({ world }) => {
    const client = publicClient(world.url, SCOPE)
    const session = await signIn(world, road, client, LOOPBACK_REDIRECT)
    const agent = new Agent(session)
    const text = `by a program, ${where}`
    await agent.post({ text, createdAt: new Date().toISOString() })
    expect(await postsOf(world)).toContain(text)
    expect((await agent.com.atproto.server.getSession()).data).toMatchObject({ did: world.did, handle: world.handle })

    const before = await session.getTokenInfo(false)
    const after = await session.getTokenInfo(true)
    expect(after.expiresAt!.getTime()).toBeGreaterThanOrEqual(before.expiresAt!.getTime())
    expect(after).toMatchObject({ sub: world.did, iss: world.url, scope: SCOPE })
    expect((await agent.com.atproto.server.getSession()).data.did).toBe(world.did)

    await session.signOut()
    await expect(client.restore(world.did)).rejects.toThrow()
  })

  test(`the official client of a server proves itself by its key, ${where}`, async ({ world }) => {
    const host = `${road}.example.com`
    const client = await confidentialClient(world.url, SCOPE, world.internet, host)
    const session = await signIn(world, road, client, `https://${host}/callback`)
    expect(world.internet.asked).toContain(`${host}/client-metadata.json`)
    expect((await new Agent(session).com.atproto.server.getSession()).data.did).toBe(world.did)
    await session.getTokenInfo(true)
    expect((await new Agent(session).com.atproto.server.getSession()).data.did).toBe(world.did)
    await client.revoke(world.did)
    await expect(client.restore(world.did)).rejects.toThrow()
  })

  test(`an independent client signs in, reads, refreshes and signs out, ${where}`, async ({ world }) => {
    const client = atcuteClient(world, SCOPE)
    const page = await world.page(road)
    const { url } = await client.authorize({ target: { type: 'pds', serviceUrl: world.url }, state: { at: 'home' } })
    const { session, state } = await client.callback(await consent(page, url, LOOPBACK_REDIRECT))
    await page.close()
    expect(state).toEqual({ at: 'home' })
    expect(session.did).toBe(world.did)
    const nameOf = async (signedIn: typeof session) => (await signedIn.handle('/xrpc/com.atproto.server.getSession')).json()
    expect(await nameOf(session)).toMatchObject({ did: world.did })
    const again = await client.restore(session.did, { refresh: true })
    expect(await nameOf(again)).toMatchObject({ did: world.did })
    await again.signOut()
    await expect(client.restore(session.did)).rejects.toThrow()
  })

  test(`the official client in a page signs in, writes, refreshes, is remembered, and signs out, ${where}`, async ({ world }) => {
    const site = await BrowserAppSite.start(world.url, SCOPE)
    const page = await world.page(road)
    await page.goto(site.url)
    expect(await page.evaluate(() => app.signedIn)).toBeNull()
    await page.evaluate(() => void app.signIn())
    await page.waitForURL(`${world.url}/**`)
    await signInIfAsked(page)
    await allow(page)
    await page.waitForURL(`${site.url}**`)
    expect(await page.evaluate(() => app.signedIn)).toBe(world.did)

    const text = `by a page, ${where}`
    const record = { $type: POST, text, createdAt: new Date().toISOString() }
    const body = JSON.stringify({ repo: world.did, collection: POST, record })
    const written = await page.evaluate(
      (body) => app.call('/xrpc/com.atproto.repo.createRecord', { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
      body,
    )
    expect(written.status).toBe(200)
    expect(await postsOf(world)).toContain(text)

    await page.evaluate(() => app.refresh())
    await page.goto(site.url)
    expect(await page.evaluate(() => app.signedIn)).toBe(world.did)
    expect(await page.evaluate(() => app.call('/xrpc/com.atproto.server.getSession'))).toMatchObject({ status: 200 })
    await page.evaluate(() => app.signOut())
    await page.goto(site.url)
    expect(await page.evaluate(() => app.signedIn)).toBeNull()
    await page.close()
    await site.stop()
  })

  test(`the official client in a page signs in by a window beside it, ${where}`, async ({ world }) => {
    const site = await BrowserAppSite.start(world.url, SCOPE)
    const page = await world.page(road)
    await page.goto(site.url)
    const opening = page.waitForEvent('popup')
    const signedIn = page.evaluate(() => app.signInBeside())
    const beside = await opening
    await beside.waitForURL(`${world.url}/**`)
    // Neither of the two windows has a hold on the other.
    expect(await beside.evaluate(() => window.opener)).toBeNull()
    await signInIfAsked(beside)
    await allow(beside)
    expect(await signedIn).toBe(world.did)
    await expect.poll(() => beside.isClosed()).toBe(true)
    await page.close()
    await site.stop()
  })

  test(`whoever is denied hears that, and nothing else, ${where}`, async ({ world }) => {
    const client = publicClient(world.url, SCOPE)
    const page = await world.page(road)
    await page.goto(String(await client.authorize(world.url)))
    await signInIfAsked(page)
    const params = await answerTo(page, LOOPBACK_REDIRECT, () => deny(page))
    expect([params.get('error'), params.get('code'), params.get('iss')]).toEqual(['access_denied', null, world.url])
    await expect(client.callback(params)).rejects.toMatchObject({ params: expect.anything() })
    await page.close()
  })
}

test('pages of an authorization are answered by the worker in the owner’s browser, by the tab through the room elsewhere', async ({
  world,
}) => {
  for (const road of ['own', 'other'] as const) {
    const url = String(await publicClient(world.url, SCOPE).authorize(world.url))
    const page = await world.page(road)
    const response = await page.goto(url)
    expect(response?.fromServiceWorker(), road).toBe(road === 'own')
    expect(response?.status()).toBe(200)
    await page.close()
  }
})

test('scopes that the owner does not grant are not in the token', async ({ world }) => {
  const client = publicClient(world.url, 'atproto repo:com.example.note blob:image/*')
  const page = await world.page('own')
  await page.goto(String(await client.authorize(world.url)))
  await signInIfAsked(page)
  await page.locator('input[name=scope][value="blob:image/*"]').uncheck()
  const { session } = await client.callback(await answerTo(page, LOOPBACK_REDIRECT, () => allow(page)))
  expect((await session.getTokenInfo(false)).scope.split(' ').toSorted()).toEqual(['atproto', 'repo:com.example.note'])
  const agent = new Agent(session)
  const note = { $type: 'com.example.note', text: 'granted' }
  await agent.com.atproto.repo.createRecord({ repo: world.did, collection: 'com.example.note', record: note })
  const refused = { status: 403, error: 'ScopeMissingError' }
  await expect(agent.post({ text: 'not granted', createdAt: new Date().toISOString() })).rejects.toMatchObject(refused)
  await expect(agent.uploadBlob(new Uint8Array([1]), { encoding: 'image/png' })).rejects.toMatchObject(refused)
  await page.close()
  await session.signOut()
})

test('a permission set is looked up where its namespace says, here on this same server, and stands for what it holds', async ({
  world,
}) => {
  const name = 'com.example.notes.authBasic'
  const lexicon = {
    $type: 'com.atproto.lexicon.schema',
    lexicon: 1,
    id: name,
    defs: {
      main: {
        type: 'permission-set',
        title: 'Notes',
        detail: 'Keep your notes.',
        permissions: [
          { type: 'permission', resource: 'repo', collection: ['com.example.notes.note'] },
          // Not of its namespace: that it claims so gives it nothing.
          { type: 'permission', resource: 'repo', collection: [POST] },
        ],
      },
    },
  }
  const owner = new AtpAgent({ service: world.url })
  await owner.login({ identifier: world.handle, password: PASSWORD })
  await owner.com.atproto.repo.createRecord({ repo: world.did, collection: lexicon.$type, rkey: name, record: lexicon, validate: false })
  world.internet.publish('_lexicon.notes.example.com', `did=${world.did}`)

  const client = publicClient(world.url, `atproto include:${name}`)
  const page = await world.page('own')
  await page.goto(String(await client.authorize(world.url)))
  await signInIfAsked(page)
  await expect(page.getByText('Keep your notes.')).toBeVisible()
  const { session } = await client.callback(await answerTo(page, LOOPBACK_REDIRECT, () => allow(page)))
  expect((await session.getTokenInfo(false)).scope.split(' ').toSorted()).toEqual(['atproto', 'repo:com.example.notes.note'])
  const agent = new Agent(session)
  const note = { $type: 'com.example.notes.note', text: 'granted by its set' }
  await agent.com.atproto.repo.createRecord({ repo: world.did, collection: note.$type, record: note })
  const post = agent.post({ text: 'not granted', createdAt: new Date().toISOString() })
  await expect(post).rejects.toMatchObject({ status: 403, error: 'ScopeMissingError' })
  await session.signOut()
  await page.close()
})
