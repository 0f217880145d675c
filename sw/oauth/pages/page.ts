/**
 * A page of the OAuth provider as an answer: HTML made here, which works without script, and a policy that lets nothing else in.
 * @see https://www.rfc-editor.org/rfc/rfc9700#name-clickjacking
 */
import type { Words } from '../../languages/words.ts'
import { type Branding, brandStyle, linksOf, logoOf, nameOf } from './brand.ts'
import { GUARD_SCRIPT } from './guard.ts'
import { type Content, html, Html } from './html.ts'
import { STYLE } from './style.ts'

/** What all pages of one pod share. */
export interface House {
  /** Public origin. */
  readonly origin: string
  readonly branding: Branding
  /** In the language of who looks. */
  readonly words: Words
}

export interface PageParts {
  readonly title: string
  readonly body: Content
  readonly status?: number
  /** Runs if it may; the page must be whole without it. */
  readonly script?: string
  /** Whether its script asks this host for something. */
  readonly isAsking?: boolean
  /** Whether one click on it gives something away, or takes it: then none that was aimed at another window. */
  readonly isGuarded?: boolean
  /** Where the browser goes at once, by itself. */
  readonly refresh?: string
  /** What forms may lead to, in the words of `form-action`; null: anywhere. Default: this host. */
  readonly forms?: string | null
  /** How much other sites learn of where somebody comes from. */
  readonly referrer?: 'same-origin' | 'strict-origin'
  readonly wide?: boolean
  readonly nav?: Content
  /** What else its head holds. */
  readonly head?: Content
}

export const page = async (house: House, parts: PageParts): Promise<Response> => {
  const {
    title,
    body,
    status = 200,
    script,
    isAsking = false,
    isGuarded = false,
    refresh,
    forms = "'self'",
    referrer = 'same-origin',
    wide = false,
    nav,
    head,
  } = parts
  const { branding, origin, words } = house
  const style = STYLE + brandStyle(branding)
  const links = linksOf(branding)
  const brand = [logoOf(branding), nameOf(branding)]
  const scripts = [...(isGuarded ? [GUARD_SCRIPT] : []), ...(script === undefined ? [] : [script])]
  const [styleHash, ...scriptHashes] = await Promise.all([style, ...scripts].map(hashOf))
  const document = html`<!doctype html>
    <html lang="${words.tag}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${refresh !== undefined && html`<meta http-equiv="refresh" content="0;url=${refresh}" />`}
        <title>${title} · ${nameOf(branding)}</title>
        <link rel="icon" href="${ICON}" />
        ${head} ${element('style', style)} ${isGuarded && element('script', GUARD_SCRIPT)}
      </head>
      <body>
        <header class="bar">
          ${nav ? html`<a class="brand" href="/">${brand}</a>` : html`<span class="brand">${brand}</span>`}
          ${nav ?? html`<span class="bar-host">${new URL(origin).host}</span>`}
        </header>
        <main class="page${wide && ' page-wide'}${isGuarded && ' guarded'}">${body}</main>
        ${links.length > 0 && html`<footer class="foot">${links}</footer>`} ${script !== undefined && element('script', script)}
      </body>
    </html> `
  const policy = [
    "default-src 'none'",
    `style-src '${styleHash}'`,
    `script-src ${scriptHashes.length === 0 ? "'none'" : scriptHashes.map((each) => `'${each}'`).join(' ')}`,
    'img-src data:',
    ...(isAsking ? ["connect-src 'self'"] : []),
    ...(forms === null ? [] : [`form-action ${forms}`]),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ]
  return new Response(document.text, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-language': words.tag,
      vary: 'accept-language',
      'content-security-policy': policy.join('; '),
      ...HEADERS,
      'referrer-policy': referrer,
      // Else everybody: then a script of another site could read a form with its token, as somebody who is not signed in.
      'access-control-allow-origin': origin,
    },
  })
}

/** Of everything that is answered to a browser here, redirects too. */
export const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
}

/** Byte for byte what its hash is of. Neither text holds an end tag. */
const element = (name: 'style' | 'script', text: string): Html => new Html(`<${name}>${text}</${name}>`)

/** As `Content-Security-Policy` names an inline style or script. */
const hashOf = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`
}

/** The app's favicon, because a page that lets nothing in cannot link it. */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0b7a5c"/><path fill="#fff" d="M3.5 27c2.3 0 3.5-1.2 3.5-3.5V15a5 5 0 0 1 5-5h8a5 5 0 0 1 5 5v8.5c0 2.3 1.2 3.5 3.5 3.5z"/><circle cx="16" cy="18.5" r="3.5" fill="#0b7a5c"/></svg>',
)}`
