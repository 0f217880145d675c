/** May this app use the account? Who asks, what it would get, for how long. */
import type { ShownClient } from '../contract.ts'
import { html, type Html } from './html.ts'
import { page, type House } from './page.ts'
import { accountChip, type AccountView, appHead, appLinks, nameOfApp } from './parties.ts'
import type { Permission } from './scope-sentences.ts'

export interface ConsentView {
  readonly app: ShownClient
  readonly account: AccountView
  readonly permissions: readonly Permission[]
  /** Of values that were allowed before. */
  readonly known: readonly string[]
  /** What the request says, for who wants to know: name and value. */
  readonly facts: ReadonlyArray<readonly [name: string, value: string]>
  readonly form: FormView
}

/** What every form of a request carries. */
export interface FormView {
  /** Where the form goes. */
  readonly action: string
  /** Hidden fields, the token against forged forms among them. */
  readonly fields: Readonly<Record<string, string>>
}

export const hiddenFields = ({ fields }: FormView): readonly Html[] =>
  Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)

export const consentPage = (house: House, view: ConsentView): Promise<Response> => {
  const { app, account, permissions, known, facts, form } = view
  const links = appLinks(app)
  return page(house, {
    title: `Allow ${nameOfApp(app)}?`,
    isGuarded: true,
    body: html`<div class="card">
      <div class="head">
        ${appHead(app)}
        <h1>Let it use your account?</h1>
      </div>
      <form method="post" action="${form.action}" class="stack">
        ${hiddenFields(form)} ${accountChip(account, html`<button class="button button-small" name="do" value="switch">Not you?</button>`)}
        <fieldset>
          <legend>It would be able to</legend>
          <ul class="gets">
            ${permissions.map((each, at) => html`<li>${permissionLine(each, at, known)}</li>`)}
          </ul>
          ${permissions.length > 1 && html`<p class="note">Take the tick from what it should not get. The app may then do less than it promises.</p>`}
        </fieldset>
        <div>
          <label class="name" for="for">For how long</label>
          <select id="for" name="for">
            ${SPANS.map(([value, words]) => html`<option value="${value}">${words}</option>`)}
          </select>
        </div>
        ${app.host === null && html`<p class="well">Any program on your computer can ask like this. Allow it only if you have just started this sign-in yourself.</p>`}
        <div class="buttons">
          <button class="button" name="do" value="deny">Deny</button>
          <button class="button button-main" name="do" value="allow">Allow</button>
        </div>
        <details>
          <summary>Technical details</summary>
          ${factList(facts)}
          ${links.length > 0 && html`<p class="note">What the app links: ${links.map((link, at) => html`${at > 0 && ' · '}${link}`)}</p>`}
        </details>
      </form>
    </div>`,
  })
}

export const factList = (facts: ConsentView['facts']): Html =>
  html`<dl class="facts">
    ${facts.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd class="mono">${value}</dd>
        </div>`,
    )}
  </dl>`

/** One that can be left out has a box, `scope` by name. @param known see `ConsentView` */
export const permissionLine = (
  { scope, sentence, claim, parts, isNeeded, isWide }: Permission,
  at: number,
  known: readonly string[],
): Html => {
  const words = html`${sentence} ${isWide && html`<span class="mark mark-wide">reaches far</span>`}
  ${known.length > 0 && !known.includes(scope) && html`<span class="mark">new</span>`}
  ${claim !== undefined && html`<small>In its makers’ words: “${claim}”</small>`}
  ${
    parts.length > 0 &&
    html`<ul>
      ${parts.map((part) => html`<li>${part}</li>`)}
    </ul>`
  }`
  if (isNeeded)
    return html`<div class="get get-fixed">
      <span class="get-dot" aria-hidden="true">✓</span><span>${words}<small>Without this there is no sign-in.</small></span>
    </div>`
  return html`<label class="get" for="scope-${at}"
    ><input type="checkbox" id="scope-${at}" name="scope" value="${scope}" checked /><span>${words}</span></label
  >`
}

/** How long a grant may be wanted for; the value is in hours, empty: without an end. */
export const SPANS: ReadonlyArray<readonly [hours: string, words: string]> = [
  ['', 'Until I take it back'],
  ['1', 'One hour'],
  ['24', 'One day'],
  ['168', 'One week'],
  ['720', '30 days'],
]
