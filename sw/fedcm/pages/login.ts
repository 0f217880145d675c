/** Signed in for sites that ask by FedCM, or not: one click in the owner's own browser, and what the browser is told. */
import { STATUS_PATH } from '../../../wire/frames.ts'
import { type FormView, hiddenFields } from '../../oauth/pages/consent.ts'
import { html, type Html } from '../../oauth/pages/html.ts'
import { page, type House } from '../../oauth/pages/page.ts'
import { accountChip, type AccountView } from '../../oauth/pages/parties.ts'
import { STATUS_SCRIPT, WAKE_SCRIPT } from './scripts.ts'

export interface LoginView {
  readonly account: AccountView
  readonly form: FormView
  /** In the browser that the pod lives in, whose tab may be closed. */
  readonly isOwn: boolean
  /** Why it did not work. */
  readonly problem?: string
}

/** The owner is signed in in this browser already. */
export const loginPage = (house: House, { account, form, isOwn, problem }: LoginView): Promise<Response> =>
  page(house, {
    title: 'Sign in to sites',
    isGuarded: true,
    ...(problem !== undefined && { status: 503 }),
    ...(isOwn && { script: WAKE_SCRIPT, isAsking: true }),
    body: html`<div class="card">
      <div class="head">
        <h1>Sign in to sites with this account?</h1>
        <p class="quiet">Your browser can then offer it where a site asks who you are. It asks you each time that a site is new.</p>
      </div>
      <form method="post" action="${form.action}" class="stack" ${isOwn && wake()}>
        ${hiddenFields(form)} ${problem !== undefined && html`<p class="alarm" role="alert">${problem}</p>`} ${accountChip(account)}
        ${isOwn && wakeNote()}
        <div class="buttons">
          <button class="button" name="do" value="cancel">Not now</button>
          <button class="button button-main" name="do" value="go">Continue</button>
        </div>
      </form>
    </div>`,
  })

/** Of a form whose `go` needs the pod's tab. */
export const wake = (): Html => html`data-wake="${STATUS_PATH}" data-asleep="Your account’s tab is closed. It opens when you go on."`

export const wakeNote = (): Html =>
  html`<p class="note" role="status" data-note></p>
    <p class="note" data-open hidden>Has it not opened? <a href="/" target="_blank">open it</a>, and leave this window open.</p>`

export interface StatusView {
  readonly title: string
  readonly message: string
  /** What the browser is told; none: nothing, the window just closes. */
  readonly status?: 'logged-in' | 'logged-out'
  /** For browsers that take it along, as JSON. */
  readonly account?: string
}

/** The end: the browser closes the window, if it has opened it. */
export const statusPage = (house: House, { title, message, status, account }: StatusView): Promise<Response> =>
  page(house, {
    title,
    script: STATUS_SCRIPT,
    body: html`<div class="card stack" data-status="${status ?? ''}" data-account="${account ?? ''}">
      <h1>${title}</h1>
      <p>${message}</p>
    </div>`,
  })

/** Ends it in this browser. */
export const logoutPage = (house: House, { account, form }: Pick<LoginView, 'account' | 'form'>): Promise<Response> =>
  page(house, {
    title: 'Sign out of sites',
    body: html`<div class="card">
      <div class="head">
        <h1>Stop offering this account to sites?</h1>
        <p class="quiet">
          This browser no longer offers it where a site asks who you are. Sites that you are signed in to already stay as they are.
        </p>
      </div>
      <form method="post" action="${form.action}" class="stack">
        ${hiddenFields(form)} ${accountChip(account)}
        <div class="buttons buttons-one"><button class="button button-main" name="do" value="end">Stop offering it</button></div>
      </form>
    </div>`,
  })
