/** What is signed in with the account: apps and browsers, each with a way to end it. */
import { type FormView, hiddenFields } from './consent.ts'
import { html, type Html } from './html.ts'
import { page, type House } from './page.ts'
import { accountChip, type AccountView } from './parties.ts'
import { dateOf } from './times.ts'

export interface AccountHead {
  readonly account: AccountView
  /** What was just done. */
  readonly done?: string
  /** What was wrong with what was wanted. */
  readonly problem?: string
  /** Of the page's forms, whose `action` is the page itself. */
  readonly form: FormView
}

export interface GrantView {
  readonly id: string
  /** Host of the client_id, or what is said of apps on this computer. */
  readonly app: string
  readonly clientId: string
  readonly name?: string
  readonly permissions: readonly string[]
  /** ms. */
  readonly createdAt: number
  readonly usedAt: number
  readonly until?: number
  /** The browser in which the owner agreed. */
  readonly browser?: string
}

/** Allowed before: the next time it may be let in by one click. */
export interface RememberedView {
  readonly clientId: string
  readonly app: string
  readonly permissions: readonly string[]
  /** ms. */
  readonly at: number
}

/** A site that the owner has let know who this is. Times in ms. */
export interface SiteView {
  readonly clientId: string
  readonly site: string
  /** What, and by which roads, in words. */
  readonly knows: string
  readonly road: string
  readonly at: number
  readonly lastAt: number
}

/** Times in ms. */
export interface PasswordSignInView {
  readonly family: string
  /** Name of the app password; absent: the password of the account. */
  readonly appPassword?: string
  readonly since: number
  readonly usedAt: number
  readonly until: number
}

export interface BrowserView {
  readonly id: string
  readonly name: string
  readonly isThis: boolean
  /** The one that the account lives in. */
  readonly isHome: boolean
  /** ms. */
  readonly since: number
  readonly seenAt: number
  readonly until?: number
  readonly by?: 'password' | 'passkey'
}

export interface SessionsView extends AccountHead {
  readonly grants: readonly GrantView[]
  /** Apps that hold nothing now. */
  readonly remembered: readonly RememberedView[]
  readonly sites: readonly SiteView[]
  /** Apps that use no OAuth. */
  readonly byPassword: readonly PasswordSignInView[]
  readonly browsers: readonly BrowserView[]
}

export const ACCOUNT_PATHS = { sessions: '/account', security: '/account/security', log: '/account/log' } as const

export const sessionsPage = (house: House, view: SessionsView): Promise<Response> => {
  const { grants, remembered, sites, byPassword, browsers, form } = view
  return accountPage(house, view, {
    title: 'Apps and browsers',
    current: ACCOUNT_PATHS.sessions,
    body: html`<section class="card" aria-labelledby="apps">
        <div class="between">
          <h2 id="apps">Apps</h2>
          ${grants.length > 1 && actForm(form, { do: 'end-grants' }, 'End all')}
        </div>
        ${
          grants.length === 0
            ? html`<p class="quiet small">No app is signed in.</p>`
            : html`<ul class="rows">
                ${grants.map((grant) => html`<li>${grantRow(grant, form)}</li>`)}
              </ul>`
        }
      </section>
      ${
        remembered.length > 0 &&
        html`<section class="card" aria-labelledby="remembered">
          <h2 id="remembered">Allowed before</h2>
          <p class="small quiet">They hold nothing now. If one of them asks for no more than this, one click lets it in.</p>
          <ul class="rows">
            ${remembered.map((each) => html`<li>${rememberedRow(each, form)}</li>`)}
          </ul>
        </section>`
      }
      ${
        sites.length > 0 &&
        html`<section class="card" aria-labelledby="sites">
          <h2 id="sites">Sites that know you</h2>
          <p class="small quiet">They know who you are, and can do nothing in your account. One that is forgotten asks again.</p>
          <ul class="rows">
            ${sites.map((each) => html`<li>${siteRow(each, form)}</li>`)}
          </ul>
        </section>`
      }
      ${
        byPassword.length > 0 &&
        html`<section class="card" aria-labelledby="by-password">
          <h2 id="by-password">Apps with a password</h2>
          <p class="small quiet">
            They ask for no consent. What an app password may do was set when it was made; the account’s own may do everything.
          </p>
          <ul class="rows">
            ${byPassword.map((each) => html`<li>${passwordRow(each, form)}</li>`)}
          </ul>
        </section>`
      }
      <section class="card" aria-labelledby="browsers">
        <div class="between">
          <h2 id="browsers">Browsers</h2>
          ${browsers.length > 1 && actForm(form, { do: 'sign-out-others' }, 'Sign out all others')}
        </div>
        <ul class="rows">
          ${browsers.map((browser) => html`<li>${browserRow(browser, form)}</li>`)}
        </ul>
      </section>`,
  })
}

const grantRow = ({ id, app, clientId, name, permissions, createdAt, usedAt, until, browser }: GrantView, form: FormView): Html =>
  html`<div class="row">
      <div>
        <h3 class="host">${app}</h3>
        <p class="smaller quiet">
          ${name !== undefined && html`calls itself “${name}” · `}last used ${dateOf(usedAt)} · allowed
          ${dateOf(createdAt)}${browser !== undefined && html` in ${browser}`}${until !== undefined && html` · ends ${dateOf(until)}`}
        </p>
      </div>
      ${actForm(form, { do: 'end-grant', id }, html`End<span class="unseen"> ${app}</span>`)}
    </div>
    ${permissionList(permissions, clientId)}`

const rememberedRow = ({ clientId, app, permissions, at }: RememberedView, form: FormView): Html =>
  html`<div class="row">
      <div>
        <h3 class="host">${app}</h3>
        <p class="smaller quiet">allowed ${dateOf(at)}</p>
      </div>
      ${actForm(form, { do: 'forget', id: clientId }, html`Forget<span class="unseen"> ${app}</span>`)}
    </div>
    ${permissionList(permissions, clientId)}`

const siteRow = ({ clientId, site, knows, road, at, lastAt }: SiteView, form: FormView): Html =>
  html`<div class="row">
    <div>
      <h3 class="host">${site}</h3>
      <p class="smaller quiet">knows ${knows} · asked ${road} · first ${dateOf(at)}${lastAt > at && html` · last ${dateOf(lastAt)}`}</p>
      <p class="note mono">${clientId}</p>
    </div>
    ${actForm(form, { do: 'forget-site', id: clientId }, html`Forget<span class="unseen"> ${site}</span>`)}
  </div>`

const passwordRow = ({ family, appPassword, since, usedAt, until }: PasswordSignInView, form: FormView): Html => {
  const name = appPassword === undefined ? 'The account’s own password' : `App password “${appPassword}”`
  return html`<div class="row">
    <div>
      <h3>${name}</h3>
      <p class="smaller quiet">signed in ${dateOf(since)} · last used ${dateOf(usedAt)} · until ${dateOf(until)}</p>
    </div>
    ${actForm(form, { do: 'end-session', id: family }, html`End<span class="unseen"> ${name}</span>`)}
  </div>`
}

const permissionList = (permissions: readonly string[], clientId: string): Html =>
  html`<details>
    <summary>What it may do</summary>
    <ul class="plain">
      ${permissions.map((sentence) => html`<li>${sentence}</li>`)}
    </ul>
    <p class="note mono">${clientId}</p>
  </details>`

const browserRow = ({ id, name, isThis, isHome, since, seenAt, until, by }: BrowserView, form: FormView): Html =>
  html`<div class="row">
    <div>
      <h3>
        ${name} ${isThis && html`<span class="mark mark-good">this one</span>`}
        ${isHome && html`<span class="mark">your account lives here</span>`}
      </h3>
      <p class="smaller quiet">
        signed in
        ${dateOf(since)}${by !== undefined && ` with ${by === 'passkey' ? 'a passkey' : 'the password'}`}${!isThis && html` · last seen ${dateOf(seenAt)}`}${
          until !== undefined && html` · until ${dateOf(until)}`
        }
      </p>
    </div>
    ${actForm(form, { do: 'sign-out', id }, html`Sign out<span class="unseen"> ${name}</span>`)}
  </div>`

/** A form that is nothing but its button. */
export const actForm = (form: FormView, fields: Readonly<Record<string, string>>, label: Html | string): Html =>
  html`<form method="post" action="${form.action}">
    ${hiddenFields({ ...form, fields: { ...form.fields, ...fields } })}
    <button class="button button-small button-danger">${label}</button>
  </form>`

/** What the three pages of the account have around them. */
export const accountPage = (
  house: House,
  { account, done, problem }: AccountHead,
  { title, current, body, script }: { readonly title: string; readonly current: string; readonly body: Html; readonly script?: string },
): Promise<Response> =>
  page(house, {
    title,
    wide: true,
    isGuarded: true,
    ...(script !== undefined && { script }),
    ...(problem !== undefined && { status: 400 }),
    nav: html`<nav class="nav" aria-label="Account">
      ${NAV.map(([path, words]) => html`<a href="${path}" ${path === current && html`aria-current="page"`}>${words}</a>`)}
    </nav>`,
    body: html`<div class="head">
        <h1>${title}</h1>
        ${done !== undefined && html`<p class="done" role="status">${done}</p>`}
        ${problem !== undefined && html`<p class="alarm" role="alert">${problem}</p>`} ${accountChip(account)}
      </div>
      ${body}`,
  })

const NAV = [
  [ACCOUNT_PATHS.sessions, 'Apps and browsers'],
  [ACCOUNT_PATHS.security, 'Sign-in'],
  [ACCOUNT_PATHS.log, 'Log'],
] as const
