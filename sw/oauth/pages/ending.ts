/** How a request ends: the way back to the app, or the reason why there is none. */
import { html } from './html.ts'
import { page, type House } from './page.ts'
import { type AppView, nameOfApp } from './parties.ts'

/** An answer to the app, by the response mode it asked for. */
export interface Return {
  readonly app?: AppView
  readonly to: string
  readonly mode: 'query' | 'fragment' | 'form_post'
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
}

/**
 * After the owner has decided. Not a redirect: `form-action` would have to name every place that the app then sends the browser on to
 * (https://github.com/w3c/webappsec-csp/issues/8), and an app's own URL scheme needs something to click where the browser hesitates.
 */
export const returnPage = (house: House, back: Return): Promise<Response> => {
  const where = back.app ? nameOfApp(back.app) : 'the app'
  const title = `Back to ${where}`
  if (back.mode !== 'form_post') {
    const url = returnUrl(back)
    return page(house, {
      title,
      refresh: url,
      body: html`<div class="card stack">
        <h1>${title}</h1>
        <p class="quiet">Your browser goes there by itself.</p>
        <p class="buttons buttons-one"><a class="button button-main" href="${url}">Continue</a></p>
      </div>`,
    })
  }
  return page(house, {
    title,
    forms: null,
    // `Origin: null` is what a stricter policy would have the app see, and many refuse a form of nobody's.
    referrer: 'strict-origin',
    script: SUBMIT_SCRIPT,
    body: html`<form method="post" action="${back.to}" class="card stack">
      ${back.parameters.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
      <h1>${title}</h1>
      <p class="buttons buttons-one"><button class="button button-main">Continue</button></p>
    </form>`,
  })
}

/** Where nobody has clicked here yet: the owner decides whether to go on. */
export const continuePage = (
  house: House,
  back: Return,
  view: { readonly title: string; readonly message: string; readonly code?: string },
): Promise<Response> =>
  page(house, {
    title: view.title,
    ...(view.code !== undefined && { status: 400 }),
    ...(back.mode === 'form_post' && { forms: null, referrer: 'strict-origin' as const }),
    body: html`<div class="card stack">
      <h1>${view.title}</h1>
      <p>${view.message}</p>
      ${view.code !== undefined && html`<p class="smaller quiet">For those who make the app: <span class="mono">${view.code}</span></p>`}
      ${
        back.mode === 'form_post'
          ? html`<form method="post" action="${back.to}" class="buttons buttons-one">
              ${back.parameters.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
              <button class="button button-main">${onwards(back)}</button>
            </form>`
          : html`<p class="buttons buttons-one"><a class="button button-main" href="${returnUrl(back)}">${onwards(back)}</a></p>`
      }
    </div>`,
  })

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
      ${code !== undefined && html`<p class="smaller quiet">For those who make the app: <span class="mono">${code}</span></p>`}
      <p class="small quiet">Nothing was given to anyone. You can close this page, or go back to the app and begin again.</p>
    </div>`,
  })

/** Of query and fragment. @throws TypeError for what would run in the name of this host; the provider has let in no such thing. @see https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#ResponseModes */
export const returnUrl = ({ to, mode, parameters }: Return): string => {
  const url = new URL(to)
  if (/^(javascript|data|blob|file|about|vbscript):$/.test(url.protocol)) throw new TypeError(`${url.protocol} leads to no app`)
  if (mode === 'fragment') url.hash = new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString()
  else for (const [name, value] of parameters) url.searchParams.set(name, value)
  return url.href
}

const onwards = ({ app }: Return): string => `Continue to ${app ? nameOfApp(app) : 'the app'}`

const SUBMIT_SCRIPT = `document.forms[0].submit()`
