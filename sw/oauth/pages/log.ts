/** The consent ledger: who signed in, what was allowed and refused, what ended. */
import { type AccountHead, accountPage, ACCOUNT_PATHS } from './account.ts'
import { html } from './html.ts'
import type { House } from './page.ts'
import { dateOf } from './times.ts'

export interface LogEntryView {
  /** ms. */
  readonly at: number
  readonly what: string
  readonly detail?: string
}

export interface LogView extends AccountHead {
  /** Newest first. */
  readonly entries: readonly LogEntryView[]
  readonly exportPath: string
}

export const logPage = (house: House, view: LogView): Promise<Response> =>
  accountPage(house, view, {
    title: 'Log',
    current: ACCOUNT_PATHS.log,
    body: html`<section class="card" aria-labelledby="log">
      <div class="between">
        <h2 id="log">Sign-ins and consents</h2>
        <a class="button button-small" href="${view.exportPath}" download>Save as a file</a>
      </div>
      ${
        view.entries.length === 0
          ? html`<p class="quiet small">Nothing has happened yet.</p>`
          : html`<table class="times">
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">What</th>
                </tr>
              </thead>
              <tbody>
                ${view.entries.map(
                  ({ at, what, detail }) =>
                    html`<tr>
                      <td>${dateOf(at)}</td>
                      <td>${what}${detail !== undefined && html`<br /><span class="smaller quiet">${detail}</span>`}</td>
                    </tr>`,
                )}
              </tbody>
            </table>`
      }
    </section>`,
  })
