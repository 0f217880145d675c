/** Times for people, in a place whose time zone nobody knows: the worker's is the owner's, a browser elsewhere may have another. */
import { html, type Html } from './html.ts'

/** @param ms since 1970 */
export const dateOf = (ms: number): Html => {
  const date = new Date(ms)
  const minutes = date.toISOString().slice(11, 16)
  return html`<time datetime="${date.toISOString()}"
    >${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}, ${minutes} UTC</time
  >`
}

const MONTHS = ['Jan', 'Feb', 'March', 'April', 'May', 'June', 'July', 'Aug', 'Sept', 'Oct', 'Nov', 'Dec']
