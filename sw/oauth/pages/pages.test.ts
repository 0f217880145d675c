import { describe, expect, test } from 'vitest'
import { GERMAN } from '../../languages/german.ts'
import { ENGLISH_WORDS, wordsOf } from '../../languages/words.ts'
import type { AuthorizationReply } from '../contract.ts'
import { sessionsPage } from './account.ts'
import { consentPage, type ConsentView } from './consent.ts'
import { continuePage, errorPage, returnPage, silentReturn } from './ending.ts'
import { GUARD_SCRIPT } from './guard.ts'
import { logPage } from './log.ts'
import type { House } from './page.ts'
import { describeScopes } from './scope-sentences.ts'
import { securityPage } from './security.ts'
import { choicePage, signInPage } from './sign-in.ts'

const HOSTILE = `</title></style></script>"'><script>alert(1)</script><img src=x onerror=alert(1)>`
const house: House = { origin: 'https://alice.example', branding: {}, words: ENGLISH_WORDS }
const app = {
  id: 'https://statusphere.example/client.json',
  host: 'statusphere.example',
  name: 'Statusphere',
  isTrusted: false,
  isConfidential: false,
}
const account = { did: 'did:web:alice.example', handle: 'alice.example' }
const form = { action: '/oauth/authorize', fields: { token: 'x' } }
const consent: ConsentView = {
  app,
  account,
  permissions: describeScopes(ENGLISH_WORDS, ['atproto', 'repo:app.bsky.feed.post']),
  known: [],
  facts: [['client_id', app.id]],
  form,
}
const back: AuthorizationReply = { kind: 'redirect', url: 'https://statusphere.example/callback?code=c&state=%26', outcome: 'granted' }
const form_post: AuthorizationReply = {
  kind: 'form',
  action: 'https://statusphere.example/callback?a=b',
  fields: { state: '&=#' },
  outcome: 'granted',
}

/** Each with text of other people's wherever there is any. */
const everyPage = (by: House = house): ReadonlyArray<readonly [string, Promise<Response>]> => {
  const evil = { ...app, name: HOSTILE, uri: `https://a.example/${HOSTILE}`, policy: `javascript:alert(1)`, terms: HOSTILE }
  const owner = { did: HOSTILE, handle: HOSTILE }
  const hidden = { action: '/account', fields: { token: HOSTILE } }
  const head = { account: owner, form: hidden, done: HOSTILE, problem: HOSTILE }
  const permission = { scope: HOSTILE, sentence: HOSTILE, claim: HOSTILE, parts: [HOSTILE], isNeeded: false, isWide: true }
  const grant = {
    id: HOSTILE,
    app: HOSTILE,
    clientId: HOSTILE,
    name: HOSTILE,
    permissions: [HOSTILE],
    createdAt: 0,
    usedAt: 0,
    until: 0,
    browser: HOSTILE,
  }
  const browser = { id: HOSTILE, name: HOSTILE, isThis: true, isHome: true, since: 0, seenAt: 0, until: 0 }
  const passkey = { id: HOSTILE, name: HOSTILE, createdAt: 0, isBackedUp: true }
  const away: AuthorizationReply = { kind: 'form', action: 'https://a.example/', fields: { [HOSTILE]: HOSTILE }, outcome: HOSTILE }
  return [
    [
      'consent',
      consentPage(by, { ...consent, app: evil, account: owner, permissions: [permission], facts: [[HOSTILE, HOSTILE]], form: hidden }),
    ],
    [
      'sign-in',
      signInPage(by, { app: evil, identifier: HOSTILE, problem: HOSTILE, passkey: JSON.stringify({ x: HOSTILE }), form: hidden }),
    ],
    ['choice', choicePage(by, { app: evil, accounts: [owner], form: hidden })],
    ['return', returnPage(by, { kind: 'redirect', url: `https://a.example/?${HOSTILE}`, outcome: 'granted' })],
    ['form_post', returnPage(by, away)],
    ['continue', continuePage(by, away, { title: HOSTILE, message: HOSTILE })],
    ['error', errorPage(by, { title: HOSTILE, message: HOSTILE, status: 400, code: HOSTILE })],
    [
      'sessions',
      sessionsPage(by, {
        ...head,
        grants: [grant, grant],
        byPassword: [{ family: HOSTILE, appPassword: HOSTILE, since: 0, usedAt: 0, until: 0 }],
        sites: [{ clientId: HOSTILE, site: HOSTILE, knows: HOSTILE, road: HOSTILE, at: 0, lastAt: 1 }],
        remembered: [{ clientId: HOSTILE, app: HOSTILE, permissions: [HOSTILE], at: 0 }],
        browsers: [browser, browser],
      }),
    ],
    ['security', securityPage(by, { ...head, passkeys: [passkey], newPasskey: JSON.stringify({ x: HOSTILE }), handle: HOSTILE })],
    ['log', logPage(by, { ...head, entries: [{ at: 0, what: HOSTILE, detail: HOSTILE }], exportPath: '/account/log.json' })],
  ]
}

const sha256 = async (text: string): Promise<string> =>
  `'sha256-${Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toString('base64')}'`

/** Content of the first element of that name. */
const inside = (text: string, name: string): string | undefined => new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(text)?.[1]

const german: House = { ...house, words: wordsOf('de', GERMAN) }
const inGerman = everyPage(german).map(([name, answer]) => [`${name}, in another language`, answer] as const)

describe.each([...everyPage(), ...inGerman])('the page %s', (_, answer) => {
  test('shows what others wrote as text', async () => {
    const text = await (await answer).clone().text()
    expect(text).not.toContain('<script>alert')
    expect(text).not.toContain('<img src=x')
    expect(text).not.toMatch(/href="(?!https:|\/|#|data:image\/svg)/)
    expect(text.match(/<title>/g)).toHaveLength(1)
    expect(text.match(/<\/style>/g)).toHaveLength(1)
  })

  test('lets in its own style and script, by their hashes, and nothing else', async () => {
    const text = await (await answer).clone().text()
    const policy = (await answer).headers.get('content-security-policy') ?? ''
    const scripts = await Promise.all(Array.from(text.matchAll(/<script>([^]*?)<\/script>/g), ([, each = '']) => sha256(each)))
    expect(policy).toContain("default-src 'none'; ")
    expect(policy).toContain(`style-src ${await sha256(inside(text, 'style') ?? '')};`)
    expect(policy).toContain(`script-src ${scripts.length === 0 ? "'none'" : scripts.join(' ')};`)
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(text).not.toMatch(/ style="| on[a-z]+="/)
  })

  test('is in no frame, no cache, and no script of another site', async () => {
    const { headers } = await answer
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'; base-uri 'none'")
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('access-control-allow-origin')).toBe('https://alice.example')
  })
})

test('those on which one click gives something away, or takes it, have the guard against clicks that were not meant', async () => {
  const guarded = await Promise.all(
    everyPage().map(async ([name, answer]) => ((await (await answer).text()).includes(GUARD_SCRIPT) ? [name] : [])),
  )
  expect(guarded.flat()).toEqual(['consent', 'choice', 'sessions', 'security', 'log'])
})

test('forms lead to this host, but for the one that brings an answer to the app', async () => {
  for (const [name, answer] of everyPage()) {
    const policy = (await answer).headers.get('content-security-policy') ?? ''
    if (name === 'form_post' || name === 'continue') expect(policy, name).not.toContain('form-action')
    else expect(policy, name).toContain("form-action 'self'")
  }
})

describe('the consent page', () => {
  const textOf = async (view: Partial<ConsentView>): Promise<string> => (await consentPage(house, { ...consent, ...view })).text()

  test('puts the host of the client_id first, and the name as what it calls itself', async () => {
    const text = await textOf({})
    expect(text.indexOf('>statusphere.example<')).toBeGreaterThan(0)
    expect(text.indexOf('>statusphere.example<')).toBeLessThan(text.indexOf('calls itself “Statusphere”'))
    expect(text).toContain('not verified')
    expect(await textOf({ app: { ...app, isTrusted: true } })).not.toContain('not verified')
  })

  test('has a box for all that can be left out, and none for what cannot', async () => {
    const text = await textOf({})
    expect([...text.matchAll(/name="scope" value="([^"]*)"/g)].map(([, value]) => value)).toEqual(['repo:app.bsky.feed.post'])
  })

  test('says what is new to an app that was allowed before', async () => {
    expect(await textOf({})).not.toContain('>new<')
    expect((await textOf({ known: ['atproto'] })).match(/>new</g)).toHaveLength(1)
  })

  test('warns of apps on this computer, whose client_id says nothing about them', async () => {
    expect(await textOf({ app: { ...app, id: 'http://localhost?scope=atproto', host: null } })).toContain('Any program on your computer')
  })
})

describe('the way back to the app', () => {
  const message = { title: 'You are signed in', message: 'Go on?' }

  test('is an address or a form', async () => {
    expect(await (await returnPage(house, back)).text()).toContain('href="https://statusphere.example/callback?code=c&amp;state=%26"')
    const text = await (await returnPage(house, form_post)).text()
    expect(text).toContain('action="https://statusphere.example/callback?a=b"')
    expect(text).toContain('name="state" value="&amp;=#"')
  })

  test('is taken at once after a click here, and only by a click where there was none', async () => {
    expect(await (await returnPage(house, back)).text()).toContain('http-equiv="refresh"')
    expect(inside(await (await returnPage(house, form_post)).text(), 'script')).toContain('submit()')
    expect(await (await continuePage(house, back, message)).text()).not.toContain('http-equiv="refresh"')
    expect(inside(await (await continuePage(house, form_post, message)).text(), 'script')).toBeUndefined()
  })

  test('is a redirect only where the app asked without a word to its user', async () => {
    const answer = await silentReturn(house, back)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, back.kind === 'redirect' && back.url])
    expect((await silentReturn(house, form_post)).status).toBe(200)
  })

  test('never runs a script in the name of this host', async () => {
    for (const url of ['javascript:alert(1)', 'data:text/html,x', 'blob:https://alice.example/x', 'file:///etc/passwd']) {
      const reply: AuthorizationReply = { kind: 'redirect', url, outcome: 'granted' }
      for (const make of [returnPage, silentReturn]) await expect((async () => make(house, reply))()).rejects.toThrow(TypeError)
      await expect((async () => continuePage(house, reply, message))()).rejects.toThrow(TypeError)
    }
  })
})

describe('branding', () => {
  const branded = async (branding: House['branding']): Promise<string> =>
    (await errorPage({ ...house, branding }, { title: 'x', message: 'y', status: 400 })).text()

  test('changes name, logo, colours and links', async () => {
    const text = await branded({
      name: 'Our place',
      logo: 'data:image/png;base64,AAAA',
      colors: { light: '#8800ff', dark: '#ffee00' },
      links: [{ title: 'Imprint', href: '/imprint' }],
    })
    expect(text).toContain('x · Our place')
    expect(text).toContain('src="data:image/png;base64,AAAA"')
    expect(text).toContain('--accent:#8800ff;')
    expect(text).toContain('--on-accent:#ffffff')
    expect(text).toMatch(/prefers-color-scheme:dark\)\{:root\{--accent:#ffee00;.*--on-accent:#000000/)
    expect(text).toContain('<a href="/imprint" rel="noopener">Imprint</a>')
  })

  test('lets in no colour that is none, no link that is a script, and no picture from elsewhere', async () => {
    const text = await branded({
      colors: { light: 'red}body{display:none' },
      links: [
        { title: 'a', href: 'javascript:alert(1)' },
        { title: 'b', href: '//evil.example' },
      ],
      logo: 'https://tracker.example/x.png',
    })
    expect(text).not.toMatch(/display:none}body|javascript:|evil\.example|tracker\.example/)
    expect(text).toContain('<svg class="logo"')
  })
})
