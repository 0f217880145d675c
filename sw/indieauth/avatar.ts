/** The owner's picture: that of the profile, or a calm one that is made up here. */
import { html } from '../oauth/pages/html.ts'
import type { BlobService, BlobView } from '../repo/contract.ts'
import type { OwnerProfile } from './profile.ts'

export type Avatar = { readonly blob: BlobView } | { readonly svg: string }

/** Pictures alone: what else a record may name as one is not shown. */
export const avatarOf = async (blobs: Pick<BlobService, 'get'>, profile: OwnerProfile): Promise<Avatar> => {
  const blob = profile.avatar && (await blobs.get(profile.avatar.cid))
  return blob && RASTERS.has(blob.mime) ? { blob } : { svg: drawn(profile) }
}

/** Without script in them; SVG has. */
const RASTERS: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif'])

/** Always the same for one owner. */
const drawn = ({ did, name }: OwnerProfile): string => {
  const hue = Array.from(did).reduce((sum, character) => (sum * 31 + (character.codePointAt(0) ?? 0)) % 360, 7)
  const [letter = ''] = Array.from(name)
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="192" height="192">
    <linearGradient id="g" x2="1" y2="1">
      <stop stop-color="hsl(${hue} 34% 44%)" />
      <stop offset="1" stop-color="hsl(${(hue + 40) % 360} 38% 30%)" />
    </linearGradient>
    <rect width="96" height="96" fill="url(#g)" />
    <text
      x="48"
      y="50"
      fill="#fff"
      font-family="system-ui,sans-serif"
      font-size="44"
      font-weight="600"
      text-anchor="middle"
      dominant-baseline="central"
    >
      ${letter.toUpperCase()}
    </text>
  </svg>`.text
}
