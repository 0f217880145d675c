/** The two who meet on these pages: the app that asks and the account that is asked for. */
import type { Words } from '../../languages/words.ts'
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

/** The one thing that is certain of an app stands first: whose host publishes its metadata. @see https://atproto.com/specs/oauth#localhost-client-development */
export const appHead = ({ say }: Words, app: ShownClient): Html => {
  const { host, name, isTrusted } = app
  return html`<div class="asks">
    <span class="app" aria-hidden="true">${host?.charAt(0).toUpperCase() ?? '⌂'}</span>
    <div>
      <p class="strong host">${host ?? say('app.local')}</p>
      <p class="smaller quiet">
        ${
          name !== undefined &&
          (isTrusted
            ? html`${name} <span class="mark mark-good">${say('app.trusted')}</span>`
            : html`${say('app.named', { name })} <span class="mark">${say('app.unverified')}</span>`)
        }
        ${name === undefined && (isTrusted ? html`<span class="mark mark-good">${say('app.trusted')}</span>` : say('app.nameless'))}
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
export const appLinks = ({ say }: Words, { uri, policy, terms }: ShownClient): readonly Html[] =>
  (
    [
      ['app.home', uri],
      ['app.privacy', policy],
      ['app.terms', terms],
    ] as const
  ).flatMap(([key, href]) =>
    href !== undefined && /^https?:\/\//i.test(href)
      ? [html`<a href="${href}" target="_blank" rel="noopener noreferrer nofollow">${say(key)}</a>`]
      : [],
  )
