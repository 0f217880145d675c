/** The two who meet on these pages: the app that asks and the account that is asked for. */
import { html, type Html } from './html.ts'

export interface AppView {
  /** The client_id. */
  readonly id: string
  /** What its metadata calls it: nobody has checked that. */
  readonly name?: string
  /** The owner of this server vouches for it. */
  readonly isTrusted: boolean
  readonly homepage?: string
  readonly policy?: string
  readonly terms?: string
}

export interface AccountView {
  readonly did: string
  readonly handle: string
}

/** On the owner's own computer: a client_id that says nothing about who it is. @see https://atproto.com/specs/oauth#localhost-client-development */
export const isLocalApp = ({ id }: Pick<AppView, 'id'>): boolean => new URL(id).hostname === 'localhost'

/** The one thing that is certain of an app: whose host publishes its metadata. */
export const hostOf = ({ id }: Pick<AppView, 'id'>): string => new URL(id).host

/** In sentences. */
export const nameOfApp = (app: Pick<AppView, 'id'>): string => (isLocalApp(app) ? 'an app on this computer' : hostOf(app))

export const appHead = (app: AppView): Html => {
  const { name, isTrusted } = app
  return html`<div class="asks">
    <span class="app" aria-hidden="true">${(isLocalApp(app) ? '⌂' : hostOf(app).charAt(0)).toUpperCase()}</span>
    <div>
      <p class="strong host">${isLocalApp(app) ? 'An app on this computer' : hostOf(app)}</p>
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
export const appLinks = ({ homepage, policy, terms }: AppView): readonly Html[] =>
  (
    [
      ['Homepage', homepage],
      ['Privacy policy', policy],
      ['Terms', terms],
    ] as const
  ).flatMap(([title, href]) =>
    href !== undefined && /^https?:\/\//i.test(href)
      ? [html`<a href="${href}" target="_blank" rel="noopener noreferrer nofollow">${title}</a>`]
      : [],
  )
