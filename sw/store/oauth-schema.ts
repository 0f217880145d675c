/**
 * The object stores of the OAuth provider. What the core hands over to be kept is kept as it came (`unknown` here): the store asks nothing of it. Secrets of clients (codes, refresh tokens) are
 * kept as digests, so that nobody who reads the database can use them.
 */

/** Made when the provider is first asked for. */
export interface ProviderRow {
  /** Newest first: it signs. Older ones stay published, so that what they signed can be verified. All non-extractable. */
  readonly keys: readonly ProviderKeyRow[]
  /** 32 bytes each, that DPoP nonces are derived from: as authorization server, as resource server. */
  readonly nonces: { readonly server: Uint8Array<ArrayBuffer>; readonly resource: Uint8Array<ArrayBuffer> }
  /** Of forms (CSRF) and the like: HMAC-SHA-256, non-extractable. */
  readonly forms: CryptoKey
}

export interface ProviderKeyRow {
  readonly kid: string
  readonly alg: 'ES256' | 'RS256'
  readonly pair: CryptoKeyPair
  /** ms. */
  readonly at: number
}

/** A pushed authorization request, until its code is used. */
export interface OAuthRequestRow {
  /** `req-…`. */
  readonly id: string
  /** As the core wrote it: RequestData, without the code. */
  readonly data: unknown
  /** ms; when it was pushed. */
  readonly at: number
  /** Digest of the code, once the owner has agreed. */
  readonly code?: string
  /** ms. */
  readonly expiresAt: number
  /** ms; when the grant ends, if the owner has set a time for it. */
  readonly until?: number
  /** The app wants the owner to sign in anew. */
  readonly isLoginWanted?: true
  /** The code was exchanged, once or more often: the row waits for its session to be written. */
  readonly used?: 'once' | 'again'
}

/** One grant: what an app got by one authorization. Refreshing changes it, in place. */
export interface OAuthSessionRow {
  /** Of the row: the first token's id. */
  readonly id: string
  /** `tok-…`: jti of the access token that is valid now. */
  readonly tokenId: string
  readonly did: string
  readonly clientId: string
  readonly deviceId?: string
  /** Digests of the code it was got by, and of the refresh token that is valid now. */
  readonly code?: string
  readonly refresh?: string
  /** As the core wrote it: TokenData, without the code. */
  readonly data: unknown
  /** ms. */
  readonly createdAt: number
  /** ms; last token or refresh. */
  readonly updatedAt: number
  /** ms; when the grant ends, if the owner has set a time for it. */
  readonly until?: number
}

/** Every refresh token that a session ever had, so that one that comes twice is known. */
export interface OAuthRefreshTokenRow {
  /** SHA-256 of the token, base64url. */
  readonly hash: string
  /** `OAuthSessionRow.id`. */
  readonly session: string
  /** ms; absent: it is the current one. Rows go with their session. */
  readonly usedAt?: number
}

/** Something that may be shown once: DPoP ids, client assertions, request objects, code challenges. */
export interface OAuthReplayRow {
  readonly key: string
  /** ms; may be forgotten then. */
  readonly until: number
}

/** A browser that has been at the authorize or the account page. */
export interface OAuthDeviceRow {
  /** `dev-…`; of the owner's own browser `OWN_DEVICE`. */
  readonly id: string
  /** Digest of what its cookie says; none: the browser that the pod lives in. */
  readonly secret?: string
  readonly userAgent: string | null
  readonly address: string | null
  /** ms. */
  readonly createdAt: number
  readonly lastSeenAt: number
  /** The account that is signed in there, since when, when the owner last proved to be it, and how long that is enough (ms). */
  readonly account?: {
    readonly did: string
    readonly since: number
    readonly at: number
    readonly by?: 'password' | 'passkey'
    readonly until?: number
  }
  /** What FedCM's requests of that browser are known by: SHA-256 of the cookie's secret, base64url, and since when (ms). `closed`: the owner has ended it there, and nothing but the owner begins it again. */
  readonly fedcm?: { readonly secret: string; readonly at: number } | 'closed'
}

/** An app that the owner has let in before. */
export interface OAuthClientRow {
  readonly clientId: string
  readonly scopes: readonly string[]
  /** ms. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** A client's metadata or keys, or a permission set: fetched from elsewhere. `key` is `client <url>`, `jwks <url>` or `lexicon <nsid>`. */
export interface OAuthDocumentRow {
  readonly key: string
  readonly value: unknown
  /** ms. */
  readonly at: number
}

/** What happened at the door, oldest first: the consent ledger. */
export interface OAuthLedgerRow {
  /** ms. */
  readonly at: number
  readonly what: 'sign-in' | 'sign-out' | 'consent' | 'denial' | 'refresh' | 'revocation' | 'end' | 'passkey' | 'site' | 'site-end'
  readonly outcome: 'done' | 'refused'
  readonly clientId?: string
  readonly clientName?: string
  /** Space-separated, as granted. */
  readonly scope?: string
  /** ms; the end of a grant that the owner set one for. */
  readonly until?: number
  readonly deviceId?: string
  /** A browser in words, as it was then. */
  readonly device?: string
  readonly address?: string
  /** What else there is to say, in a sentence. */
  readonly note?: string
}

export interface PasskeyRow {
  /** Credential id, base64url. */
  readonly id: string
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly counter: number
  readonly transports: readonly string[]
  readonly name: string
  /** ms. */
  readonly createdAt: number
  readonly lastUsedAt?: number
  readonly isBackedUp?: boolean
}

export interface OAuthStores {
  oauthRequests: { key: string; value: OAuthRequestRow; indexes: { code: string; expiresAt: number } }
  oauthSessions: { key: string; value: OAuthSessionRow; indexes: { tokenId: string; code: string; clientId: string; deviceId: string } }
  oauthRefreshTokens: { key: string; value: OAuthRefreshTokenRow; indexes: { session: string } }
  oauthReplays: { key: string; value: OAuthReplayRow; indexes: { until: number } }
  oauthDevices: { key: string; value: OAuthDeviceRow }
  oauthClients: { key: string; value: OAuthClientRow }
  oauthDocuments: { key: string; value: OAuthDocumentRow }
  oauthLedger: { key: number; value: OAuthLedgerRow }
  passkeys: { key: string; value: PasskeyRow }
}
