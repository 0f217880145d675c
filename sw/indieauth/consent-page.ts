/** May this site know who you are? What it would get, where the answer goes. */
import type { Words } from '../languages/words.ts'
import { type Asking, askPage, permissionBoxes } from '../oauth/pages/consent.ts'
import { html } from '../oauth/pages/html.ts'
import type { House } from '../oauth/pages/page.ts'
import type { Permission } from '../oauth/pages/scope-sentences.ts'
import type { OwnerProfile } from './profile.ts'

export interface SiteConsentView extends Asking {
  readonly profile: Pick<OwnerProfile, 'me' | 'name'>
  readonly email?: string
  /** Of `profile` and `email`. */
  readonly scopes: readonly string[]
  /** Those that it was let have before; null: it is a stranger. */
  readonly known: readonly string[] | null
  /** Whom the site expects, where that is somebody else. */
  readonly expected?: string
  /** Host, or scheme of a native app. */
  readonly redirectsTo: string
}

export const siteConsentPage = (house: House, view: SiteConsentView): Promise<Response> => {
  const { words } = house
  const { say, show } = words
  const { app, profile, scopes, known, expected, redirectsTo } = view
  const fixed = { scope: '', sentence: say('site.me', profile), isNeeded: true, isWide: false, parts: [] }
  const permissions: readonly Permission[] = [fixed, ...scopes.map((scope) => permissionOf(words, scope, view))]
  const note = html`${scopes.length > 0 && say('site.untick')} ${say('site.harmless')} ${known !== null && say('site.known')}`
  return askPage(
    house,
    { ...view, title: say('site.title', { site: app.host ?? app.id }), heading: say('site.heading') },
    html`${expected !== undefined && html`<p class="well">${show('site.expects', { expected: html`<span class="mono">${expected}</span>` })}</p>`}
      ${permissionBoxes(words, say('site.would'), permissions, known ? ['', ...known] : [], note)}
      <p class="small">${show('site.answer', { where: html`<span class="strong host">${redirectsTo}</span>` })}</p>`,
  )
}

const permissionOf = ({ say }: Words, scope: string, { profile, email }: SiteConsentView): Permission => ({
  scope,
  sentence:
    scope === 'email' ? (email === undefined ? say('site.email.none') : say('site.email', { email })) : say('site.profile', profile),
  isNeeded: false,
  isWide: false,
  parts: [],
})
