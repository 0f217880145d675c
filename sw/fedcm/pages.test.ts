import { describe, expect, it } from 'vitest'
import { FEDCM } from '../../wire/fedcm.ts'
import { OAUTH_SIGN_IN_MAX_AGE_MS } from '../../wire/oauth-limits.ts'
import { isKnown } from '../indieauth/testing.ts'
import { OWN_DEVICE } from '../oauth/contract.ts'
import { GUARD_SCRIPT } from '../oauth/pages/guard.ts'
import { readOAuthLedger } from '../store/oauth-ledger.ts'
import { Browser, CHALLENGE, ME, ORIGIN, SITE, stageFedCm } from './testing.ts'

const CONTINUE = `${FEDCM.continue}?${new URLSearchParams({ client_id: `${SITE}/`, scope: 'profile email', code_challenge: CHALLENGE, state: 's' }).toString()}`

describe('in another browser', () => {
  it('the owner signs in by password, and the browser is told, with the account for those that take it', async () => {
    const { fedcm } = await stageFedCm()
    const browser = new Browser(fedcm, 'shim')
    expect((await browser.signIn('wrong')).text).toContain('does not open this account')
    expect(browser.fedcmCookie).toBeUndefined()
    const { text, data } = await browser.signIn()
    expect(text).toContain('You are signed in')
    expect(data['status']).toBe('logged-in')
    expect(JSON.parse(data['account'] ?? '')).toMatchObject({
      accounts: [{ id: ME, name: 'Alice', email: 'alice.test', picture: `${ORIGIN}/avatar` }],
    })
    expect((await browser.accounts()).status).toBe(200)
  })

  it('one click is enough where the owner is signed in already', async () => {
    const { fedcm } = await stageFedCm()
    const browser = new Browser(fedcm, 'shim')
    await browser.signIn()
    const before = browser.fedcmCookie
    const { data } = await browser.submit(FEDCM.login, await browser.look(FEDCM.login), { do: 'go' })
    expect(data['status']).toBe('logged-in')
    expect(browser.fedcmCookie).not.toBe(before)
  })

  it('says nothing to the browser that is not so', async () => {
    const { fedcm } = await stageFedCm()
    const browser = new Browser(fedcm, 'shim')
    expect((await browser.look(`${FEDCM.login}?step=done`)).text).toContain('name="password"')
    await browser.signIn()
    expect((await browser.look(FEDCM.logout)).data['status']).toBeUndefined()
    const { data } = await browser.submit(FEDCM.login, await browser.look(FEDCM.login), { do: 'cancel' })
    expect(data['status']).toBe('')
  })
})

describe('in the browser that the pod lives in', () => {
  it('one click is enough, and it stays so when the owner ends it', async () => {
    const { own } = await stageFedCm()
    const { data } = await own.submit(FEDCM.login, await own.look(FEDCM.login), { do: 'go' })
    expect(data['status']).toBe('logged-in')
    expect((await own.accounts()).status).toBe(200)
    const end = await own.submit(FEDCM.logout, await own.look(FEDCM.logout), { do: 'end' })
    expect(end.data['status']).toBe('logged-out')
    expect((await own.accounts()).status).toBe(401)
    await expect(own.ask(FEDCM.session, { method: 'POST' })).rejects.toMatchObject({ status: 401, error: 'NotSignedIn' })
    await own.submit(FEDCM.login, await own.look(FEDCM.login), { do: 'go' })
    expect((await own.accounts()).status).toBe(200)
  })

  it('the password is wanted once the owner has not signed in for long', async () => {
    const { own, clock } = await stageFedCm()
    clock.ahead += OAUTH_SIGN_IN_MAX_AGE_MS
    const { data } = await own.signIn()
    expect([data['status'], (await own.accounts()).status]).toEqual(['logged-in', 200])
  })

  it('says that the tab must be open first', async () => {
    const { own, room } = await stageFedCm()
    room.isUp = false
    const page = await own.submit(FEDCM.login, await own.look(FEDCM.login), { do: 'go' })
    expect([page.status, page.text.includes('role="alert"')]).toEqual([503, true])
    room.isUp = true
    expect((await own.submit(FEDCM.login, page, { do: 'go' })).data['status']).toBe('logged-in')
  })
})

describe('what needs a page', () => {
  it('names the site and what it would learn, and gives the token to the browser', async () => {
    const { own, store, sites } = await stageFedCm()
    const page = await own.look(CONTINUE)
    for (const words of ['site.example', 'your name and your picture', 'your e-mail address', 'localhost:1999'])
      expect(page.text).toContain(words)
    const { data } = await own.submit(FEDCM.continue, page, { do: 'go' })
    expect(JSON.parse(data['token'] ?? '')).toEqual({
      code: expect.any(String),
      metadata_endpoint: `${ORIGIN}/indieauth/metadata`,
      state: 's',
    })
    expect(data['account']).toBe(ME)
    expect(await isKnown(sites, `${SITE}/`, ['profile', 'email'])).toBe(true)
    expect((await readOAuthLedger(store))[0]).toMatchObject({ what: 'site', outcome: 'done', deviceId: OWN_DEVICE })
  })

  it('writes it down when the owner denies', async () => {
    const { own, store, sites } = await stageFedCm()
    const denied = await own.submit(FEDCM.continue, await own.look(CONTINUE), { do: 'deny' })
    expect(denied.text).toContain('Denied')
    expect(await sites.known()).toEqual([])
    expect((await readOAuthLedger(store))[0]).toMatchObject({ what: 'site', outcome: 'refused', clientId: `${SITE}/`, note: 'fedcm' })
  })

  it('does nothing for a form of another site, of another question, or in another browser', async () => {
    const { own, fedcm, sites } = await stageFedCm()
    const page = await own.look(CONTINUE)
    const foreign = await own.submit(FEDCM.continue, page, { do: 'go' }, { origin: SITE })
    const changed = await own.submit(FEDCM.continue, page, { do: 'go', client_id: 'https://other.example/' })
    const other = new Browser(fedcm, 'shim')
    await other.signIn()
    const elsewhere = await other.submit(FEDCM.continue, page, { do: 'go' })
    expect([foreign.status, changed.status, elsewhere.status]).toEqual([403, 403, 403])
    expect(await sites.known()).toEqual([])
  })

  it.each([
    ['signed out', CONTINUE, 401, 'NotSignedIn'],
    ['asked without a challenge', `${FEDCM.continue}?client_id=${SITE}/`, 400, 'NoPkce'],
    ['asked by no site', `${FEDCM.continue}?client_id=javascript:alert(1)&code_challenge=${CHALLENGE}`, 403, 'OtherSite'],
  ])('says why it cannot go on: %s', async (_why, path, status, code) => {
    const { fedcm } = await stageFedCm()
    const page = await new Browser(fedcm, 'shim').look(path)
    expect([page.status, page.text.includes(code)]).toEqual([status, true])
  })
})

it('explains an error in its own words, and shows nothing of the address', async () => {
  const { own } = await stageFedCm()
  expect((await own.look(`${FEDCM.error}?reason=NotSignedIn`)).text).toContain('You are not signed in here')
  const unknown = await own.look(`${FEDCM.error}?reason=<b>constructor`)
  expect([unknown.status, unknown.text.includes('<b>')]).toEqual([404, false])
})

it.each([FEDCM.login, CONTINUE])('takes no click that was aimed at another window: %s', async (path) => {
  const { own } = await stageFedCm()
  expect((await own.look(path)).text).toContain(GUARD_SCRIPT)
})

it.each([FEDCM.login, FEDCM.logout, CONTINUE, `${FEDCM.error}?reason=NoPkce`])(
  'is a page of its own, which no other site puts into a frame: %s',
  async (path) => {
    const { own, fedcm } = await stageFedCm()
    const { headers } = await own.look(path)
    expect(headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/)
    expect(headers.get('content-security-policy')).toMatch(/script-src ('none'|'sha256-[^']+'( 'sha256-[^']+')?);/)
    expect(headers.get('x-frame-options')).toBe('DENY')
    const framed = await new Browser(fedcm, 'shim').ask(path, { headers: { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' } })
    expect(framed.status).toBe(403)
  },
)
