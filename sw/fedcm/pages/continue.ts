/** What the browser's dialog cannot settle alone: a tab that is closed, or more than name and picture. */
import { type FormView, hiddenFields } from '../../oauth/pages/consent.ts'
import { html } from '../../oauth/pages/html.ts'
import { page, type House } from '../../oauth/pages/page.ts'
import { accountChip, type AccountView } from '../../oauth/pages/parties.ts'
import { wake, wakeNote } from './login.ts'
import { LEAVE_SCRIPT, RESOLVE_SCRIPT, WAKE_SCRIPT } from './scripts.ts'

export interface ContinueView {
  /** Of the site. */
  readonly host: string
  readonly account: AccountView
  /** What it learns, sentence by sentence. */
  readonly learns: readonly string[]
  readonly form: FormView
  readonly isOwn: boolean
}

export const continuePage = (house: House, { host, account, learns, form, isOwn }: ContinueView): Promise<Response> => {
  const { words } = house
  const { say } = words
  return page(house, {
    title: say('fedcm.go.title', { host }),
    isGuarded: true,
    script: isOwn ? LEAVE_SCRIPT + WAKE_SCRIPT : LEAVE_SCRIPT,
    ...(isOwn && { isAsking: true }),
    body: html`<div class="card">
      <div class="head">
        <div class="asks">
          <span class="app" aria-hidden="true">${host.charAt(0).toUpperCase()}</span>
          <p class="strong host">${host}</p>
        </div>
        <h1>${say('fedcm.go')}</h1>
      </div>
      <form method="post" action="${form.action}" class="stack" ${isOwn && wake(words)}>
        ${hiddenFields(form)} ${accountChip(account)}
        <div>
          <p class="name">${say('fedcm.learns')}</p>
          <ul class="plain">
            ${learns.map((each) => html`<li>${each}</li>`)}
          </ul>
        </div>
        ${isOwn && wakeNote(words)}
        <div class="buttons">
          <button class="button" name="do" value="deny">${say('deny')}</button>
          <button class="button button-main" name="do" value="go">${say('go')}</button>
        </div>
      </form>
    </div>`,
  })
}

/** @param token for the site */
export const resolvePage = (
  house: House,
  { host, token, account }: { readonly host: string; readonly token: string; readonly account: string },
): Promise<Response> => {
  const { say } = house.words
  const title = say('back.host', { host })
  return page(house, {
    title,
    script: RESOLVE_SCRIPT,
    body: html`<div class="card stack" data-token="${token}" data-account="${account}" data-nobody="${say('fedcm.nobodyWaits')}">
      <h1>${title}</h1>
      <p class="quiet" role="status" data-note>${say('back.byItself')}</p>
    </div>`,
  })
}
