/** The two who meet on these pages: the app that asks and the account that is asked for. */
import type { ShownClient } from '../contract.ts'
import { html, type Html } from './html.ts'

export interface AccountView {
  readonly did: string
  readonly handle: string
}

/** null: a program on the owner's computer. */
export const hostOfClient = (clientId: string): string | null => {
  const { hostname, host } = new URL(clientId)
  return hostname === 'localhost' ? null : host
}

/** The one thing that is certain of an app: whose host publishes its metadata. @see https://atproto.com/specs/oauth#localhost-client-development */
export const nameOfApp = ({ host }: Pick<ShownClient, 'host'>): string => host ?? 'an app on this computer'

export const appHead = (app: ShownClient): Html => {
  const { host, name, isTrusted } = app
  return html`<div class="asks">
    <span class="app" aria-hidden="true">${host?.charAt(0).toUpperCase() ?? '⌂'}</span>
    <div>
      <p class="strong host">${host ?? 'An app on this computer'}</p>
      <p class="smaller quiet">
        ${
          name !== undefined &&
          (isTrusted
            ? html`${name} <span class="mark mark-good">trusted</span>`
            : html`calls itself “${name}” <span class="mark">not verified</span>`)
        }
        ${name === undefined && (isTrusted ? html`<span class="mark mark-good">trusted</span>` : html`gives no name`)}
      </p>
    </div>
  </div>`
}

export const accountChip = ({ handle, did }: AccountView, aside?: Html): Html =>
  html`<div class="who">
    <span class="face" aria-hidden="true">${handle.charAt(0).toUpperCase()}</span>
    <div><span class="strong">${handle}</span><br /><span class="smaller quiet mono">${did}</span></div>
    ${aside}
  </div>`

/** Links of the app's own, which lead away: only where they are web pages. */
export const appLinks = ({ uri, policy, terms }: ShownClient): readonly Html[] =>
  (
    [
      ['Homepage', uri],
      ['Privacy policy', policy],
      ['Terms', terms],
    ] as const
  ).flatMap(([title, href]) =>
    href !== undefined && /^https?:\/\//i.test(href)
      ? [html`<a href="${href}" target="_blank" rel="noopener noreferrer nofollow">${title}</a>`]
      : [],
  )
