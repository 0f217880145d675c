/**
 * What the pages (sw/oauth/pages) and the guard of XRPC (sw/http/auth.ts) ask of the OAuth provider. Nobody outside this folder names a parameter of the protocol.
 */
import type { OAuthLedgerRow } from '../store/oauth-schema.ts'

/** A browser, as the pages know it by its cookie, or as the pod's own. Its row in `oauthDevices` exists before anything here is asked. */
export interface Device {
  /** `dev-` and 32 hex digits. */
  readonly id: string
  readonly userAgent: string | null
  readonly address: string | null
}

/** The browser in which the pod lives. */
export const OWN_DEVICE = `dev-${'0'.repeat(32)}`

/** The app that asks. Nothing of it is verified but that it was served at `id`. */
export interface ShownClient {
  /** Its client_id: a URL, or `http://localhost…`. */
  readonly id: string
  /** Host of the client_id; null: a program on this machine, which nobody vouches for. */
  readonly host: string | null
  /** By the owner's or the integrator's word: only then name and logo may be shown as if they were true. */
  readonly isTrusted: boolean
  readonly isConfidential: boolean
  readonly name?: string
  readonly uri?: string
  readonly logo?: string
  readonly policy?: string
  readonly terms?: string
}

/** A permission set by its NSID. @see https://atproto.com/specs/permission */
export interface PermissionSet {
  /** One value of the request's scope: a set may be asked for twice, for two services. */
  readonly scope: string
  readonly nsid: string
  readonly title?: string
  readonly detail?: string
  /** As the lexicon has it, localized names included. */
  readonly main: Readonly<Record<string, unknown>>
  /** What the set stands for in this request: granular scopes. */
  readonly scopes: readonly string[]
}

export interface AuthorizationRequest {
  readonly requestUri: string
  readonly client: ShownClient
  /** As asked for, `atproto` among them. */
  readonly scopes: readonly string[]
  readonly permissionSets: readonly PermissionSet[]
  readonly prompt: 'none' | 'login' | 'consent' | 'select_account' | 'create' | null
  /** Handle or DID that the app expects. */
  readonly loginHint: string | null
  /** BCP 47, best first. */
  readonly locales: readonly string[]
  /** Where the answer will go: host, or scheme of a native app. */
  readonly redirectsTo: string
  readonly account: {
    readonly did: string
    readonly handle: string
    /** Nobody is signed in on this device, or was too long ago, or the app asks for it. */
    readonly isLoginRequired: boolean
    /** Scopes that the owner let this app have before. */
    readonly grantedBefore: readonly string[]
  }
}

/** How an answer gets to the app. */
export type AuthorizationReply = {
  readonly outcome: ReplyOutcome
  /** Of the page that brings it there: BCP 47, best first. */
  readonly locales?: readonly string[]
} & (
  | { readonly kind: 'redirect'; readonly url: string }
  /** A form that is posted to `action`. @see https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html */
  | { readonly kind: 'form'; readonly action: string; readonly fields: Readonly<Record<string, string>> }
)

/** `granted`, or the error's code. */
export type ReplyOutcome = 'granted' | (string & {})

export interface Decision {
  readonly requestUri: string
  readonly device: Device
}

export interface Agreement extends Decision {
  /** Those that the owner left ticked; `atproto` cannot be left out. All that were asked for where it is absent. */
  readonly scopes?: readonly string[]
  /** ms since 1970: the grant ends then, whatever is refreshed. */
  readonly until?: number
}

/** One grant. */
export interface Grant {
  readonly id: string
  readonly clientId: string
  /** As it was fetched last; absent: it cannot be had now. */
  readonly client?: ShownClient
  /** Granular: permission sets are resolved. */
  readonly scopes: readonly string[]
  readonly deviceId: string | null
  /** ms. */
  readonly createdAt: number
  /** ms; last refresh, or sign-in. */
  readonly updatedAt: number
  /** ms; by the owner's wish. */
  readonly until?: number
}

/** An app that was let in, whether it holds a grant or not. */
export interface KnownClient {
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly createdAt: number
  readonly updatedAt: number
}

/** Who calls, by a DPoP-bound access token. */
export interface Access {
  /** Once the proof is good for nothing more. Rejects, with XrpcError 401, where it was shown before. Until then nothing may change, and nothing be answered. */
  readonly settled: Promise<void>
  readonly did: string
  readonly clientId: string
  /** Granular, space-separated. */
  readonly scope: string
  /** `jti`. */
  readonly tokenId: string
  /** Thumbprint of the key that the token is bound to. */
  readonly jkt: string
}

export type MeantGrants = { readonly id: string } | { readonly clientId: string } | { readonly deviceId: string } | 'all'

export interface Authorizations {
  /** The provider is put together at the first use: this begins it, for who will use it in a moment. */
  prepare(): void

  /**
   * What an authorize page shows, or the answer that goes back without one (`prompt=none`, an error that the app must hear). `isSilent`: the app asked for it without a word to its user.
   * @param query of the authorize URL: `client_id`, `request_uri`
   * @throws OAuthError where nothing may go back to the app
   */
  begin(
    query: URLSearchParams,
    device: Device,
  ): Promise<
    | { readonly kind: 'ask'; readonly request: AuthorizationRequest }
    | { readonly kind: 'reply'; readonly isSilent: boolean; readonly reply: AuthorizationReply }
  >
  /** The owner agrees, signed in on the device. @throws OAuthError where nothing may go back to the app */
  accept(agreement: Agreement): Promise<AuthorizationReply>
  /** The owner refuses. @throws OAuthError likewise */
  deny(decision: Decision): Promise<AuthorizationReply>
  grants(): Promise<readonly Grant[]>
  /** Ends one grant, or all that are meant, codes that are on the way included. @returns how many grants */
  revoke(which: MeantGrants): Promise<number>
  clients(): Promise<readonly KnownClient[]>
  /** Ends its grants too, and asks for consent again. */
  forget(clientId: string): Promise<void>
  /** Appends to the consent ledger. */
  note(entry: Omit<OAuthLedgerRow, 'at'>): Promise<void>
}

/** For XRPC. */
export interface AccessGuard {
  /** @throws XrpcError 401 with WWW-Authenticate and DPoP-Nonce */
  authenticate(request: Request): Promise<Access>
  /** Goes into `DPoP-Nonce` of every answer to such a request. */
  nextNonce(): Promise<string>
}
