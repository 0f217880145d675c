/**
 * The core of the official provider over our stores. What it decides stays with it; here is only where this server is another: its lifetimes, a grace for clients that
 * race with themselves, prompts of public clients, and grants that end when a client's key is gone.
 * @see https://atproto.com/specs/oauth
 */
import { InvalidGrantError, InvalidRequestError, LoginRequiredError } from '@atproto/oauth-provider/errors'
import type { OAuthHooks } from '@atproto/oauth-provider/hooks'
import {
  AccessTokenMode,
  type CustomMetadata,
  type LexResolver,
  OAuthProvider,
  type OAuthProviderOptions,
} from '@atproto/oauth-provider/provider'
import type { RefreshToken, TokenInfo } from '@atproto/oauth-provider/store'
import { decodeJwt } from 'jose'
import { OAUTH_ACCESS_TTL_MS, OAUTH_LEAST_MAX_AGE_MS, OAUTH_SIGN_IN_MAX_AGE_MS } from '../../wire/oauth-limits.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import type { Self } from '../identity/self.ts'
import { changeOAuthRequest } from '../store/oauth-requests.ts'
import { deleteOAuthSessions } from '../store/oauth-sessions.ts'
import type { Store } from '../store/open.ts'
import { accountOf, accountStoreOf } from './account-store.ts'
import { fetchDocument } from './client-documents.ts'
import { endWithoutInlineKey, endWithoutPublishedKey } from './client-keys.ts'
import { clientCachesOf, lexiconStoreOf, replayStoreOf, requestStoreOf, tokenStoreOf, refreshedBefore } from './core-stores.ts'
import type { Devices } from './devices.ts'
import { grantEnd } from './grant-end.ts'
import { agingLexiconStore } from './permission-sets.ts'
import type { Device } from './contract.ts'
import type { Branding } from './pages/brand.ts'
import { keysetOf, providerRow } from './provider-keys.ts'
import { ResourceVerifier } from './resource-verifier.ts'

/** What an integrator may say; all of it may be left out. */
export interface ProviderSettings {
  /** Called by the core. Throwing refuses; `onCreateToken` and `onDecodeToken` may replace claims. */
  readonly hooks?: Pick<
    OAuthHooks,
    'getClientInfo' | 'onAuthorizationRequest' | 'onAuthorized' | 'onCreateToken' | 'onDecodeToken' | 'onTokenCreated' | 'onTokenRefreshed'
  >
  /** Of the pages. */
  readonly branding?: Branding
  /** Called when the owner has signed in at a page, before the browser is let in. Throwing an XrpcError refuses. */
  readonly onSignedIn?: (event: { readonly did: string; readonly by: 'password' | 'passkey'; readonly device: Device }) => unknown
  /** Goes into the authorization server's metadata. */
  readonly metadata?: CustomMetadata
  /** `looked-up` (default): short, and over the moment its grant is. `self-contained`: names its scopes, for servers that cannot ask. */
  readonly accessTokens?: 'looked-up' | 'self-contained'
}

export interface ProviderParts {
  readonly store: Store
  readonly identity: Pick<Self, 'did' | 'handle' | 'standing' | 'origin'>
  /** DID of this server: `aud`. */
  readonly audience: string
  readonly devices: Pick<Devices, 'signOut'>
  /** Through the room: CORS does not bind it, and it reaches nothing private. */
  readonly fetch: Fetch
  /** Looks permission sets up. */
  readonly lexicons: Pick<LexResolver, 'get'>
  readonly settings?: ProviderSettings
  readonly now: () => number
}

export interface ComposedProvider {
  readonly server: PodProvider
  /** Judges access tokens, by nonces of its own. */
  readonly resource: ResourceVerifier
}

export const composeProvider = async (parts: ProviderParts): Promise<ComposedProvider> => {
  const { store, identity, fetch, lexicons, settings = {}, now } = parts
  const [row] = await Promise.all([providerRow(store, now()), deleteOAuthSessions(store, (session) => grantEnd(session) <= now())])
  const shared = { issuer: identity.origin, keyset: await keysetOf(row), replayStore: replayStoreOf(store, now) }
  const caches = clientCachesOf(store, now, {
    metadata: (clientId, metadata) => endWithoutInlineKey(store, now(), clientId, metadata),
    jwks: (url, jwks) => endWithoutPublishedKey(store, now(), url, jwks),
  })
  const server = new PodProvider(
    {
      ...shared,
      ...caches,
      ...settings.hooks,
      dpopSecret: row.nonces.server,
      accountStore: accountStoreOf(parts),
      requestStore: requestStoreOf(store, now),
      tokenStore: tokenStoreOf(store, () => accountOf(parts), now),
      lexiconStore: agingLexiconStore(lexiconStoreOf(store, now), now),
      deviceStore: NO_DEVICES,
      safeFetch: fetchDocument(fetch),
      // The core asks for nothing else of it.
      lexResolver: lexicons as LexResolver,
      // This server is the only one whose tokens it makes: https://datatracker.ietf.org/doc/html/rfc9728#section-4
      metadata: { protected_resources: [identity.origin], ...settings.metadata },
      accessTokenMode: settings.accessTokens === 'self-contained' ? AccessTokenMode.stateless : AccessTokenMode.stateful,
      tokenMaxAge: OAUTH_ACCESS_TTL_MS,
      authenticationMaxAge: OAUTH_SIGN_IN_MAX_AGE_MS,
    },
    store,
    now,
  )
  const { onDecodeToken } = settings.hooks ?? {}
  const resource = new ResourceVerifier({ ...shared, ...(onDecodeToken && { onDecodeToken }) }, row.nonces.resource, server.claimsOf)
  return { server, resource }
}

/** Nobody asks for it: the core's device manager is ours (shims/oauth-provider/device-manager.ts). */
const NO_DEVICES = {} as NonNullable<OAuthProviderOptions['deviceStore']>

export class PodProvider extends OAuthProvider {
  readonly #store: Store
  readonly #now: () => number

  constructor(options: OAuthProviderOptions, store: Store, now: () => number) {
    super(options)
    this.#store = store
    this.#now = now
    this.tokenManager.consumeRefreshToken = (token) => this.#consumeRefreshToken(token)
    const get = this.requestManager.get.bind(this.requestManager)
    this.requestManager.get = async (uri, deviceId, clientId) => this.#asFreshAsWanted(await get(uri, deviceId, clientId), deviceId)
  }

  /**
   * `state` is required (https://atproto.com/specs/oauth#authorization-requests); the core does not mind. For public clients it puts `consent` in place of every prompt: that the
   * owner shall sign in anew is kept here.
   */
  override async pushedAuthorizationRequest(
    ...args: Parameters<OAuthProvider['pushedAuthorizationRequest']>
  ): ReturnType<OAuthProvider['pushedAuthorizationRequest']> {
    const [, wanted] = args
    const pushed = await super.pushedAuthorizationRequest(...args)
    // The core has verified the request object.
    const { prompt, state } =
      'request' in wanted ? decodeJwt<{ readonly prompt?: unknown; readonly state?: unknown }>(wanted.request) : wanted
    if (state === undefined) {
      await this.requestManager.delete(pushed.request_uri as Parameters<OAuthProvider['requestManager']['delete']>[0])
      throw new InvalidRequestError('state is required')
    }
    if (prompt === 'login')
      await changeOAuthRequest(this.#store, requestIdOf(pushed.request_uri), (row) => ({ ...row, isLoginWanted: true }))
    return pushed
  }

  /** Where the core answers without a page, it takes any sign-in for fresh enough, whatever `max_age` says. */
  async #asFreshAsWanted<R extends Awaited<ReturnType<OAuthProvider['requestManager']['get']>>>(
    request: R,
    deviceId: Parameters<OAuthProvider['requestManager']['get']>[1],
  ): Promise<R> {
    const { parameters, requestUri } = request
    const { max_age: maxAge, prompt } = parameters
    if (maxAge === undefined || !deviceId || (prompt !== undefined && prompt !== 'none')) return request
    const accounts = await this.accountManager.listDeviceAccounts(deviceId)
    if (accounts.every(({ updatedAt }) => updatedAt.getTime() + freshMs(maxAge) >= this.#now())) return request
    if (prompt === undefined) return { ...request, parameters: { ...parameters, prompt: 'login' } }
    await this.requestManager.delete(requestUri)
    throw new LoginRequiredError(parameters)
  }

  /**
   * In place of the core's, which takes every refresh token that comes twice for stolen: two pages of one app ask at the same moment now and then. How long ago it was used is
   * asked after it was found used, so that no step of the other one fits between.
   */
  async #consumeRefreshToken(token: RefreshToken): Promise<TokenInfo> {
    const info = await this.tokenManager.findToken(token)
    if (!info) throw new InvalidGrantError('Invalid refresh token')
    if (info.currentRefreshToken === token) return info
    if ((await refreshedBefore(this.#store, token, this.#now())) === 'just') throw new InvalidGrantError('Refresh token was used just now')
    await this.tokenManager.deleteToken(info.id)
    throw new InvalidGrantError('Refresh token replayed')
  }

  /**
   * Clients need no proof to give a token back (https://datatracker.ietf.org/doc/html/rfc7009#section-2.1), and strict ones send none: whoever holds it may end
   * what it is good for. The core would say yes and do nothing. A client that has keys has proved itself by them.
   */
  override async revoke(...[credentials, { token }, proof]: Parameters<OAuthProvider['revoke']>): ReturnType<OAuthProvider['revoke']> {
    const { client, clientAuth } = await this.authenticateClient(credentials, proof, { allowMissingDpopProof: true })
    const found = await this.#findGivenBack(token)
    if (found?.data.clientId !== client.id) return
    try {
      if (proof) await this.compareClientAuth(client, clientAuth, proof, found.data)
      await this.tokenManager.deleteToken(found.id)
    } catch (cause) {
      // Another one by the same name: what it does not hold is none of its concern, as at the reference.
      if (!(cause instanceof InvalidGrantError)) throw cause
    }
  }

  /** A token that is none is revoked already: https://datatracker.ietf.org/doc/html/rfc7009#section-2.2 */
  async #findGivenBack(token: string): Promise<TokenInfo | null> {
    const isForged =
      token.includes('.') && (await this.signer.verifyAccessToken(token as never, { clockTolerance: Infinity }).catch(() => null)) === null
    // Not by its id, which is no secret.
    if (isForged || token.startsWith('tok-')) return null
    return this.tokenManager.findToken(token).catch((cause: unknown) => {
      if (cause instanceof InvalidRequestError) return null
      throw cause
    })
  }

  /** The claims of an access token that names its grant only. */
  readonly claimsOf: OAuthProvider['tokenManager']['loadTokenClaims'] = (tokenType, payload) =>
    this.tokenManager.loadTokenClaims(tokenType, payload)
}

/** How long a sign-in is enough for a request with that `max_age` (s): ms. */
export const freshMs = (maxAge: number | undefined): number =>
  Math.min(OAUTH_SIGN_IN_MAX_AGE_MS, maxAge === undefined ? Infinity : Math.max(maxAge * 1000, OAUTH_LEAST_MAX_AGE_MS))

/** @see https://datatracker.ietf.org/doc/html/rfc9126#section-2.2 */
export const requestIdOf = (uri: string): string => uri.slice('urn:ietf:params:oauth:request_uri:'.length)
