/** Who is it? By password or passkey. */
import { type FormView, hiddenFields } from './consent.ts'
import type { ShownClient } from '../contract.ts'
import { html } from './html.ts'
import { page, type House } from './page.ts'
import { accountChip, type AccountView, appHead } from './parties.ts'
import { PASSKEY_SCRIPT, passkeyData } from './passkey-script.ts'

export interface SignInView {
  /** The app that waits for it; none: it is for the account page. */
  readonly app?: ShownClient
  /** What it is for, where no app waits; none: the account page. */
  readonly purpose?: 'signIn.forSites'
  /** What stands in the field already. */
  readonly identifier: string
  /** Why nobody is signed in yet. */
  readonly problem?: string
  /** Options for `navigator.credentials.get`, as JSON; none: the account has no passkey. */
  readonly passkey?: string
  readonly form: FormView
}

export const signInPage = (house: House, { app, purpose, identifier, problem, passkey, form }: SignInView): Promise<Response> => {
  const { words } = house
  const { say } = words
  return page(house, {
    title: say('signIn'),
    ...(problem !== undefined && { status: 401 }),
    ...(passkey !== undefined && { script: PASSKEY_SCRIPT }),
    body: html`<div class="card">
      <div class="head">
        <h1>${say('signIn')}</h1>
        <p class="quiet">${say(app ? 'signIn.goOn' : (purpose ?? 'signIn.forAccount'))}</p>
      </div>
      ${app && appHead(words, app)}
      <form method="post" action="${form.action}" class="stack" ${passkey !== undefined && passkeyData(words, 'get', passkey)}>
        ${hiddenFields(form)} ${problem !== undefined && html`<p class="alarm" role="alert" id="problem">${problem}</p>`}
        <div>
          <label class="name" for="identifier">${say('signIn.identifier')}</label>
          <input
            type="text"
            id="identifier"
            name="identifier"
            value="${identifier}"
            autocomplete="username webauthn"
            autocapitalize="none"
            spellcheck="false"
            required
          />
        </div>
        <div>
          <label class="name" for="password">${say('signIn.password')}</label>
          <input
            type="password"
            id="password"
            name="password"
            autocomplete="current-password"
            required
            ${problem !== undefined && html`aria-invalid="true" aria-describedby="problem" autofocus`}
          />
        </div>
        <div>
          <label class="name" for="keep">${say('signIn.keep')}</label>
          <select id="keep" name="keep">
            ${KEEPS.map(([value, key, isUsual]) => html`<option value="${value}" ${isUsual && html`selected`}>${say(key)}</option>`)}
          </select>
        </div>
        <div class="${app ? 'buttons' : 'buttons buttons-one'}">
          <button class="button button-main" name="do" value="sign-in">${say('signIn')}</button>
          ${app && html`<button class="button" name="do" value="deny" formnovalidate>${say('cancel')}</button>`}
        </div>
        <input type="hidden" name="credential" value="" />
        <div class="stack" data-passkey-part hidden>
          <p class="or">${say('signIn.or')}</p>
          <button class="button" type="button" data-passkey-button>${say('signIn.passkey')}</button>
          <p class="note" role="status" data-passkey-note></p>
        </div>
        <p class="note">${say('signIn.forgotten')}</p>
      </form>
    </div>`,
  })
}

export interface ChoiceView {
  readonly app: ShownClient
  readonly accounts: readonly AccountView[]
  readonly form: FormView
}

/** With which account: a pod has one, and the question can still be put (`prompt=select_account`). */
export const choicePage = (house: House, { app, accounts, form }: ChoiceView): Promise<Response> => {
  const { words } = house
  const { say } = words
  return page(house, {
    title: say('choice.title'),
    isGuarded: true,
    body: html`<div class="card">
      <div class="head"><h1>${say('choice.heading')}</h1></div>
      ${appHead(words, app)}
      <form method="post" action="${form.action}" class="stack">
        ${hiddenFields(form)}
        ${accounts.map((account) =>
          accountChip(
            account,
            html`<button
              class="button button-small button-main"
              name="account"
              value="${account.did}"
              aria-label="${say('choice.go', account)}"
            >
              ${say('go')}
            </button>`,
          ),
        )}
        <div class="buttons">
          <button class="button" name="do" value="deny">${say('cancel')}</button>
          <button class="button" name="do" value="switch">${say('choice.again')}</button>
        </div>
      </form>
    </div>`,
  })
}

/** How long a browser counts as signed in: hours; 0: for this one sign-in. */
export const KEEPS = [
  ['0', 'signIn.keep.0', false],
  ['24', 'signIn.keep.24', false],
  ['168', 'signIn.keep.168', true],
  ['720', 'signIn.keep.720', false],
] as const
