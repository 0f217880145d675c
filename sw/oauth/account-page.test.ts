import { beforeEach, describe, expect, test } from 'vitest'
import { putOAuthClient } from '../store/oauth-clients.ts'
import { Authenticator } from './authenticator-testing.ts'
import { DID, ORIGIN, TestClient } from './testing.ts'
import { allow, Browser, PASSWORD, pushed, type PagesStage, plain, type Seen, signIn, stagePages } from './pages-testing.ts'

let set: PagesStage
beforeEach(async () => {
  set = await stagePages()
})

const own = () => new Browser(set, 'local')
const other = () => new Browser(set, 'shim')
const grants = () => set.oauth.authorizations.grants()

describe('on the account page', () => {
  const signedIn = async (): Promise<Browser> => {
    const browser = other()
    await signIn(browser, await browser.ask('/account'), {}, '/account')
    return browser
  }

  const withApp = async (): Promise<TestClient> => {
    const client = await TestClient.make(set.oauth)
    const browser = own()
    const { leadsTo } = await allow(browser, await browser.ask(await pushed(client)))
    await client.exchange(leadsTo?.searchParams.get('code') ?? '')
    return client
  }

  test('an app is ended: its next refresh is refused', async () => {
    await withApp()
    const browser = await signedIn()
    const [grant] = await grants()
    const page = await browser.submit('/account', await browser.ask('/account'), { do: 'end-grant', id: grant?.id ?? '' })
    expect(page.text).toContain('The app is signed out')
    expect(await grants()).toEqual([])
  })

  test('an app that was ended is asked about again, and one that holds nothing any more can be forgotten', async () => {
    const { clientId } = await withApp()
    const browser = await signedIn()
    const { store } = set
    const known = () => set.oauth.authorizations.clients()
    await putOAuthClient(store, { clientId: 'https://app.example/client.json', scopes: ['atproto'], createdAt: 0, updatedAt: 0 })
    await putOAuthClient(store, { clientId, scopes: ['atproto'], createdAt: 0, updatedAt: 0 })
    const page = await browser.ask('/account')
    expect(page.text).toContain('Forget<span class="unseen"> app.example</span>')
    const [grant] = await grants()
    await browser.submit('/account', page, { do: 'end-grant', id: grant?.id ?? '' })
    expect(await known()).toMatchObject([{ clientId: 'https://app.example/client.json' }])
    await browser.submit('/account', page, { do: 'forget', id: 'https://app.example/client.json' })
    expect(await known()).toEqual([])
  })

  test('what an app password opened is seen and ended, too', async () => {
    await set.sessions.open({ name: 'phone', privileged: false })
    await set.sessions.open()
    const browser = await signedIn()
    const page = await browser.ask('/account')
    expect(page.text).toContain('App password “phone”')
    expect(page.text).toContain('The account’s own password')
    const phone = (await set.sessions.list()).find(({ appPassword }) => appPassword === 'phone')
    await browser.submit('/account', page, { do: 'end-session', id: phone?.family ?? '' })
    expect(await set.sessions.list()).toMatchObject([{ since: expect.any(Number) }])
    expect(await set.sessions.isOpen(phone?.family ?? '')).toBe(false)
  })

  test('all apps, and all other browsers', async () => {
    await withApp()
    await withApp()
    const [here, there] = [await signedIn(), await signedIn()]
    await here.submit('/account', await here.ask('/account'), { do: 'end-grants' })
    expect(await grants()).toEqual([])
    await here.submit('/account', await here.ask('/account'), { do: 'sign-out-others' })
    expect((await here.ask('/account')).text).toContain('Apps and browsers')
    expect((await there.ask('/account')).text).toContain('<title>Sign in')
    expect((await own().ask('/account')).text).toContain('<title>Sign in')
  })

  test('a new password needs the old one, and ends the other browsers', async () => {
    const [here, there] = [await signedIn(), await signedIn()]
    const path = '/account/security'
    const wrong = await here.submit(path, await here.ask(path), { do: 'change-password', current: 'wrong', new: 'a new password' })
    expect(wrong.status).toBe(400)
    expect(set.passwords).toEqual([])
    const done = await here.submit(path, await here.ask(path), { do: 'change-password', current: PASSWORD, new: 'a new password' })
    expect(done.text).toContain('The password is changed')
    expect(set.passwords).toEqual(['a new password'])
    expect((await there.ask('/account')).text).toContain('<title>Sign in')
  })

  test('a passkey is not added without the password, nor from what is no passkey', async () => {
    const browser = await signedIn()
    const path = '/account/security'
    const phone = await Authenticator.make(ORIGIN)
    const add = async (password: string, make: (options: string) => Promise<string>): Promise<Seen> => {
      const page = await browser.ask(path)
      const options = plain(/data-options="([^"]*)"/.exec(page.text)?.[1] ?? '')
      return browser.submit(path, page, { do: 'add-passkey', password, credential: await make(options), name: ' My phone ' })
    }
    expect((await add('wrong', (options) => phone.create(options))).text).toContain('role="alert"')
    expect((await add('', (options) => phone.create(options))).text).toContain('role="alert"')
    expect((await add(PASSWORD, async () => 'nonsense')).text).toContain('role="alert"')
    expect(await set.store.count('passkeys')).toBe(0)
    expect((await add(PASSWORD, (options) => phone.create(options))).text).toContain('The passkey is added')
    expect(await set.store.getAll('passkeys')).toMatchObject([{ name: 'My phone' }])
  })

  test('the log says who signed in and what was allowed, and is saved as a file', async () => {
    await withApp()
    const browser = await signedIn()
    const { text } = await browser.ask('/account/log')
    expect(text).toContain('Allowed an app on this computer')
    expect(text).toContain('Signed in with the password')
    expect(text).toContain('Firefox on Linux')
    const file = await browser.ask('/account/log.json')
    expect(file.headers.get('content-disposition')).toContain('attachment')
    expect(JSON.parse(file.text)).toMatchObject({
      did: DID,
      entries: [
        { what: 'sign-in', outcome: 'done' },
        { what: 'consent', scope: 'atproto transition:generic' },
      ],
    })
    expect((await other().ask('/account/log.json')).text).toContain('<title>Sign in')
  })

  test('browsers and password managers find where to change the password', async () => {
    const page = await own().ask('/.well-known/change-password')
    expect(page.text).toContain('Change the password')
  })
})
