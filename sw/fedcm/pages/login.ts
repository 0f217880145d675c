/** Signed in for sites that ask by FedCM, or not: one click in the owner's own browser, and what the browser is told. */
import { STATUS_PATH } from '../../../wire/frames.ts'
import type { Words } from '../../languages/words.ts'
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
export const loginPage = (house: House, { account, form, isOwn, problem }: LoginView): Promise<Response> => {
  const { words } = house
  const { say } = words
  return page(house, {
    title: say('fedcm.login.title'),
    isGuarded: true,
    ...(problem !== undefined && { status: 503 }),
    ...(isOwn && { script: WAKE_SCRIPT, isAsking: true }),
    body: html`<div class="card">
      <div class="head">
        <h1>${say('fedcm.login')}</h1>
        <p class="quiet">${say('fedcm.login.text')}</p>
      </div>
      <form method="post" action="${form.action}" class="stack" ${isOwn && wake(words)}>
        ${hiddenFields(form)} ${problem !== undefined && html`<p class="alarm" role="alert">${problem}</p>`} ${accountChip(account)}
        ${isOwn && wakeNote(words)}
        <div class="buttons">
          <button class="button" name="do" value="cancel">${say('fedcm.notNow')}</button>
          <button class="button button-main" name="do" value="go">${say('go')}</button>
        </div>
      </form>
    </div>`,
  })
}

/** Of a form whose `go` needs the pod's tab. */
export const wake = ({ say }: Words): Html =>
  html`data-wake="${STATUS_PATH}" data-asleep="${say('fedcm.asleep')}" data-opening="${say('fedcm.opening')}"`

export const wakeNote = ({ say, show }: Words): Html => {
  const link = html`<a href="/" target="_blank">${say('fedcm.notOpen.link')}</a>`
  return html`<p class="note" role="status" data-note></p>
    <p class="note" data-open hidden>${show('fedcm.notOpen', { link })}</p>`
}

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
export const logoutPage = (house: House, { account, form }: Pick<LoginView, 'account' | 'form'>): Promise<Response> => {
  const { say } = house.words
  return page(house, {
    title: say('fedcm.logout.title'),
    body: html`<div class="card">
      <div class="head">
        <h1>${say('fedcm.logout')}</h1>
        <p class="quiet">${say('fedcm.logout.text')}</p>
      </div>
      <form method="post" action="${form.action}" class="stack">
        ${hiddenFields(form)} ${accountChip(account)}
        <div class="buttons buttons-one"><button class="button button-main" name="do" value="end">${say('fedcm.logout.do')}</button></div>
      </form>
    </div>`,
  })
}
