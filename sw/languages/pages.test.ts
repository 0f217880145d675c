import { describe, expect, test } from 'vitest'
import { FEDCM } from '../../wire/fedcm.ts'
import { Browser as FedCmBrowser, stageFedCm } from '../fedcm/testing.ts'
import { CALLBACK, stageSites, TestSite } from '../indieauth/testing.ts'
import { allow, Browser, pushed, type Seen, signIn, stagePages } from '../oauth/pages-testing.ts'
import { TestClient } from '../oauth/testing.ts'
import { CATALOGS } from './catalogs.ts'

const languageOf = ({ text, headers }: Pick<Seen, 'text' | 'headers'>): readonly (string | null | undefined)[] => [
  /<html lang="([^"]*)">/.exec(text)?.[1],
  headers.get('content-language'),
]
const GERMAN = ['de', 'de']

describe('the pages of an app’s sign-in', () => {
  test('are in the language that the app asks for, from the sign-in to the way back', async () => {
    const set = await stagePages()
    const browser = new Browser(set, 'shim')
    const first = await browser.ask(await pushed(await TestClient.make(set.oauth), { ui_locales: 'nl de-AT en' }), {
      headers: { 'accept-language': 'ja' },
    })
    expect([languageOf(first), first.text.includes('Passwort')]).toEqual([GERMAN, true])
    const wrong = await signIn(browser, first, { password: 'wrong' })
    expect([languageOf(wrong), wrong.text.includes('Damit lässt sich dieses Konto nicht öffnen')]).toEqual([GERMAN, true])
    const consent = await signIn(browser, wrong)
    expect(consent.text).toContain('Fast alles in deinem Konto tun')
    const back = await allow(browser, consent)
    expect([languageOf(back), back.text.includes('Dein Browser geht von selbst dorthin.')]).toEqual([GERMAN, true])
  })

  test('are in it where the owner says no, and where the request has ended', async () => {
    const set = await stagePages()
    const browser = new Browser(set, 'local')
    const address = await pushed(await TestClient.make(set.oauth), { ui_locales: 'de' })
    const consent = await browser.ask(address)
    expect(languageOf(await browser.submit('/oauth/authorize', consent, { do: 'deny' }))).toEqual(GERMAN)
    const over = await browser.ask(address, { headers: { 'accept-language': 'de' } })
    expect([languageOf(over), over.text.includes('Diese Anmeldung kann nicht weitergehen')]).toEqual([GERMAN, true])
  })

  test('are in the language of the browser where the app names none, and in English where nobody has it', async () => {
    const set = await stagePages()
    const client = await TestClient.make(set.oauth)
    const browser = new Browser(set, 'shim')
    const seenBy = async (accepted: string, changed: Record<string, string> = {}) =>
      languageOf(await browser.ask(await pushed(client, changed), { headers: { 'accept-language': accepted } }))[0]
    expect(await seenBy('nl;q=0.9, de-CH;q=0.8, en;q=0.5')).toBe('de')
    expect(await seenBy('nl', { ui_locales: 'da' })).toBe('en')
    expect(await seenBy('de', { ui_locales: 'da' })).toBe('de')
    const seen = await browser.ask(await pushed(client))
    expect([languageOf(seen), seen.headers.get('vary')]).toEqual([['en', 'en'], 'accept-language'])
  })

  test('name the languages that there are', async () => {
    const { oauth } = await stagePages()
    const documents = await oauth.documents()
    expect(JSON.parse(documents['/.well-known/oauth-authorization-server'] ?? '')).toMatchObject({
      ui_locales_supported: ['en', ...Object.keys(CATALOGS)],
    })
  })
})

test('the owner’s own pages are in English, whatever the browser speaks', async () => {
  const browser = new Browser(await stagePages(), 'shim')
  expect(languageOf(await browser.ask('/account', { headers: { 'accept-language': 'de' } }))[0]).toBe('en')
})

test('the pages of a site’s sign-in are in the language that the site asks for', async () => {
  const set = await stageSites()
  const browser = set.browser('local')
  const consent = await browser.ask(new TestSite().address({ ui_locales: 'de' }))
  expect([languageOf(consent), consent.text.includes('Darf sie wissen, wer du bist?')]).toEqual([GERMAN, true])
  expect(languageOf(await allow(browser, consent, [], {}, '/indieauth/authorize'))).toEqual(GERMAN)
  const bad = await browser.ask(new TestSite().address({ ui_locales: 'de', response_type: 'token' }))
  expect([languageOf(bad), bad.text.includes(new URL(CALLBACK).host)]).toEqual([GERMAN, true])
  expect(JSON.parse(Object.values(set.indieauth.metadata)[0] ?? '').ui_locales_supported).toEqual(['en', ...Object.keys(CATALOGS)])
})

test('the pages of the browser’s own dialog are in the language of the browser', async () => {
  const { fedcm } = await stageFedCm()
  const browser = new FedCmBrowser(fedcm, 'shim')
  const ask = async (path: string) => {
    const answer = await browser.ask(path, { headers: { 'accept-language': 'de' } })
    return languageOf({ text: await answer.text(), headers: answer.headers })
  }
  for (const path of [FEDCM.login, FEDCM.logout, `${FEDCM.error}?reason=Asleep`, `${FEDCM.error}?reason=nothing`, FEDCM.continue])
    expect([path, await ask(path)]).toEqual([path, GERMAN])
})
