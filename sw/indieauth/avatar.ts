/** The owner's picture: that of the profile, or a calm one that is made up here. */
import type { BlobService, BlobView } from '../repo/contract.ts'
import type { OwnerProfile } from './profile.ts'

export type Avatar = { readonly blob: BlobView } | { readonly png: Uint8Array<ArrayBuffer> }

/** Pictures alone: what else a record may name as one is not shown. @returns null: there is none, and this platform paints none */
export const avatarOf = async (blobs: Pick<BlobService, 'get'>, profile: OwnerProfile): Promise<Avatar | null> => {
  const blob = profile.avatar && (await blobs.get(profile.avatar.cid))
  if (blob && RASTERS.has(blob.mime)) return { blob }
  const png = await paint(profile)
  return png && { png }
}

/** Without script in them; SVG has. */
const RASTERS: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif'])

const PIXELS = 192

/** A letter on a colour, always the same for one owner. As PNG: the browser's sign-in dialog draws no SVG (Chromium 156, tried). */
const paint = async ({ did, name }: OwnerProfile): Promise<Uint8Array<ArrayBuffer> | null> => {
  if (!('OffscreenCanvas' in globalThis)) return null
  const canvas = new OffscreenCanvas(PIXELS, PIXELS)
  const context = canvas.getContext('2d')
  if (!context) return null
  context.fillStyle = `hsl(${hueOf(did)} 36% 38%)`
  context.fillRect(0, 0, PIXELS, PIXELS)
  const letter = (Array.from(name)[0] ?? '').toUpperCase()
  context.fillStyle = '#fff'
  context.font = '600 92px system-ui, sans-serif'
  context.textAlign = 'center'
  const { actualBoundingBoxAscent: above, actualBoundingBoxDescent: below } = context.measureText(letter)
  context.fillText(letter, PIXELS / 2, (PIXELS + above - below) / 2)
  return new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer())
}

const hueOf = (did: string): number => Array.from(did).reduce((sum, character) => (sum * 31 + (character.codePointAt(0) ?? 0)) % 360, 7)
