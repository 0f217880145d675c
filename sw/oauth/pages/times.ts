/** Times for people, in a place whose time zone nobody knows: the worker's is the owner's, a browser elsewhere may have another. */
import { html, type Html } from './html.ts'

/** @param ms since 1970 */
export const dateOf = (ms: number): Html => html`<time datetime="${new Date(ms).toISOString()}">${dateText(ms)}</time>`

export const dateText = (ms: number): string => {
  const date = new Date(ms)
  const minutes = date.toISOString().slice(11, 16)
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()] ?? ''} ${date.getUTCFullYear()}, ${minutes} UTC`
}

const MONTHS = ['Jan', 'Feb', 'March', 'April', 'May', 'June', 'July', 'Aug', 'Sept', 'Oct', 'Nov', 'Dec']
