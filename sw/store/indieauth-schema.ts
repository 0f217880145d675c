/** The object stores of IndieAuth. Codes and tokens are kept as digests, so that nobody who reads the database can use them. */

/** By which road a site was let know: the browser's own dialog, or a page of this host that leads back to the site. */
export type SiteRoad = 'fedcm' | 'redirect'

/** A site that the owner has let know who this is. */
export interface SiteRow {
  /** A URL. */
  readonly clientId: string
  /** All that it was let have, but for what the owner has withheld since; none: only who the owner is. */
  readonly scopes: readonly string[]
  readonly roads: readonly SiteRoad[]
  /** ms. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** Until it is exchanged, or worth nothing: a code that has no row was used, or never made. */
export interface IndieCodeRow {
  /** SHA-256 of the code, base64url. */
  readonly digest: string
  readonly clientId: string
  /** null: made for FedCM. */
  readonly redirectUri: string | null
  readonly scopes: readonly string[]
  /** S256. */
  readonly codeChallenge: string
  /** ms. */
  readonly at: number
  readonly expiresAt: number
}

export interface IndieTokenRow {
  /** SHA-256 of the token, base64url. */
  readonly digest: string
  readonly kind: 'access' | 'refresh'
  /** Digest of the code that it comes from: one that is shown again is known by it. */
  readonly grant: string
  readonly clientId: string
  readonly scopes: readonly string[]
  /** ms. */
  readonly createdAt: number
  readonly expiresAt: number
  /** Of a refresh token that has a successor: ms. Kept, so that it is known if it comes twice. */
  readonly usedAt?: number
}

export interface IndieAuthStores {
  sites: { key: string; value: SiteRow }
  indieCodes: { key: string; value: IndieCodeRow; indexes: { clientId: string; expiresAt: number } }
  indieTokens: { key: string; value: IndieTokenRow; indexes: { clientId: string; grant: string; expiresAt: number } }
}
