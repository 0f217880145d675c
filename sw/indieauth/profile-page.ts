/** `/profile`: the owner as a page for people, and as an h-card for programs. @see https://microformats.org/wiki/h-card */
import { INDIEAUTH_RELS } from '../../wire/indieauth.ts'
import { html } from '../oauth/pages/html.ts'
import { type House, page } from '../oauth/pages/page.ts'
import type { OwnerProfile } from './profile.ts'

/** The whole document. */
export const profilePage = async (house: House, profile: OwnerProfile): Promise<string> => {
  const { me, name, handle, did, note, pronouns, website, photo } = profile
  const elsewhere = [
    ...(website === undefined ? [] : [[website, website.replace(/^https?:\/\/|\/$/gi, '')]]),
    [`https://bsky.app/profile/${did}`, 'Bluesky'],
  ] as const
  const response = await page(house, {
    title: name,
    head: INDIEAUTH_RELS.map(([rel, path]) => html`<link rel="${rel}" href="${path}" />`),
    body: html`<article class="card stack h-card">
      <img class="portrait u-photo" src="${photo}" alt="" width="96" height="96" />
      <div>
        <h1 class="${name === handle ? 'p-name p-nickname' : 'p-name'}">${name}</h1>
        ${name !== handle && html`<p class="quiet p-nickname">${handle}</p>`}
        ${pronouns !== undefined && html`<p class="quiet p-pronouns">${pronouns}</p>`}
      </div>
      ${note !== undefined && html`<p class="p-note lines">${note}</p>`}
      <ul class="plain">
        <li><a class="u-url u-uid" href="${me}" rel="me">${new URL(me).host}</a></li>
        ${elsewhere.map(([href, words]) => html`<li><a class="u-url" href="${href}" rel="me noopener">${words}</a></li>`)}
      </ul>
      <p class="smaller quiet mono">${did}</p>
    </article>`,
  })
  return response.text()
}
