/** What opens the account: passkeys and the password. */
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from '../../../wire/limits.ts'
import { type AccountHead, accountPage, ACCOUNT_PATHS, actForm } from './account.ts'
import { hiddenFields } from './consent.ts'
import { html, type Html } from './html.ts'
import type { House } from './page.ts'
import { PASSKEY_SCRIPT, passkeyData } from './passkey-script.ts'
import { dateOf } from './times.ts'

export interface PasskeyView {
  readonly id: string
  readonly name: string
  /** ms. */
  readonly createdAt: number
  readonly usedAt?: number
  /** Kept by a service that copies it to the owner's other devices. */
  readonly isBackedUp: boolean
}

export interface SecurityView extends AccountHead {
  readonly passkeys: readonly PasskeyView[]
  /** Options for `navigator.credentials.create`, as JSON. */
  readonly newPasskey: string
  /** What a password manager files the new password under. */
  readonly handle: string
}

export const securityPage = (house: House, view: SecurityView): Promise<Response> => {
  const { passkeys, newPasskey, handle, form } = view
  return accountPage(house, view, {
    title: 'Sign-in',
    current: ACCOUNT_PATHS.security,
    script: PASSKEY_SCRIPT,
    body: html`<section class="card" aria-labelledby="passkeys">
        <h2 id="passkeys">Passkeys</h2>
        <p class="small quiet">Sign in with your fingerprint, your face or the PIN of your device, instead of the password.</p>
        ${
          passkeys.length > 0 &&
          html`<ul class="rows">
            ${passkeys.map((passkey) => html`<li>${passkeyRow(passkey, view)}</li>`)}
          </ul>`
        }
        <form method="post" action="${form.action}" class="stack" ${passkeyData(house.words, 'create', newPasskey)}>
          ${hiddenFields(form)}
          <input type="hidden" name="do" value="add-passkey" />
          <input type="hidden" name="credential" value="" />
          <noscript
            ><p class="well">
              To add a passkey your browser must run this page’s one script. Everything else here works without.
            </p></noscript
          >
          <div class="stack" data-passkey-part hidden>
            <div>
              <label class="name" for="passkey-name">A name for the new one</label>
              <input type="text" id="passkey-name" name="name" maxlength="60" placeholder="My phone" autocomplete="off" />
            </div>
            <div>
              <label class="name" for="passkey-password">Your password</label>
              <input type="password" id="passkey-password" name="password" autocomplete="current-password" required />
            </div>
            <p><button type="button" class="button" data-passkey-button>Add a passkey</button></p>
            <p class="note" role="status" data-passkey-note></p>
          </div>
        </form>
      </section>
      <section class="card" aria-labelledby="password">
        <h2 id="password">Password</h2>
        <p class="small quiet">
          Changing it signs out every other browser, every app that uses the old password, and ends nothing that an app was allowed here.
        </p>
        <form method="post" action="${form.action}" class="stack">
          ${hiddenFields(form)}
          <input type="hidden" name="do" value="change-password" />
          <input type="text" name="username" value="${handle}" autocomplete="username" hidden />
          <div>
            <label class="name" for="current">The old one</label>
            <input type="password" id="current" name="current" autocomplete="current-password" required />
          </div>
          <div>
            <label class="name" for="new">The new one</label>
            <input
              type="password"
              id="new"
              name="new"
              autocomplete="new-password"
              minlength="${MIN_PASSWORD_LENGTH}"
              maxlength="${MAX_PASSWORD_LENGTH}"
              required
              aria-describedby="new-note"
            />
            <p class="note" id="new-note">${MIN_PASSWORD_LENGTH} characters at least. Longer is better than odder.</p>
          </div>
          <p><button class="button">Change the password</button></p>
        </form>
      </section>`,
  })
}

const passkeyRow = ({ id, name, createdAt, usedAt, isBackedUp }: PasskeyView, { form }: SecurityView): Html =>
  html`<div class="row">
      <div>
        <h3>${name} ${isBackedUp && html`<span class="mark">synced</span>`}</h3>
        <p class="smaller quiet">
          added ${dateOf(createdAt)} · ${usedAt === undefined ? 'not used yet' : html`last used ${dateOf(usedAt)}`}
        </p>
      </div>
      ${actForm(form, { do: 'remove-passkey', id }, html`Remove<span class="unseen"> ${name}</span>`)}
    </div>
    <details>
      <summary>Rename<span class="unseen"> ${name}</span></summary>
      <form method="post" action="${form.action}" class="inline">
        ${hiddenFields({ ...form, fields: { ...form.fields, do: 'rename-passkey', id } })}
        <input type="text" name="name" value="${name}" maxlength="60" aria-label="New name of ${name}" autocomplete="off" required />
        <button class="button button-small">Save</button>
      </form>
    </details>`
