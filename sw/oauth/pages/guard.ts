/**
 * No click that was aimed at another window: a hostile site shows this one under the pointer between the two clicks of a double click, or under a key
 * that is held down. Browsers look after their own dialogs in the same way (Chromium's `InputEventActivationProtector`), but not after pages.
 * @see https://www.paulosyibelo.com/2024/12/doubleclickjacking-what.html
 */
import { CLICK_GUARD_MS } from '../../../wire/oauth-limits.ts'

/**
 * In the head, so that it stands before there is a button. Buttons take a click once the window has been in front for a while, and only then; `aria-disabled`
 * says so while they wait (`disabled` would take the focus from them). A click that comes too early begins the wait where no focus did: whoever clicks again
 * gets through in every browser.
 */
export const GUARD_SCRIPT = `{
const BUTTONS = 'form button:not([type=button])'
let timer = 0
let isReady = false
const mark = () => { for (const each of document.querySelectorAll(BUTTONS)) timer ? each.setAttribute('aria-disabled', 'true') : each.removeAttribute('aria-disabled') }
const begin = () => {
  timer = setTimeout(() => { timer = 0; isReady = true; mark() }, ${CLICK_GUARD_MS})
  mark()
}
const wait = () => {
  clearTimeout(timer)
  timer = 0
  isReady = false
  if (document.hasFocus() && !document.hidden) begin()
  else mark()
}
addEventListener('click', (event) => {
  if (isReady || !event.target.closest?.(BUTTONS)) return
  event.preventDefault()
  event.stopImmediatePropagation()
  if (!timer) begin()
}, true)
addEventListener('keydown', (event) => event.repeat && wait(), true)
for (const each of ['focus', 'blur']) addEventListener(each, wait)
document.addEventListener('visibilitychange', wait)
document.addEventListener('DOMContentLoaded', mark)
wait()
}`
