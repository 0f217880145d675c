/** May this app use the account? Who asks, what it would get, for how long. */
import type { Words } from '../../languages/words.ts'
import type { ShownClient } from '../contract.ts'
import { type Content, html, type Html } from './html.ts'
import { page, type House } from './page.ts'
import { accountChip, type AccountView, appHead, appLinks } from './parties.ts'
import type { Permission } from './scope-sentences.ts'

export interface ConsentView extends Asking {
  readonly permissions: readonly Permission[]
  /** Of values that were allowed before. */
  readonly known: readonly string[]
}

export interface Asking {
  readonly app: ShownClient
  readonly account: AccountView
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
  const { app, permissions, known } = view
  const { words } = house
  const { say } = words
  const title = app.host === null ? say('consent.titleLocal') : say('consent.title', { app: app.host })
  return askPage(
    house,
    { ...view, title, heading: say('consent.heading') },
    html`${permissionBoxes(words, say('consent.would'), permissions, known, permissions.length > 1 && say('consent.untick'))}
      <div>
        <label class="name" for="for">${say('consent.howLong')}</label>
        <select id="for" name="for">
          ${SPANS.map(([value, key]) => html`<option value="${value}">${say(key)}</option>`)}
        </select>
      </div>
      ${app.host === null && html`<p class="well">${say('consent.local')}</p>`}`,
  )
}

/** What every consent has around it: who asks, whose account it is, yes or no, and the details. */
export const askPage = (
  house: House,
  { title, heading, app, account, facts, form }: Asking & { readonly title: string; readonly heading: string },
  body: Html,
): Promise<Response> => {
  const { words } = house
  const { say } = words
  const links = appLinks(words, app)
  return page(house, {
    title,
    isGuarded: true,
    body: html`<div class="card">
      <div class="head">
        ${appHead(words, app)}
        <h1>${heading}</h1>
      </div>
      <form method="post" action="${form.action}" class="stack">
        ${hiddenFields(form)}
        ${accountChip(account, html`<button class="button button-small" name="do" value="switch">${say('notYou')}</button>`)} ${body}
        <div class="buttons">
          <button class="button" name="do" value="deny">${say('deny')}</button>
          <button class="button button-main" name="do" value="allow">${say('allow')}</button>
        </div>
        <details>
          <summary>${say('details')}</summary>
          ${factList(facts)}
          ${links.length > 0 && html`<p class="note">${words.show('consent.links', { links: links.map((link, at) => html`${at > 0 && ' · '}${link}`) })}</p>`}
        </details>
      </form>
    </div>`,
  })
}

/** @param known see `ConsentView` @param note below them */
export const permissionBoxes = (
  words: Words,
  legend: string,
  permissions: readonly Permission[],
  known: readonly string[],
  note: Content,
): Html =>
  html`<fieldset>
    <legend>${legend}</legend>
    <ul class="gets">
      ${permissions.map((each, at) => html`<li>${permissionLine(words, each, at, known)}</li>`)}
    </ul>
    ${note && html`<p class="note">${note}</p>`}
  </fieldset>`

const factList = (facts: Asking['facts']): Html =>
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
const permissionLine = (
  { say }: Words,
  { scope, sentence, claim, parts, isNeeded, isWide }: Permission,
  at: number,
  known: readonly string[],
): Html => {
  const line = html`${sentence} ${isWide && html`<span class="mark mark-wide">${say('consent.wide')}</span>`}
  ${known.length > 0 && !known.includes(scope) && html`<span class="mark">${say('consent.new')}</span>`}
  ${claim !== undefined && html`<small>${say('consent.claim', { words: claim })}</small>`}
  ${
    parts.length > 0 &&
    html`<ul>
      ${parts.map((part) => html`<li>${part}</li>`)}
    </ul>`
  }`
  if (isNeeded)
    return html`<div class="get get-fixed">
      <span class="get-dot" aria-hidden="true">✓</span><span>${line}<small>${say('consent.needed')}</small></span>
    </div>`
  return html`<label class="get" for="scope-${at}"
    ><input type="checkbox" id="scope-${at}" name="scope" value="${scope}" checked /><span>${line}</span></label
  >`
}

/** How long a grant may be wanted for; the value is in hours, empty: without an end. */
export const SPANS = [
  ['', 'consent.for'],
  ['1', 'consent.for.1'],
  ['24', 'consent.for.24'],
  ['168', 'consent.for.168'],
  ['720', 'consent.for.720'],
] as const
