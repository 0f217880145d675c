import { beforeEach, describe, expect, test } from 'vitest'
import { INDIEAUTH } from '../../wire/indieauth.ts'
import { INDIE_ACCESS_TTL_MS, INDIE_CODE_TTL_MS, INDIE_GRANT_TTL_MS, MAX_USED_REFRESH_TOKENS } from '../../wire/indieauth-limits.ts'
import { OAUTH_REFRESH_GRACE_MS } from '../../wire/oauth-limits.ts'
import { ORIGIN } from '../oauth/testing.ts'
import { readOAuthLedger } from '../store/oauth-ledger.ts'
import { CALLBACK, codeFor, ME, type Reply, SITE, type SitesStage, stageSites, TestSite } from './testing.ts'

let set: SitesStage
let site: TestSite
beforeEach(async () => {
  set = await stageSites()
  set.profile.record = { displayName: 'Alice' }
  set.email = 'alice@mail.example'
  site = new TestSite()
})

const exchange = (code: string, changed: Record<string, string> = {}, path: string = INDIEAUTH.token): Promise<Reply> =>
  set.post(path, site.fields(code, changed))
const refresh = (token: unknown, changed: Record<string, string> = {}): Promise<Reply> =>
  set.post(INDIEAUTH.token, { grant_type: 'refresh_token', refresh_token: String(token), client_id: SITE, ...changed })
const ask = async (token: unknown, init: RequestInit = {}): Promise<Reply> => {
  const request = new Request(ORIGIN + INDIEAUTH.userinfo, { ...init, headers: { authorization: `Bearer ${token}` } })
  const response = (await set.indieauth.answer(INDIEAUTH.userinfo, request, 'shim'))!
  return { status: response.status, body: (await response.json()) as Reply['body'], headers: response.headers }
}
const tokens = async (scope = 'profile email'): Promise<Reply['body']> => (await exchange(await codeFor(set, site, scope))).body
const refused = (error: string) => ({ status: 400, body: { error, error_description: expect.any(String) } })
const byFedCm = (scopes: readonly string[] = []): Promise<string> =>
  set.sites.allow({ clientId: SITE, redirectUri: null, scopes, codeChallenge: site.challenge, deviceId: 'dev-1' })
const notes = async () => (await readOAuthLedger(set.store)).filter(({ what }) => what === 'site-end').map(({ note }) => note)

const PROFILE = { name: 'Alice', url: ME, photo: `${ORIGIN}/avatar` }

describe('a code', () => {
  test('is good for tokens, who the owner is, and what was agreed to', async () => {
    const { status, body, headers } = await exchange(await codeFor(set, site))
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: INDIE_ACCESS_TTL_MS / 1000,
      scope: 'profile email',
      refresh_token: expect.stringMatching(/^[\w-]{43}$/),
      me: ME,
      profile: { ...PROFILE, email: 'alice@mail.example' },
    })
  })

  test('without a scope says who the owner is, and nothing else', async () => {
    expect((await exchange(await codeFor(set, site, ''))).body).toEqual({ me: ME })
    expect(await set.store.count('indieTokens')).toBe(0)
  })

  test('opens the profile without the address, or nothing of it, as was agreed to', async () => {
    expect((await exchange(await codeFor(set, site, 'profile'))).body).toMatchObject({ scope: 'profile', profile: PROFILE })
    expect((await exchange(await byFedCm(['email']), { redirect_uri: '' })).body).toMatchObject({
      profile: { email: 'alice@mail.example' },
    })
  })

  test('at the authorization endpoint gives no token', async () => {
    const { status, body } = await exchange(await codeFor(set, site, 'profile'), {}, INDIEAUTH.authorize)
    expect([status, body]).toEqual([200, { me: ME, profile: PROFILE }])
    expect(await set.store.count('indieTokens')).toBe(0)
  })

  test('is good with the slash behind the host, and without', async () => {
    expect((await exchange(await codeFor(set, site), { client_id: 'https://site.example' })).status).toBe(200)
  })

  test.each([
    ['of another site', { client_id: 'https://other.example/' }],
    ['with another redirect_uri', { redirect_uri: 'https://site.example/elsewhere' }],
    ['without its redirect_uri', { redirect_uri: '' }],
    ['by who has not the secret', { code_verifier: 'v'.repeat(43) }],
    ['that was never given', { code: 'x'.repeat(43) }],
  ])('is refused where it is shown %s, and used up', async (_, changed) => {
    const code = await codeFor(set, site)
    expect(await exchange(code, changed)).toMatchObject(refused('invalid_grant'))
    if (!('code' in changed)) expect(await exchange(code)).toMatchObject(refused('invalid_grant'))
    expect(await set.store.count('indieTokens')).toBe(0)
  })

  test.each([
    ['code_verifier', ''],
    ['code_verifier', 'short'],
    ['code', ''],
    ['client_id', ''],
    ['grant_type', ''],
  ])('with a %s of “%s” is no request, and is not used up', async (name, value) => {
    const code = await codeFor(set, site)
    expect(await exchange(code, { [name]: value })).toMatchObject(refused('invalid_request'))
    expect((await exchange(code)).status).toBe(200)
  })

  test('is worth nothing when it is old, to the moment', async () => {
    const code = await codeFor(set, site)
    set.clock.ahead += INDIE_CODE_TTL_MS
    expect(await exchange(code)).toMatchObject(refused('invalid_grant'))
    const second = await codeFor(set, site)
    set.clock.ahead += INDIE_CODE_TTL_MS - 5000
    expect((await exchange(second)).status).toBe(200)
  })

  test('of another pod is worth nothing here', async () => {
    const other = await stageSites()
    expect(await exchange(await codeFor(other, site))).toMatchObject(refused('invalid_grant'))
  })

  test('that comes twice ends what it gave, however late, and says so', async () => {
    const code = await codeFor(set, site)
    const { body } = await exchange(code)
    set.clock.ahead += INDIE_CODE_TTL_MS
    const newer = (await refresh(body['refresh_token'])).body
    await codeFor(set, new TestSite('https://other.example/', 'https://other.example/back'))
    expect((await ask(newer['access_token'])).status).toBe(200)
    expect(await exchange(code)).toMatchObject(refused('invalid_grant'))
    expect((await ask(newer['access_token'])).status).toBe(401)
    expect(await refresh(newer['refresh_token'])).toMatchObject(refused('invalid_grant'))
    expect(await notes()).toEqual(['its code came twice'])
  })

  test('that two show at the same moment gives one of them tokens, which are worth nothing', async () => {
    const code = await codeFor(set, site)
    const both = await Promise.all([exchange(code), exchange(code)])
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 400])
    expect(await set.store.count('indieTokens')).toBe(0)
  })

  test('that came by FedCM is exchanged without redirect_uri, and no other one is', async () => {
    const code = await byFedCm(['profile'])
    expect((await exchange(code, { redirect_uri: '' })).body).toMatchObject({ me: ME, scope: 'profile' })
    expect(await exchange(await byFedCm(), { redirect_uri: CALLBACK })).toMatchObject(refused('invalid_grant'))
  })

  test('of a site that was forgotten meanwhile is worth nothing', async () => {
    const code = await codeFor(set, site)
    await set.sites.forget(SITE)
    expect(await exchange(code)).toMatchObject(refused('invalid_grant'))
  })
})

describe('the token endpoint', () => {
  test.each([['password'], ['client_credentials'], ['urn:ietf:params:oauth:grant-type:jwt-bearer']])('knows no %s', async (grant_type) => {
    expect(await exchange('c', { grant_type })).toMatchObject(refused('unsupported_grant_type'))
  })

  test('takes forms, by POST, each name once', async () => {
    const send = async (init: RequestInit) =>
      (await set.indieauth.answer(INDIEAUTH.token, new Request(ORIGIN + INDIEAUTH.token, init), 'shim'))!
    const answers = await Promise.all([
      send({}),
      send({ method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
      send({ method: 'POST', body: new URLSearchParams([...Object.entries(site.fields(await codeFor(set, site))), ['client_id', SITE]]) }),
      send({ method: 'POST', body: new URLSearchParams({ code: 'x'.repeat(5_000_000) }) }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([405, 415, 400, 413])
    expect(answers[0]?.headers.get('allow')).toBe('POST')
    for (const answer of answers) expect(await answer.json()).toMatchObject({ error: 'invalid_request' })
  })

  test('at the authorization endpoint refreshes nothing', async () => {
    const { refresh_token } = await tokens()
    const fields = { grant_type: 'refresh_token', refresh_token: String(refresh_token), client_id: SITE, code_verifier: site.verifier }
    expect(await set.post(INDIEAUTH.authorize, fields)).toMatchObject(refused('unsupported_grant_type'))
  })
})

describe('a refresh token', () => {
  test('gives new ones, and the access token before is over', async () => {
    const first = await tokens()
    const { status, body } = await refresh(first['refresh_token'])
    expect([status, body['scope'], body['me']]).toEqual([200, 'profile email', ME])
    expect(body['refresh_token']).not.toBe(first['refresh_token'])
    expect((await ask(first['access_token'])).status).toBe(401)
    expect((await ask(body['access_token'])).status).toBe(200)
  })

  test('can be asked for less, and has all of it the next time; for more it cannot', async () => {
    const first = await tokens()
    const less = (await refresh(first['refresh_token'], { scope: 'email' })).body
    expect(less).toMatchObject({ scope: 'email', profile: { email: 'alice@mail.example' } })
    expect((await ask(less['access_token'])).body).toMatchObject({ error: 'insufficient_scope' })
    const all = (await refresh(less['refresh_token'])).body
    expect(all['scope']).toBe('profile email')
    expect(await refresh(all['refresh_token'], { scope: 'profile create' })).toMatchObject(refused('invalid_scope'))
    expect((await refresh(all['refresh_token'])).status).toBe(200)
  })

  test('that comes twice at once loses, and late ends the grant', async () => {
    const first = await tokens()
    const [won, lost] = await Promise.all([refresh(first['refresh_token']), refresh(first['refresh_token'])])
    expect([won.status, lost.status]).toEqual([200, 400])
    expect((await ask(won.body['access_token'])).status).toBe(200)
    set.clock.ahead += OAUTH_REFRESH_GRACE_MS
    expect(await refresh(first['refresh_token'])).toMatchObject(refused('invalid_grant'))
    expect((await ask(won.body['access_token'])).status).toBe(401)
    expect(await refresh(won.body['refresh_token'])).toMatchObject(refused('invalid_grant'))
    expect(await notes()).toEqual(['an old refresh token came twice'])
  })

  test('is refused to another site, and as an access token, and is none itself', async () => {
    const first = await tokens()
    expect(await refresh(first['refresh_token'], { client_id: 'https://other.example/' })).toMatchObject(refused('invalid_grant'))
    expect(await refresh(first['access_token'])).toMatchObject(refused('invalid_grant'))
    expect((await ask(first['refresh_token'])).status).toBe(401)
    expect((await refresh(first['refresh_token'])).status).toBe(200)
  })

  test('ends the grant where a site asks for another again and again, which would fill the storage', async () => {
    const { refresh_token } = await tokens()
    const row = (await set.store.getAll('indieTokens')).find(({ kind }) => kind === 'refresh')!
    for (let n = 1; n < MAX_USED_REFRESH_TOKENS; n++) await set.store.put('indieTokens', { ...row, digest: `used-${n}`, usedAt: 1 })
    const last = await refresh(refresh_token)
    expect(last.status).toBe(200)
    expect(await refresh(last.body['refresh_token'])).toMatchObject(refused('invalid_grant'))
    expect(await set.store.count('indieTokens')).toBe(0)
    expect(await notes()).toEqual(['it asked for newer tokens too often'])
  })

  test('ends with the grant, however often it was used', async () => {
    let { refresh_token } = await tokens()
    set.clock.ahead += INDIE_GRANT_TTL_MS - 10_000
    refresh_token = (await refresh(refresh_token)).body['refresh_token']
    set.clock.ahead += 10_000
    expect(await refresh(refresh_token)).toMatchObject(refused('invalid_grant'))
    // Nobody is signed in any more by then; what expired goes with the next exchange.
    expect((await exchange(await byFedCm(['profile']), { redirect_uri: '' })).status).toBe(200)
    expect(await set.store.count('indieTokens')).toBe(2)
  })
})

test('an account that is not active is told to nobody, who has a code or a token, until it is again', async () => {
  const code = await codeFor(set, site)
  const { access_token: access, refresh_token: token } = await tokens()
  set.identity.standing = 'deactivated'
  expect(await exchange(code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  expect(await exchange(code, {}, INDIEAUTH.authorize)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  expect(await refresh(token)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  expect(await ask(access)).toMatchObject({ status: 401, body: { error: 'invalid_token' } })
  set.identity.standing = 'active'
  expect((await ask(access)).body).toMatchObject(PROFILE)
  expect((await refresh(token)).status).toBe(200)
})

describe('who the owner is', () => {
  test('is told to who has a token for it', async () => {
    const { access_token } = await tokens()
    expect(await ask(access_token)).toMatchObject({ status: 200, body: { ...PROFILE, email: 'alice@mail.example' } })
    expect((await ask((await tokens('profile'))['access_token'])).body).toEqual(PROFILE)
  })

  test('is told to nobody else', async () => {
    const { access_token } = await tokens()
    const none = await ask('nonsense')
    expect([none.status, none.body['error']]).toEqual([401, 'invalid_token'])
    expect(none.headers.get('www-authenticate')).toContain('Bearer error="invalid_token"')
    expect((await ask(access_token, { method: 'POST' })).status).toBe(405)
    set.clock.ahead += INDIE_ACCESS_TTL_MS
    expect((await ask(access_token)).status).toBe(401)
  })

  test('is the handle where there is no name, and has no address where there is none', async () => {
    set.profile.record = null
    delete set.email
    expect((await tokens())['profile']).toEqual({ ...PROFILE, name: 'alice.test' })
  })
})

describe('what a token is', () => {
  const introspect = (by: unknown, token: unknown): Promise<Reply> =>
    set.post(INDIEAUTH.introspect, { token: String(token) }, { authorization: `Bearer ${by}` })

  test('is told to the site that has it', async () => {
    const { access_token } = await tokens('profile')
    const { status, body } = await introspect(access_token, access_token)
    expect([status, body]).toEqual([
      200,
      { active: true, me: ME, client_id: SITE, scope: 'profile', iat: expect.any(Number), exp: expect.any(Number) },
    ])
    expect(Number(body['exp']) - Number(body['iat'])).toBe(INDIE_ACCESS_TTL_MS / 1000)
  })

  test('is told to no other site, and of what is none only that it is none', async () => {
    const mine = await tokens()
    site = new TestSite('https://other.example/', 'https://other.example/back')
    const theirs = await tokens()
    for (const token of [mine['access_token'], 'nonsense', theirs['refresh_token']])
      expect((await introspect(theirs['access_token'], token)).body).toEqual({ active: false })
    expect(await introspect('nonsense', mine['access_token'])).toMatchObject({ status: 401, body: { error: 'invalid_token' } })
    expect(await set.post(INDIEAUTH.introspect, { token: String(mine['access_token']) })).toMatchObject({ status: 401 })
    expect(await introspect(theirs['access_token'], '')).toMatchObject(refused('invalid_request'))
  })
})

describe('giving back', () => {
  const revoke = (token: unknown): Promise<Reply> => set.post(INDIEAUTH.revoke, { token: String(token) })

  test('an access token ends it alone; a refresh token ends all', async () => {
    const first = await tokens()
    expect(await revoke(first['access_token'])).toMatchObject({ status: 200, body: {} })
    expect((await ask(first['access_token'])).status).toBe(401)
    const { body } = await refresh(first['refresh_token'])
    expect(await revoke(body['refresh_token'])).toMatchObject({ status: 200 })
    expect((await ask(body['access_token'])).status).toBe(401)
    expect(await set.store.count('indieTokens')).toBe(0)
    expect(await notes()).toEqual(['the site gave it back'])
  })

  test('is written down once for each time that the owner has agreed: a site cannot push the rest out of the ledger', async () => {
    let { access_token, refresh_token } = await tokens()
    for (let n = 0; n < 3; n++) {
      await revoke(access_token)
      ;({ access_token, refresh_token } = (await refresh(refresh_token)).body)
    }
    await revoke(refresh_token)
    expect(await notes()).toEqual(['the site gave it back'])
  })

  test('what is none is no error', async () => {
    expect((await revoke('nonsense')).status).toBe(200)
    expect(await notes()).toEqual([])
    expect(await revoke('')).toMatchObject(refused('invalid_request'))
  })
})

test('forgetting a site on the account page ends its tokens', async () => {
  const { access_token, refresh_token } = await tokens()
  await set.sites.forget(SITE)
  expect((await ask(access_token)).status).toBe(401)
  expect(await refresh(refresh_token)).toMatchObject(refused('invalid_grant'))
})

test('nothing that a site holds can be read from the database', async () => {
  const code = await codeFor(set, site)
  const kept = JSON.stringify([await set.store.getAll('indieCodes'), await set.store.getAll('indieTokens')])
  const given = (await exchange(code)).body
  const after = JSON.stringify(await set.store.getAll('indieTokens'))
  for (const secret of [code, site.verifier, String(given['access_token']), String(given['refresh_token'])])
    expect(kept + after).not.toContain(secret)
})
