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
    <rect width="96" height="96" fill="hsl(${hue} 38% 34%)" />
    <circle cx="48" cy="104" r="44" fill="hsl(${(hue + 24) % 360} 40% 42%)" />
    <text
      x="48"
      y="50"
      fill="#fff"
      font-family="system-ui,sans-serif"
      font-size="42"
      font-weight="600"
      text-anchor="middle"
      dominant-baseline="central"
    >
      ${letter.toUpperCase()}
    </text>
  </svg>`.text
}
