/** A pod at a public name, with https and behind a web server, as docs/hosting.md has it: what names, certificates, and sites that really are other sites do to it. */
import { readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { Agent, AtpAgent } from '@atproto/api'
import type { BrowserContext, CDPSession, Page } from 'playwright'
import { buildDemo } from '../../scripts/demo-site.ts'
import { FEDCM_COOKIE } from '../../wire/device-cookie.ts'
import { UPLINK_PATH } from '../../wire/frames.ts'
import { LOGO_ICON_PATH } from '../../wire/indieauth.ts'
import { type Answer, FedCmSite, SITE_PAGE, type Visit } from '../fixtures/fedcm-site.ts'
import { confidentialClient } from '../fixtures/oauth-clients.ts'
import { allow, answerTo } from '../fixtures/oauth-owner.ts'
import { watchPolicy } from '../fixtures/page-faults.ts'
import { expect, PASSWORD } from '../fixtures/pod.ts'
import type { Seen } from '../fixtures/public-hosts.ts'
import { HOSTILE, PODS, type PublicPod, type PublicWorld, test } from '../fixtures/public-world.ts'

test.use({ name: 'public-host' })
test.describe.configure({ mode: 'serial' })

const SHOP = 'shop.example.net'
const html = { headers: { 'content-type': 'text/html; charset=utf-8' } }

let alice: PublicPod
let shop: FedCmSite
/** What browsers refused because a page's policy forbids it, in all tests. */
const refused: string[] = []
const watched = (context: BrowserContext): BrowserContext => context.on('page', (page) => refused.push(...watchPolicy(page)))

test.beforeAll(async ({ world }) => {
  // No site gets cookies of another: what FedCM is for.
  watched(await world.browser('alice', ['--test-third-party-cookie-phaseout']))
  alice = await world.pod('alice')
  world.internet.serve(SHOP, () => new Response(SITE_PAGE, html))
  shop = FedCmSite.at(`https://${SHOP}`, alice.url, world.hosts.fetch)
})

const assertExchanged = async (visit: Visit, answer: Answer): Promise<void> => {
  expect(answer).toMatchObject({ error: null, token: { metadata_endpoint: `${alice.url}/indieauth/metadata` } })
  expect(await visit.exchange(answer)).toMatchObject({ me: `${alice.url}/` })
}

/** What the browser opens, as soon as it shows that. */
const opened = async <T>(context: BrowserContext, path: string, doing: () => Promise<T>): Promise<[Page, Promise<T>]> => {
  const coming = context.waitForEvent('page', (page) => new URL(page.url()).pathname === path)
  const done = doing()
  return [await coming, done]
}

/** As a person does it: the page hears of it. */
const closing = { runBeforeUnload: true } as const

/** Requests since `from`, as host and path. */
const askedSince = ({ hosts }: PublicWorld, from: number): string[] =>
  hosts.seen.slice(from).map(({ host, path }) => host + path.split('?')[0])

test('it is made and found there: every address that it names is https, and nothing is refused on the way', async ({ world }) => {
  const { hosts } = world
  const isUplink = ({ path }: Seen): boolean => path.startsWith(UPLINK_PATH)
  expect(hosts.seen.find(isUplink)?.headers).toMatchObject({ origin: alice.url, upgrade: 'websocket' })
  expect(hosts.seen.filter((each) => !isUplink(each) && each.httpVersion !== '2.0')).toEqual([])
  expect(await alice.page.evaluate(() => [isSecureContext, navigator.serviceWorker.controller?.scriptURL])).toEqual([
    true,
    `${alice.url}/sw.js`,
  ])

  const documents: Record<string, object> = {
    '/.well-known/did.json': {
      id: `did:web:${alice.host}`,
      alsoKnownAs: [`at://${alice.host}`],
      service: [{ serviceEndpoint: alice.url }],
    },
    '/xrpc/com.atproto.server.describeServer': { did: `did:web:${alice.host}` },
    '/.well-known/oauth-protected-resource': { resource: alice.url, authorization_servers: [alice.url] },
    '/.well-known/oauth-authorization-server': { issuer: alice.url, token_endpoint: `${alice.url}/oauth/token` },
    '/indieauth/metadata': { issuer: `${alice.url}/indieauth`, token_endpoint: `${alice.url}/indieauth/token` },
    '/fedcm/config.json': { branding: { icons: [{ url: alice.url + LOGO_ICON_PATH }] } },
  }
  for (const [path, says] of Object.entries(documents)) {
    const text = await (await hosts.fetch(alice.url + path)).text()
    expect([path, JSON.parse(text)]).toMatchObject([path, says])
    expect([path, /http:|localhost|127\.0\.0\.1/.exec(text)]).toEqual([path, null])
  }
  const agent = new AtpAgent({ service: alice.url, fetch: hosts.fetch })
  await agent.login({ identifier: alice.host, password: PASSWORD })
  expect(agent.pdsUrl?.origin).toBe(alice.url)
  const { uri } = await agent.post({ text: 'from outside', createdAt: new Date().toISOString() })
  expect(uri).toContain(`at://did:web:${alice.host}/`)
})

test('a site under another domain signs the owner in: the browser looks at the registrable domain, at its usual port, and finds the pod', async ({
  world,
}) => {
  await expect.poll(async () => (await alice.context.cookies(alice.url)).map(({ name }) => name)).toEqual([FEDCM_COOKIE])
  const visit = await shop.visit(alice.context)
  const from = world.hosts.seen.length
  const answer = await visit.ask()
  expect(askedSince(world, from)).toEqual(expect.arrayContaining(['example.com/.well-known/web-identity', `${alice.host}/fedcm/assertion`]))
  expect(askedSince(world, from)).not.toContain(`${alice.host}/.well-known/web-identity`)
  // It is the registrable domains that the browser names.
  expect(visit.dialogs).toMatchObject([{ dialogType: 'AccountChooser', title: expect.stringMatching(/example\.net .*\bexample\.com$/) }])
  await assertExchanged(visit, answer)
  await visit.page.close()
})

test('who closes what the browser has opened, or says “Not now”, tells the site nothing', async () => {
  const visit = await shop.visit(alice.context)
  const nothing = { token: null, error: { code: '' } }
  const [more, unanswered] = await opened(alice.context, '/fedcm/continue', () => visit.ask({ params: { scope: 'profile email' } }))
  await expect.poll(() => more.evaluate(() => [document.title.length > 0, document.readyState])).toEqual([true, 'complete'])
  await more.close(closing)
  expect(await unanswered).toMatchObject(nothing)
  await alice.context.clearCookies({ name: FEDCM_COOKIE })
  const [login, asked] = await opened(alice.context, '/fedcm/login', () => visit.ask({ mode: 'active' }))
  await login.getByRole('button', { name: 'Not now' }).click()
  expect(await asked).toMatchObject(nothing)
  const [again, askedAgain] = await opened(alice.context, '/fedcm/login', () => visit.ask({ mode: 'active' }))
  await again.getByRole('button', { name: 'Continue' }).click()
  await assertExchanged(visit, await askedAgain)
  await visit.page.close()
})

const PHONE = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true } as const

const authenticator = async (page: Page): Promise<{ session: CDPSession; authenticatorId: string }> => {
  const session = await page.context().newCDPSession(page)
  await session.send('WebAuthn.enable')
  return { session, ...(await session.send('WebAuthn.addVirtualAuthenticator', { options: PHONE })) }
}

test('a passkey that is added on /account is for this name, and signs in to sites in another browser', async ({ world }) => {
  const page = await alice.context.newPage()
  const here = await authenticator(page)
  await page.goto(`${alice.url}/account/security`)
  await page.getByLabel('A name for the new one').fill('My phone')
  await page.getByLabel('Your password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await expect(page.getByRole('status').first()).toHaveText(/The passkey is added/)
  const { credentials } = await here.session.send('WebAuthn.getCredentials', { authenticatorId: here.authenticatorId })
  expect(credentials).toMatchObject([{ rpId: alice.host }])
  await page.close()

  const elsewhere = watched(await world.browser('elsewhere'))
  // What a browser offers to fill in, a virtual authenticator takes up at once.
  await elsewhere.addInitScript(() => Object.assign(PublicKeyCredential, { isConditionalMediationAvailable: async () => false }))
  const visit = await shop.visit(elsewhere)
  const [unused, unanswered] = await opened(elsewhere, '/fedcm/login', () => visit.ask({ mode: 'active' }))
  await unused.close(closing)
  expect(await unanswered).toMatchObject({ token: null, error: { code: '' } })
  const [login, asked] = await opened(elsewhere, '/fedcm/login', () => visit.ask({ mode: 'active' }))
  const there = await authenticator(login)
  // As one that is synced by the maker of the phone.
  for (const credential of credentials)
    await there.session.send('WebAuthn.addCredential', { authenticatorId: there.authenticatorId, credential })
  await login.getByRole('button', { name: 'Use a passkey' }).click()
  await assertExchanged(visit, await asked)
  await expect.poll(() => login.isClosed()).toBe(true)
  const cookies = await elsewhere.cookies(alice.url)
  expect(cookies.map(({ name, domain, httpOnly, secure, sameSite }) => ({ name, domain, httpOnly, secure, sameSite }))).toEqual(
    expect.arrayContaining([
      { name: '__Host-tabpod-device', domain: alice.host, httpOnly: true, secure: true, sameSite: 'Lax' },
      { name: FEDCM_COOKIE, domain: alice.host, httpOnly: true, secure: true, sameSite: 'None' },
    ]),
  )
  await visit.page.close()
})

test('a pod beside it is the same site to browsers, and gets no further than any other', async ({ world }) => {
  const forged = `<form method="post" action="${alice.url}/account"><input name="do" value="end-grants"><button>go</button></form>`
  world.internet.serve(HOSTILE, () => new Response(`<iframe src="${alice.url}/account"></iframe>${forged}`, html))
  for (const who of ['alice', 'elsewhere']) {
    const page = await (await world.browser(who)).newPage()
    await page.goto(`https://${HOSTILE}/`)
    await expect.poll(() => page.frames()[1]?.url()).toBe('chrome-error://chromewebdata/')
    const got = await page.evaluate(
      async ({ pod, pods, rpId }) => {
        for (const name of ['__Host-tabpod-device', '__Host-tabpod-fedcm']) document.cookie = `${name}=mine; Domain=${pods}; Path=/; Secure`
        const reads = ['/account', '/fedcm/accounts'].map((path) =>
          fetch(pod + path, { credentials: 'include' }).then(({ status }) => status),
        )
        const publicKey = { rpId, challenge: new Uint8Array(32) }
        const all = await Promise.allSettled([...reads, navigator.credentials.get({ publicKey })])
        return [document.cookie, ...all.map((each) => (each.status === 'fulfilled' ? each.value : (each.reason as Error).name))]
      },
      { pod: alice.url, pods: PODS, rpId: alice.host },
    )
    expect(got).toEqual(['', 'TypeError', 403, 'SecurityError'])
    await page.getByRole('button').click()
    await expect(page.getByText('This did not come from here')).toBeVisible()
    await page.close()
  }
})

test('an app that publishes itself at an https name signs in there, and calls with proofs for the public address', async ({ world }) => {
  const { hosts, internet } = world
  const host = 'client.example.org'
  const client = await confidentialClient(alice.url, 'atproto transition:generic', internet, host, hosts.fetch)
  const page = await (await world.browser('elsewhere')).newPage()
  const from = hosts.seen.length
  await page.goto((await client.authorize(alice.host)).href)
  const { session } = await client.callback(await answerTo(page, `https://${host}/callback`, () => allow(page)))
  await page.close()
  expect(session.did).toBe(`did:web:${alice.host}`)
  const agent = new Agent(session)
  await agent.post({ text: 'by an app', createdAt: new Date().toISOString() })
  const { data } = await agent.com.atproto.server.getSession()
  expect(data).toMatchObject({ did: session.did, handle: alice.host })
  expect(internet.asked).toContain(`${host}/client-metadata.json`)
  const proofs = hosts.seen.slice(from).flatMap(({ headers }) => (typeof headers['dpop'] === 'string' ? [headers['dpop']] : []))
  const addresses = new Set(
    proofs.map((proof) => (JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()) as { htu: string }).htu),
  )
  expect([...addresses]).toEqual(expect.arrayContaining([`${alice.url}/oauth/token`, `${alice.url}/xrpc/com.atproto.server.getSession`]))
  expect([...addresses].filter((each) => !each.startsWith(`${alice.url}/`))).toEqual([])
  await client.revoke(session.did)
})

test('the demo at a domain of its own: by the browser’s dialog, by redirect, and as an app', async ({ world }) => {
  const host = 'demo.example.net'
  const address = `https://${host}/`
  const files = await buildDemo(address, join(world.room.directory, 'demo'))
  const types: Readonly<Record<string, string>> = {
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.css': 'text/css',
    '.json': 'application/json',
  }
  world.internet.serve(host, ({ url }) => {
    const { pathname } = new URL(url)
    const name = pathname === '/' ? '/index.html' : pathname
    return new Response(readFileSync(join(files, name)), { headers: { 'content-type': types[extname(name)] ?? '' } })
  })
  const page = await alice.context.newPage()
  const session = await alice.context.newCDPSession(page)
  session.on('FedCm.dialogShown', ({ dialogId, dialogType }) => {
    if (dialogType === 'AccountChooser') void session.send('FedCm.selectAccount', { dialogId, accountIndex: 0 })
  })
  await session.send('FedCm.enable', { disableRejectionDelay: true })
  await session.send('FedCm.resetCooldown')
  const roads: ReadonlyArray<readonly [road: RegExp | null, button: string, who: string]> = [
    [null, 'Sign in with the browser', `${alice.url}/`],
    [/^IndieAuth/, 'Sign in with this address', `${alice.url}/`],
    [/^AT Protocol/, 'Sign in to this app', `did:web:${alice.host}`],
  ]
  for (const [road, button, who] of roads) {
    await page.goto(address)
    await page.getByLabel('Address of the pod').fill(alice.url)
    if (road) await page.getByRole('radio', { name: road }).check()
    await page.getByRole('button', { name: button }).click()
    if (road) await page.getByRole('button', { name: 'Allow' }).click()
    await expect(page.getByTestId('identity')).toContainText(who)
    await expect(page.getByTestId('trace')).not.toContainText('failed')
  }
  await page.close()
})

test('a second pod below the domain is refused by the browser, which says why; a site that takes any registered one has it', async ({
  world,
}) => {
  // For the next test, too: meanwhile the room stops waiting for that tab.
  await alice.page.close()
  watched(await world.browser('bob', ['--enable-features=FedCmIdPRegistration,FedCmLightweightMode']))
  const bob = await world.pod('bob')
  const site = FedCmSite.at(`https://${SHOP}`, bob.url, world.hosts.fetch)
  const visit = await site.visit(bob.context)
  const said: string[] = []
  visit.page.on('console', (message) => said.push(message.text()))
  expect(await visit.ask()).toMatchObject({ token: null, error: { name: 'NetworkError' } })
  await expect.poll(() => said.join('\n')).toMatch(/well-known file .* doesn't match/)
  await bob.page.getByRole('link', { name: 'Account', exact: true }).click()
  await bob.page.getByRole('button', { name: 'Register this pod' }).click()
  await expect(bob.page.getByRole('button', { name: 'Registered' })).toBeVisible()
  const answer = await visit.ask({ configURL: 'any', type: 'indieauth' })
  expect((await visit.exchange(answer)).me).toBe(`${bob.url}/`)
  await bob.context.close()
})

test('with the tab closed the dialog still comes, and a click brings the pod back and signs in', async () => {
  const visit = await shop.visit(alice.context)
  const [page, asked] = await opened(alice.context, '/fedcm/continue', () => visit.ask())
  const [home] = await opened(alice.context, '/', () => page.getByRole('button', { name: 'Continue' }).click())
  alice.page = home
  await assertExchanged(visit, await asked)
  await visit.page.close()
  expect(refused).toEqual([])
})
