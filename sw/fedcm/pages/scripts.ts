/** The scripts of these pages, which nothing works without: what they tell the browser no form can. Written as text, because its hash is in the page's policy. */

/**
 * Says that the owner is signed in here, or no longer, with the account where the browser takes it, and closes the window that the browser has opened for it.
 * @see https://w3c-fedid.github.io/login-status/ @see https://w3c-fedid.github.io/FedCM/#dom-identityprovider-close
 */
export const STATUS_SCRIPT = `
const { status, account } = document.querySelector('[data-status]').dataset
const tell = async () => {
  try {
    await (account ? navigator.login.setStatus(status, JSON.parse(account)) : navigator.login.setStatus(status))
  } catch {
    await navigator.login?.setStatus(status)
  }
  window.IdentityProvider?.close()
}
if (status) tell()
else window.IdentityProvider?.close()
`

/**
 * Who closes the window has answered: the browser is told, because Chromium 156 leaves the site waiting for ever. (Where it asks for a sign-in it takes the closing for an answer by itself.)
 * @see https://w3c-fedid.github.io/FedCM/#dom-identityprovider-close
 */
export const LEAVE_SCRIPT = `
let isSent = false
addEventListener('submit', (event) => (isSent ||= !event.defaultPrevented))
addEventListener('beforeunload', () => isSent || window.IdentityProvider?.close())
`

/** Hands the token to the browser, which hands it to the site. @see https://w3c-fedid.github.io/FedCM/#dom-identityprovider-resolve */
export const RESOLVE_SCRIPT = `
const { token, account, nobody } = document.querySelector('[data-token]').dataset
const note = document.querySelector('[data-note]')
const resolve = async () => IdentityProvider.resolve(token, { accountId: account })
resolve().catch(() => { note.textContent = nobody })
`

/** Before the form goes: the pod's tab must be open, because the site asks it for what the answer is worth. A click may open it. */
export const WAKE_SCRIPT = `
const form = document.querySelector('form[data-wake]')
const note = form.querySelector('[data-note]')
const isOnline = async () => {
  try {
    return (await (await fetch(form.dataset.wake, { cache: 'no-store' })).json()).online
  } catch {
    return false
  }
}
let isAwake = false
let isWaiting = false
const look = async () => {
  isAwake = await isOnline()
  note.textContent = isAwake ? '' : isWaiting ? form.dataset.opening : form.dataset.asleep
  if (isAwake && isWaiting) form.requestSubmit(form.querySelector('[value="go"]'))
  else if (!isAwake) setTimeout(look, 250)
}
form.addEventListener('submit', (event) => {
  if (event.submitter?.value !== 'go' || isAwake) return
  event.preventDefault()
  if (isWaiting) return
  isWaiting = true
  note.textContent = form.dataset.opening
  // Blocked, or closed again by whoever did not expect it.
  setTimeout(() => (form.querySelector('[data-open]').hidden = false), window.open('/') ? 8000 : 0)
})
look()
`
