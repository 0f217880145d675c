/** What the two roads by which a site learns who the owner is have in common: FedCM (sw/fedcm) and the authorize page (`authorize-page.ts`). @see https://indieauth.spec.indieweb.org/ */
import type { SiteRoad, SiteRow } from '../store/indieauth-schema.ts'

/** What the owner lets a site have. */
export interface SiteGrant {
  /** As `client-id.ts` takes it. */
  readonly clientId: string
  /** null: by FedCM, which redirects nobody; its code is exchanged without one. */
  readonly redirectUri: string | null
  /** Of `profile` and `email`; none: only who the owner is. */
  readonly scopes: readonly string[]
  /** What it asked for, and the owner took the tick from: it is asked about again, even if the site had it before. */
  readonly withheld?: readonly string[]
  /** S256. @see https://www.rfc-editor.org/rfc/rfc7636#section-4.2 */
  readonly codeChallenge: string
  /** In which browser the owner agreed. */
  readonly deviceId: string
}

export interface Sites {
  /** Remembers the consent and says it in the ledger. @returns a code, good for one exchange within `INDIE_CODE_TTL_MS` */
  allow(grant: SiteGrant): Promise<string>
  /** The same by what the owner agreed to before. @returns null: not to all of that, or not any more; nothing has changed then */
  allowAgain(grant: SiteGrant): Promise<string | null>
  /** Says it in the ledger. */
  refuse(refusal: { readonly clientId: string; readonly road: SiteRoad; readonly deviceId: string }): Promise<void>
  /** Newest first. */
  known(): Promise<readonly SiteRow[]>
  /** Ends its tokens and codes; the next time it is asked about as a stranger. @returns whether it was known */
  forget(clientId: string): Promise<boolean>
}
