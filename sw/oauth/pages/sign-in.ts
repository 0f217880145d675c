/** Who is it? By password or passkey. */
import { type FormView, hiddenFields } from './consent.ts'
import type { ShownClient } from '../contract.ts'
import { html } from './html.ts'
import { page, type House } from './page.ts'
import { accountChip, type AccountView, appHead } from './parties.ts'
import { PASSKEY_SCRIPT } from './passkey-script.ts'

export interface SignInView {
  /** The app that waits for it; none: it is for the account page. */
  readonly app?: ShownClient
  /** What it is for, where no app waits; none: the account page. */
  readonly purpose?: string
  /** What stands in the field already. */
  readonly identifier: string
  /** Why nobody is signed in yet. */
  readonly problem?: string
  /** Options for `navigator.credentials.get`, as JSON; none: the account has no passkey. */
  readonly passkey?: string
  readonly form: FormView
}

export const signInPage = (
  house: House,
  { app, purpose = 'to see what is signed in with your account, and to end it', identifier, problem, passkey, form }: SignInView,
): Promise<Response> =>
  page(house, {
    title: 'Sign in',
    ...(problem !== undefined && { status: 401 }),
    ...(passkey !== undefined && { script: PASSKEY_SCRIPT }),
    body: html`<div class="card">
      <div class="head">
        <h1>Sign in</h1>
        ${app ? html`<p class="quiet">to your own server, to go on with the app below</p>` : html`<p class="quiet">${purpose}</p>`}
      </div>
      ${app && appHead(app)}
      <form
        method="post"
        action="${form.action}"
        class="stack"
        ${passkey !== undefined && html`data-passkey="get" data-options="${passkey}"`}
      >
        ${hiddenFields(form)} ${problem !== undefined && html`<p class="alarm" role="alert" id="problem">${problem}</p>`}
        <div>
          <label class="name" for="identifier">Handle, DID or e-mail address</label>
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
          <label class="name" for="password">Password</label>
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
          <label class="name" for="keep">Ask me again</label>
          <select id="keep" name="keep">
            ${KEEPS.map(([value, words, isUsual]) => html`<option value="${value}" ${isUsual && html`selected`}>${words}</option>`)}
          </select>
        </div>
        <div class="${app ? 'buttons' : 'buttons buttons-one'}">
          <button class="button button-main" name="do" value="sign-in">Sign in</button>
          ${app && html`<button class="button" name="do" value="deny" formnovalidate>Cancel</button>`}
        </div>
        <input type="hidden" name="credential" value="" />
        <div class="stack" data-passkey-part hidden>
          <p class="or">or</p>
          <button class="button" type="button" data-passkey-button>Use a passkey</button>
          <p class="note" role="status" data-passkey-note></p>
        </div>
        <p class="note">Forgotten? In the browser that your account lives in, the app sets a new password without the old one.</p>
      </form>
    </div>`,
  })

export interface ChoiceView {
  readonly app: ShownClient
  readonly accounts: readonly AccountView[]
  readonly form: FormView
}

/** With which account: a pod has one, and the question can still be put (`prompt=select_account`). */
export const choicePage = (house: House, { app, accounts, form }: ChoiceView): Promise<Response> =>
  page(house, {
    title: 'Choose an account',
    isGuarded: true,
    body: html`<div class="card">
      <div class="head"><h1>Which account?</h1></div>
      ${appHead(app)}
      <form method="post" action="${form.action}" class="stack">
        ${hiddenFields(form)}
        ${accounts.map((account) =>
          accountChip(
            account,
            html`<button class="button button-small button-main" name="account" value="${account.did}">
              Continue<span class="unseen"> as ${account.handle}</span>
            </button>`,
          ),
        )}
        <div class="buttons">
          <button class="button" name="do" value="deny">Cancel</button>
          <button class="button" name="do" value="switch">Sign in again</button>
        </div>
      </form>
    </div>`,
  })

/** How long a browser counts as signed in: hours; 0: for this one sign-in. */
export const KEEPS: ReadonlyArray<readonly [hours: string, words: string, isUsual: boolean]> = [
  ['0', 'every time', false],
  ['24', 'after a day', false],
  ['168', 'after a week', true],
  ['720', 'after 30 days', false],
]
