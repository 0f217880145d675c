import { describe, expect, it } from 'vitest'
import { DEVICE_COOKIE, FEDCM_COOKIE } from '../../wire/device-cookie.ts'
import { FEDCM } from '../../wire/fedcm.ts'
import { MAX_FEDCM_BODY_BYTES, MAX_FEDCM_PARAMS_CHARS, MAX_FEDCM_STATE_CHARS } from '../../wire/fedcm-limits.ts'
import { isKnown } from '../indieauth/testing.ts'
import { digestOf } from '../oauth/devices.ts'
import { readOAuthLedger } from '../store/oauth-ledger.ts'
import { Browser, CHALLENGE, type FedCmStage, ME, ORIGIN, SITE, stageFedCm } from './testing.ts'

const signedIn = async (): Promise<FedCmStage> => {
  const set = await stageFedCm()
  await set.own.ask(FEDCM.session, { method: 'POST' })
  return set
}

/** What the browser shows of a refusal. */
const refused = (code: string, reason: string) => ({ error: { code, error: code, url: `/fedcm/error?reason=${reason}` } })

/** As the sites of FedCM for IndieAuth read it. */
const tokenIn = async (answer: Response): Promise<{ readonly code: string }> => {
  const { token } = (await answer.json()) as { token: string }
  return JSON.parse(token) as { code: string }
}

const NOTHING_SHOWN = { disclosure_shown_for: undefined, disclosure_text_shown: 'false' }
const EMAIL = { scope: 'profile email' }

describe('a site that asks who its user is', () => {
  it('gets a code for the token endpoint, readable by it alone, and the consent is in the ledger', async () => {
    const { own, store, sites } = await signedIn()
    const answer = await own.assertion({}, { state: 'a b' })
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': SITE,
      'access-control-allow-credentials': 'true',
      'cache-control': 'no-store',
      vary: 'origin',
    })
    const token = await tokenIn(answer)
    expect(token).toEqual({ code: expect.stringMatching(/^[\w-]{43}$/), metadata_endpoint: `${ORIGIN}/indieauth/metadata`, state: 'a b' })
    expect(await store.get('indieCodes', await digestOf(token.code))).toMatchObject({
      clientId: `${SITE}/`,
      redirectUri: null,
      scopes: ['profile'],
      codeChallenge: CHALLENGE,
    })
    expect(await isKnown(sites, `${SITE}/`, ['profile'])).toBe(true)
    expect((await readOAuthLedger(store))[0]).toMatchObject({ what: 'site', outcome: 'done', clientId: `${SITE}/`, note: 'fedcm' })
    const { accounts } = (await (await own.accounts()).json()) as { accounts: [{ approved_clients: string[] }] }
    expect(accounts[0].approved_clients).toContain(`${SITE}/`)
  })

  it('gets who it is alone where the dialog has shown neither name nor picture', async () => {
    const { own, store } = await signedIn()
    await own.assertion({ ...NOTHING_SHOWN, fields: undefined })
    expect(await store.getAll('indieCodes')).toEqual([expect.objectContaining({ scopes: [] })])
  })

  it.each([
    ['wants the e-mail address too', {}, EMAIL],
    ['wants the profile, and the dialog has not said so', NOTHING_SHOWN, {}],
    ['wants the profile, and not from the dialog', { ...NOTHING_SHOWN, fields: undefined }, { scope: 'profile' }],
    ['is let in without a question by the browser, but not known here', { is_auto_selected: 'true' }, {}],
  ])('is led to a page first where it %s', async (_why, fields, params) => {
    const { own, store } = await signedIn()
    const answer = await own.assertion(fields, params)
    const { continue_on: path } = (await answer.json()) as { continue_on: string }
    const url = new URL(path, ORIGIN)
    expect([url.pathname, url.searchParams.get('client_id'), url.searchParams.get('code_challenge')]).toEqual([
      FEDCM.continue,
      `${SITE}/`,
      CHALLENGE,
    ])
    expect(await store.getAll('indieCodes')).toEqual([])
  })

  it('gets no more than the owner once agreed to, where the dialog has not said more', async () => {
    const { own, sites } = await signedIn()
    await sites.allow({ clientId: `${SITE}/`, redirectUri: `${SITE}/back`, scopes: [], codeChallenge: CHALLENGE, deviceId: 'dev-x' })
    expect(await (await own.assertion(NOTHING_SHOWN)).json()).toEqual({ continue_on: expect.stringContaining('scope=profile') })
  })

  it('is one site, with the slash behind its bare host or without', async () => {
    const { own, store, sites } = await signedIn()
    const answer = await own.assertion({ client_id: SITE })
    expect(await tokenIn(answer)).toMatchObject({ code: expect.any(String) })
    expect(await store.getAll('indieCodes')).toEqual([expect.objectContaining({ clientId: `${SITE}/` })])
    await own.assertion()
    expect((await sites.known()).map(({ clientId }) => clientId)).toEqual([`${SITE}/`])
    // Browsers compare letter by letter.
    const { accounts } = (await (await own.accounts()).json()) as { accounts: [{ approved_clients: string[] }] }
    expect(accounts[0].approved_clients).toEqual([SITE, `${SITE}/`])
    expect((await own.send(FEDCM.disconnect, { client_id: SITE, account_hint: ME })).status).toBe(200)
    expect(await sites.known()).toEqual([])
  })

  it('is known afterwards, and let in without a question', async () => {
    const { own, sites } = await signedIn()
    await sites.allow({
      clientId: `${SITE}/`,
      redirectUri: null,
      scopes: ['profile', 'email'],
      codeChallenge: CHALLENGE,
      deviceId: 'dev-x',
    })
    for (const [fields, params] of [
      [{}, EMAIL],
      [NOTHING_SHOWN, {}],
      [{ ...NOTHING_SHOWN, is_auto_selected: 'true' }, {}],
    ] as const)
      expect(await tokenIn(await own.assertion(fields, params))).toMatchObject({
        metadata_endpoint: `${ORIGIN}/indieauth/metadata`,
      })
  })
})

describe('nothing is given', () => {
  it.each([
    ['another site asks in its name', { client_id: 'https://other.example/' }, {}, {}, 403, 'unauthorized_client', 'OtherSite'],
    ['the origin differs by its port', {}, {}, { origin: `${SITE}:8443` }, 403, 'unauthorized_client', 'OtherSite'],
    ['the origin differs by its scheme', {}, {}, { origin: 'http://site.example' }, 403, 'unauthorized_client', 'OtherSite'],
    ['the origin is opaque', {}, {}, { origin: 'null' }, 403, 'unauthorized_client', 'OtherSite'],
    ['the client_id is none', { client_id: 'site' }, {}, {}, 403, 'unauthorized_client', 'OtherSite'],
    ['the client_id has a fragment', { client_id: `${SITE}/#x` }, {}, {}, 403, 'unauthorized_client', 'OtherSite'],
    ['the client_id is spelled like another one', { client_id: `${SITE}/a/../b` }, {}, {}, 403, 'unauthorized_client', 'OtherSite'],
    [
      'the client_id is an address in a network',
      { client_id: 'http://192.168.0.1/' },
      {},
      { origin: 'http://192.168.0.1' },
      403,
      'unauthorized_client',
      'OtherSite',
    ],
    ['the client_id has a user in it', { client_id: 'https://user@site.example/' }, {}, {}, 403, 'unauthorized_client', 'OtherSite'],
    ['the client_id is longer than any', { client_id: `${SITE}/${'a'.repeat(3000)}` }, {}, {}, 403, 'unauthorized_client', 'OtherSite'],
    ['it is no browser that asks', {}, {}, { 'sec-fetch-dest': 'empty' }, 403, 'invalid_request', 'NotFedCm'],
    ['another account is asked for', { account_id: 'https://other.example/' }, {}, {}, 400, 'invalid_request', 'OtherAccount'],
    ['there is no code_challenge', {}, { code_challenge: undefined }, {}, 400, 'invalid_request', 'NoPkce'],
    ['there are no params', { params: undefined }, {}, {}, 400, 'invalid_request', 'NoPkce'],
    ['the challenge is a plain one', {}, { code_challenge_method: 'plain' }, {}, 400, 'invalid_request', 'NoPkce'],
    ['the method is left out, which means plain', {}, { code_challenge_method: undefined }, {}, 400, 'invalid_request', 'NoPkce'],
    ['the challenge is no digest', {}, { code_challenge: 'short' }, {}, 400, 'invalid_request', 'NoPkce'],
    ['the params are no JSON', { params: '{' }, {}, {}, 400, 'invalid_request', 'BadParams'],
    ['the params are a number', { params: '1' }, {}, {}, 400, 'invalid_request', 'BadParams'],
    ['the params are longer than any', {}, { x: 'a'.repeat(MAX_FEDCM_PARAMS_CHARS) }, {}, 400, 'invalid_request', 'BadParams'],
    ['the state is longer than any', {}, { state: 'a'.repeat(MAX_FEDCM_STATE_CHARS + 1) }, {}, 400, 'invalid_request', 'BadParams'],
    ['the body is longer than any', { x: 'a'.repeat(MAX_FEDCM_BODY_BYTES) }, {}, {}, 400, 'invalid_request', 'BadRequest'],
    ['the body is no form', {}, {}, { 'content-type': 'text/plain' }, 400, 'invalid_request', 'BadRequest'],
  ] as const)('where %s', async (_why, fields, params, headers, status, code, reason) => {
    const { own, store } = await signedIn()
    const answer = await own.assertion(fields, params, headers)
    expect([answer.status, await answer.json()]).toEqual([status, refused(code, reason)])
    expect(await store.getAll('indieCodes')).toEqual([])
  })

  it('where no origin is named, and nobody else may read that', async () => {
    const { own } = await signedIn()
    const answer = await own.assertion({}, {}, { origin: '' })
    expect([answer.status, await answer.json()]).toEqual([403, refused('unauthorized_client', 'OtherSite')])
    expect(answer.headers.get('access-control-allow-origin')).not.toBe('*')
  })

  it.each(['missing', 'of somebody else’s making', 'of before', 'that of the pages'])(
    'to a browser whose cookie is %s, whatever its headers say',
    async (which) => {
      const { own, fedcm, store } = await signedIn()
      const stranger = new Browser(fedcm, 'shim')
      const [id] = own.fedcmCookie?.split('.') ?? []
      if (which === 'of somebody else’s making') stranger.cookies.set(FEDCM_COOKIE, `${id}.${'A'.repeat(43)}`)
      if (which === 'that of the pages') {
        await stranger.signIn()
        stranger.cookies.set(FEDCM_COOKIE, stranger.cookies.get(DEVICE_COOKIE) ?? '')
      }
      if (which === 'of before') {
        await stranger.signIn()
        const before = stranger.fedcmCookie ?? ''
        await stranger.submit(FEDCM.logout, await stranger.look(FEDCM.logout), { do: 'end' })
        stranger.cookies.set(FEDCM_COOKIE, before)
      }
      for (const asked of [
        stranger.assertion(),
        stranger.accounts(),
        stranger.send(FEDCM.disconnect, { client_id: `${SITE}/`, account_hint: ME }),
      ]) {
        const answer = await asked
        expect([answer.status, await answer.json()]).toEqual([401, refused('access_denied', 'NotSignedIn')])
      }
      expect(await store.getAll('indieCodes')).toEqual([])
    },
  )

  it('of the accounts to a script, or to another site’s page', async () => {
    const { own } = await signedIn()
    const answer = await own.ask(FEDCM.accounts, { headers: { 'sec-fetch-dest': 'empty', origin: SITE } }, 'shim')
    expect([answer.status, await answer.json()]).toEqual([403, refused('invalid_request', 'NotFedCm')])
    expect((await own.accounts()).headers.get('access-control-allow-origin')).toBe(ORIGIN)
  })
})

describe('a site that lets go of its user', () => {
  it.each([ME, ORIGIN, 'localhost:1999', 'alice.test'])('is forgotten: %s', async (hint) => {
    const { own, sites } = await signedIn()
    await own.assertion()
    const answer = await own.send(FEDCM.disconnect, { client_id: `${SITE}/`, account_hint: hint })
    expect([answer.status, await answer.json()]).toEqual([200, { account_id: ME }])
    expect(answer.headers.get('access-control-allow-origin')).toBe(SITE)
    expect(await sites.known()).toEqual([])
  })

  it('cannot do it for another site, or another account', async () => {
    const { own, sites } = await signedIn()
    await own.assertion()
    const other = await own.send(FEDCM.disconnect, { client_id: `${SITE}/`, account_hint: ME }, { origin: 'https://other.example' })
    expect([other.status, await other.json()]).toEqual([403, refused('unauthorized_client', 'OtherSite')])
    const stranger = await own.send(FEDCM.disconnect, { client_id: `${SITE}/`, account_hint: 'bob' })
    expect([stranger.status, await stranger.json()]).toEqual([400, refused('invalid_request', 'OtherAccount')])
    expect(await sites.known()).toHaveLength(1)
  })
})
