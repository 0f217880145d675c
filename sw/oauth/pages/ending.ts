/** How a request ends: the way back to the app, or the reason why there is none. */
import type { Words } from '../../languages/words.ts'
import type { AuthorizationReply } from '../contract.ts'
import { html, type Html } from './html.ts'
import { HEADERS, page, type House } from './page.ts'

/**
 * After the owner has decided. Not a redirect: `form-action` would have to name every place that the app then sends the browser on to
 * (https://github.com/w3c/webappsec-csp/issues/8), and an app's own URL scheme needs something to click where the browser hesitates.
 */
export const returnPage = (house: House, reply: AuthorizationReply): Promise<Response> => {
  const { words } = house
  const title = sayWhere(words, 'back', reply)
  return page(house, {
    title,
    ...(reply.kind === 'redirect' ? { refresh: leadingAway(reply.url) } : { ...FORM_PAGE, script: SUBMIT_SCRIPT }),
    body: html`<div class="card stack">
      <h1>${title}</h1>
      <p class="quiet">${words.say('back.byItself')}</p>
      ${wayOn(reply, words.say('go'))}
    </div>`,
  })
}

/** Where nobody has clicked here yet: the owner decides whether to go on. */
export const continuePage = (
  house: House,
  reply: AuthorizationReply,
  view: { readonly title: string; readonly message: string },
): Promise<Response> =>
  page(house, {
    title: view.title,
    ...(reply.outcome !== 'granted' && { status: 400 }),
    ...(reply.kind === 'form' && FORM_PAGE),
    body: html`<div class="card stack">
      <h1>${view.title}</h1>
      <p>${view.message}</p>
      ${reply.outcome !== 'granted' && codeLine(house.words, reply.outcome)} ${wayOn(reply, sayWhere(house.words, 'goOn', reply))}
    </div>`,
  })

/** What an app wants to know without a word to its user (`prompt=none`). @see https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest */
export const silentReturn = async (house: House, reply: AuthorizationReply): Promise<Response> =>
  reply.kind === 'form'
    ? returnPage(house, reply)
    : new Response(null, { status: 303, headers: { ...HEADERS, location: leadingAway(reply.url), 'referrer-policy': 'no-referrer' } })

export interface ErrorView {
  readonly title: string
  readonly message: string
  readonly status: number
  /** Stable, for those who make apps. */
  readonly code?: string
}

/** The end, with nowhere to go: the app is unknown, or what it wants is no request. */
export const errorPage = (house: House, { title, message, status, code }: ErrorView): Promise<Response> =>
  page(house, {
    title,
    status,
    body: html`<div class="card stack">
      <h1>${title}</h1>
      <p>${message}</p>
      ${code !== undefined && codeLine(house.words, code)}
      <p class="small quiet">${house.words.say('error.nothing')}</p>
    </div>`,
  })

const wayOn = (reply: AuthorizationReply, words: string): Html =>
  reply.kind === 'redirect'
    ? html`<p class="buttons buttons-one"><a class="button button-main" href="${leadingAway(reply.url)}">${words}</a></p>`
    : html`<form method="post" action="${leadingAway(reply.action)}" class="buttons buttons-one">
        ${Object.entries(reply.fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
        <button class="button button-main">${words}</button>
      </form>`

const codeLine = (words: Words, code: string): Html =>
  html`<p class="smaller quiet">${words.show('error.code', { code: html`<span class="mono">${code}</span>` })}</p>`

/** The app may send the browser anywhere then; and `Origin: null`, which a stricter policy would have it see, many refuse. */
const FORM_PAGE = { forms: null, referrer: 'strict-origin' } as const

const sayWhere = ({ say }: Words, key: 'back' | 'goOn', reply: AuthorizationReply): string => {
  const { protocol, host } = new URL(reply.kind === 'redirect' ? reply.url : reply.action)
  return host === '' ? say(`${key}.app`, { scheme: protocol.slice(0, -1) }) : say(`${key}.host`, { host })
}

/** The provider lets in no such thing; here it would run in the name of this host. @throws TypeError */
const leadingAway = (url: string): string => {
  if (/^(javascript|data|blob|file|about|vbscript):/i.test(new URL(url).protocol)) throw new TypeError('this leads to no app')
  return url
}

const SUBMIT_SCRIPT = `document.forms[0].submit()`
