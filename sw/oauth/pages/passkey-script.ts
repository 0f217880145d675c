import type { Words } from '../../languages/words.ts'
import { html, type Html } from './html.ts'

/** Attributes of the form. @param options what the server wants, as JSON */
export const passkeyData = ({ say }: Words, kind: 'get' | 'create', options: string): Html =>
  html`data-passkey="${kind}" data-options="${options}" data-asked="${say('passkey.asked')}" data-none="${say('passkey.none')}"`

/**
 * The one script of these pages: asks the browser for a passkey and sends what it says with the form. Written as text, because its hash is in the page's policy.
 * @see https://www.w3.org/TR/webauthn-3/#sctn-parseRequestOptionsFromJSON
 */
export const PASSKEY_SCRIPT = `
const form = document.querySelector('form[data-passkey]')
const { parseRequestOptionsFromJSON: get, parseCreationOptionsFromJSON: create } = window.PublicKeyCredential ?? {}
const isNew = form?.dataset.passkey === 'create'
if (form && get && create) {
  const part = form.querySelector('[data-passkey-part]')
  const button = form.querySelector('[data-passkey-button]')
  const note = form.querySelector('[data-passkey-note]')
  const options = JSON.parse(form.dataset.options)
  let waiting = null
  const ask = async (mediation) => {
    waiting?.abort()
    waiting = new AbortController()
    const { signal } = waiting
    const credential = isNew
      ? await navigator.credentials.create({ publicKey: create.call(PublicKeyCredential, options), signal })
      : await navigator.credentials.get({ publicKey: get.call(PublicKeyCredential, options), signal, mediation })
    form.elements.credential.value = JSON.stringify(credential)
    for (const field of form.querySelectorAll('[required]')) if (!isNew) field.required = false
    form.requestSubmit(isNew ? undefined : form.querySelector('[value="sign-in"]'))
  }
  part.hidden = false
  button.addEventListener('click', () => {
    if (isNew && !form.reportValidity()) return
    note.textContent = form.dataset.asked
    ask('optional').catch((cause) => {
      note.textContent = cause.name === 'InvalidStateError' ? 'This device has a passkey for your account already.' : form.dataset.none
    })
  })
  if (!isNew) PublicKeyCredential.isConditionalMediationAvailable?.().then((can) => can && ask('conditional')).catch(() => {})
}
`
