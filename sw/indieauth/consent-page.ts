/** May this site know who you are? Who asks, what it would get, where the answer goes. */
import type { ShownClient } from '../oauth/contract.ts'
import { factList, type FormView, hiddenFields, permissionLine } from '../oauth/pages/consent.ts'
import { html } from '../oauth/pages/html.ts'
import { type House, page } from '../oauth/pages/page.ts'
import { accountChip, type AccountView, appHead } from '../oauth/pages/parties.ts'
import type { Permission } from '../oauth/pages/scope-sentences.ts'
import type { OwnerProfile } from './profile.ts'

export interface SiteConsentView {
  readonly site: ShownClient
  readonly account: AccountView
  readonly profile: Pick<OwnerProfile, 'me' | 'name'>
  readonly email?: string
  /** Of `profile` and `email`. */
  readonly scopes: readonly string[]
  /** Those that it was let have before; null: it is a stranger. */
  readonly known: readonly string[] | null
  /** Whom the site expects, where that is somebody else. */
  readonly expected?: string
  /** Host, or scheme of a native app. */
  readonly redirectsTo: string
  readonly facts: ReadonlyArray<readonly [name: string, value: string]>
  readonly form: FormView
}

export const siteConsentPage = (house: House, view: SiteConsentView): Promise<Response> => {
  const { site, account, profile, scopes, known, expected, redirectsTo, facts, form } = view
  const fixed = { scope: '', sentence: `Know that you are ${profile.me}`, isNeeded: true, isWide: false, parts: [] }
  const permissions: readonly Permission[] = [fixed, ...scopes.map((scope) => permissionOf(scope, view))]
  return page(house, {
    title: `Tell ${site.host ?? 'this site'} who you are?`,
    isGuarded: true,
    body: html`<div class="card">
      <div class="head">
        ${appHead(site)}
        <h1>Let it know who you are?</h1>
      </div>
      <form method="post" action="${form.action}" class="stack">
        ${hiddenFields(form)} ${accountChip(account, html`<button class="button button-small" name="do" value="switch">Not you?</button>`)}
        ${expected !== undefined && html`<p class="well">The site expects <span class="mono">${expected}</span>. You would sign in as somebody else.</p>`}
        <fieldset>
          <legend>It would</legend>
          <ul class="gets">
            ${permissions.map((each, at) => html`<li>${permissionLine(each, at, known ? ['', ...known] : [])}</li>`)}
          </ul>
          <p class="note">
            ${scopes.length > 0 && 'Take the tick from what it should not get. '}It can change nothing in your account, and post nothing.
            ${known !== null && ' You let it know before.'}
          </p>
        </fieldset>
        <p class="small">The answer goes to <span class="strong host">${redirectsTo}</span>.</p>
        <div class="buttons">
          <button class="button" name="do" value="deny">Deny</button>
          <button class="button button-main" name="do" value="allow">Allow</button>
        </div>
        <details>
          <summary>Technical details</summary>
          ${factList(facts)}
        </details>
      </form>
    </div>`,
  })
}

const permissionOf = (scope: string, { profile, email }: SiteConsentView): Permission => ({
  scope,
  sentence:
    scope === 'email'
      ? `See your e-mail address${email === undefined ? ' (you have given none)' : `: ${email}`}`
      : `See your name and your picture: “${profile.name}”`,
  isNeeded: false,
  isWide: false,
  parts: [],
})
