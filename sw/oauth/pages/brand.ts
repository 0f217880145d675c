/** Whose pages these are. All of it can be chosen by who runs the pod; what is left out is tabpod's own. */
import { html, type Html } from './html.ts'

export interface Branding {
  readonly name?: string
  /** `data:` URL of a picture, shown 28 px high. */
  readonly logo?: string
  /** Of links, buttons and lights: `#rrggbb`, each for its own background. The text on them is black or white, whichever is read better. */
  readonly colors?: { readonly light?: string; readonly dark?: string }
  /** At the foot of each page: terms, privacy, help. */
  readonly links?: ReadonlyArray<{ readonly title: string; readonly href: string; readonly rel?: string }>
}

export const nameOf = ({ name = 'tabpod' }: Branding): string => name

/** A browser tab with a light in it, where there is no other. */
export const logoOf = ({ logo }: Branding): Html =>
  logo?.startsWith('data:image/')
    ? html`<img class="logo" src="${logo}" alt="" height="28" />`
    : html`<svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="currentColor" />
        <path class="logo-tab" d="M3.5 27c2.3 0 3.5-1.2 3.5-3.5V15a5 5 0 0 1 5-5h8a5 5 0 0 1 5 5v8.5c0 2.3 1.2 3.5 3.5 3.5z" />
        <circle cx="16" cy="18.5" r="3.5" fill="currentColor" />
      </svg>`

/** Nothing but http(s) and paths of this host: a `javascript:` in a setting is not a link. */
export const linksOf = ({ links = [] }: Branding): readonly Html[] =>
  links
    .filter(({ href }) => /^(https?:\/\/|\/(?!\/))/i.test(href))
    .map(({ title, href, rel }) => html`<a href="${href}" rel="${rel ?? 'noopener'}">${title}</a>`)

/** What stands behind the style sheet. A colour that is none is left out: it could close the rule it stands in. */
export const brandStyle = ({ colors = {} }: Branding): string => {
  const light = accent(colors.light)
  const dark = accent(colors.dark ?? colors.light)
  return (light && `:root{${light}}`) + (dark && `@media(prefers-color-scheme:dark){:root{${dark}}}`)
}

const accent = (color: string | undefined): string =>
  color !== undefined && /^#[\da-f]{6}$/i.test(color)
    ? `--accent:${color};--accent-strong:${color};--accent-soft:color-mix(in srgb,${color} 14%,var(--card));--on-accent:${textOn(color)}`
    : ''

/** @see https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
const textOn = (color: string): string => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  // Where black and white are read equally well: √(1.05 × 0.05) − 0.05.
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? '#000000' : '#ffffff'
}
