/** May this site know who you are? Who asks, what it would get, where the answer goes. */
import type { Words } from '../languages/words.ts'
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
  const { words } = house
  const { say } = words
  const { site, account, profile, scopes, known, expected, redirectsTo, facts, form } = view
  const fixed = { scope: '', sentence: say('site.me', profile), isNeeded: true, isWide: false, parts: [] }
  const permissions: readonly Permission[] = [fixed, ...scopes.map((scope) => permissionOf(words, scope, view))]
  return page(house, {
    title: site.host === null ? say('site.titleLocal') : say('site.title', { site: site.host }),
    isGuarded: true,
    body: html`<div class="card">
      <div class="head">
        ${appHead(words, site)}
        <h1>${say('site.heading')}</h1>
      </div>
      <form method="post" action="${form.action}" class="stack">
        ${hiddenFields(form)}
        ${accountChip(account, html`<button class="button button-small" name="do" value="switch">${say('notYou')}</button>`)}
        ${expected !== undefined && html`<p class="well">${words.show('site.expects', { expected: html`<span class="mono">${expected}</span>` })}</p>`}
        <fieldset>
          <legend>${say('site.would')}</legend>
          <ul class="gets">
            ${permissions.map((each, at) => html`<li>${permissionLine(words, each, at, known ? ['', ...known] : [])}</li>`)}
          </ul>
          <p class="note">${scopes.length > 0 && say('site.untick')} ${say('site.harmless')} ${known !== null && say('site.known')}</p>
        </fieldset>
        <p class="small">${words.show('site.answer', { where: html`<span class="strong host">${redirectsTo}</span>` })}</p>
        <div class="buttons">
          <button class="button" name="do" value="deny">${say('deny')}</button>
          <button class="button button-main" name="do" value="allow">${say('allow')}</button>
        </div>
        <details>
          <summary>${say('details')}</summary>
          ${factList(facts)}
        </details>
      </form>
    </div>`,
  })
}

const permissionOf = ({ say }: Words, scope: string, { profile, email }: SiteConsentView): Permission => ({
  scope,
  sentence:
    scope === 'email' ? (email === undefined ? say('site.email.none') : say('site.email', { email })) : say('site.profile', profile),
  isNeeded: false,
  isWide: false,
  parts: [],
})
