/** The core's requests, tokens, replays and caches, in IndexedDB: a worker is killed at will. Secrets go in as digests. */
import type { OAuthClientMetadata } from '@atproto/oauth-types'
import { InvalidGrantError } from '@atproto/oauth-provider/errors'
import type { ClientJwksCache, ClientMetadataCache, Jwks } from '@atproto/oauth-provider/provider'
import type {
  Code,
  LexiconData,
  LexiconStore,
  RefreshToken,
  ReplayStore,
  RequestData,
  RequestId,
  RequestStore,
  TokenData,
  TokenInfo,
  TokenStore,
} from '@atproto/oauth-provider/store'
import { sha256 } from '@noble/hashes/sha2'
import { base64url } from 'jose'
import { MAX_REPLAY_MS, OAUTH_DOCUMENT_STALE_MS, OAUTH_REFRESH_GRACE_MS, REPLAYS_PER_PRUNE } from '../../wire/oauth-limits.ts'
import { appendOAuthLedger } from '../store/oauth-ledger.ts'
import { deleteOAuthDocument, putOAuthDocument, readOAuthDocument } from '../store/oauth-documents.ts'
import { addOAuthReplay, pruneOAuthReplays } from '../store/oauth-replays.ts'
import { addOAuthRequest, changeOAuthRequest, deleteOAuthRequest, readOAuthRequest, takeOAuthCode } from '../store/oauth-requests.ts'
import type { OAuthRequestRow, OAuthSessionRow } from '../store/oauth-schema.ts'
import {
  addOAuthSession,
  findOAuthRefresh,
  findOAuthSession,
  oauthSessionsEpoch,
  readOAuthSessions,
  rotateOAuthSession,
} from '../store/oauth-sessions.ts'
import type { Store } from '../store/open.ts'
import { endGrants, grantEnd } from './grant-end.ts'

export const requestStoreOf = (store: Store, now: () => number): RequestStore => ({
  async createRequest(id, { clientId, clientAuth, parameters, expiresAt, deviceId, did }) {
    const data = { clientId, clientAuth, parameters, expiresAt, deviceId, did }
    await addOAuthRequest(store, { id, data, at: now(), expiresAt: expiresAt.getTime() }, now())
  },

  async readRequest(id) {
    const row = await readOAuthRequest(store, id)
    // Whether there is one the core asks; what it is nobody knows any more.
    return row ? toRequestData(row, row.code === undefined ? null : ('cod-' as Code)) : null
  },

  updateRequest: (id, { code, ...changed }) =>
    changeOAuthRequest(store, id, (row) => {
      const data = { ...(row.data as RequestData), ...changed }
      return { ...row, data, expiresAt: data.expiresAt.getTime(), ...(code && { code: digest(code) }) }
    }),

  deleteRequest: (id) => deleteOAuthRequest(store, id),

  async consumeRequestCode(code) {
    const row = await takeOAuthCode(store, digest(code))
    return row ? { requestId: row.id as RequestId, data: toRequestData(row, code) } : null
  },
})

const toRequestData = ({ data }: OAuthRequestRow, code: Code | null): RequestData => ({ ...(data as Omit<RequestData, 'code'>), code })

/** @param account as it stands now */
export const tokenStoreOf = (store: Store, account: () => TokenInfo['account'], now: () => number): TokenStore => {
  const toInfo = (row: OAuthSessionRow, currentRefreshToken: RefreshToken | null): TokenInfo => ({
    id: row.tokenId as TokenInfo['id'],
    data: { ...(row.data as Omit<TokenData, 'code'>), code: null },
    account: account(),
    currentRefreshToken,
  })
  /** A grant that has run out is none. */
  const alive = (row: OAuthSessionRow | undefined): OAuthSessionRow | undefined => (row && grantEnd(row) > now() ? row : undefined)

  /** Asked at every call of an app. */
  const seen = new Map<string, OAuthSessionRow>()
  let seenAt = -1
  const sessionOf = async (tokenId: string): Promise<OAuthSessionRow | undefined> => {
    const epoch = oauthSessionsEpoch(store)
    if (epoch !== seenAt) {
      seen.clear()
      seenAt = epoch
    }
    const known = seen.get(tokenId)
    if (known) return known
    const row = await findOAuthSession(store, 'tokenId', tokenId)
    if (row && oauthSessionsEpoch(store) === epoch && seenAt === epoch) seen.set(tokenId, row)
    return row
  }

  return {
    async createToken(tokenId, { code, ...data }, refreshToken) {
      await addOAuthSession(store, {
        id: tokenId,
        tokenId,
        did: data.did,
        clientId: data.clientId,
        ...(data.deviceId && { deviceId: data.deviceId }),
        ...(code && { code: digest(code) }),
        ...(refreshToken && { refresh: digest(refreshToken) }),
        data,
        createdAt: data.createdAt.getTime(),
        updatedAt: data.updatedAt.getTime(),
      })
    },

    async readToken(tokenId) {
      const row = alive(await sessionOf(tokenId))
      return row ? toInfo(row, null) : null
    },

    async deleteToken(tokenId) {
      const row = await findOAuthSession(store, 'tokenId', tokenId)
      if (row) await endGrants(store, now(), ({ id }) => id === row.id)
    },

    async rotateToken(tokenId, newTokenId, newRefreshToken, changed) {
      const isRotated = await rotateOAuthSession(store, tokenId, now(), (row) => ({
        ...row,
        tokenId: newTokenId,
        refresh: digest(newRefreshToken),
        data: { ...(row.data as TokenData), ...changed },
        updatedAt: changed.updatedAt.getTime(),
      }))
      if (!isRotated) throw new InvalidGrantError('Refresh token was used at the same moment')
    },

    async findTokenByRefreshToken(refreshToken) {
      const found = await findOAuthRefresh(store, digest(refreshToken))
      if (!found || !alive(found.session)) return null
      return toInfo(found.session, found.token.usedAt === undefined ? refreshToken : null)
    },

    async findTokenByCode(code) {
      const row = await findOAuthSession(store, 'code', digest(code))
      return row ? toInfo(row, null) : null
    },

    async listAccountTokens() {
      return (await readOAuthSessions(store)).filter(alive).map((row) => toInfo(row, null))
    },
  }
}

/**
 * Whether a refresh token came before. `just`: a client that asked twice at once has lost a race, and nobody has stolen anything; `long ago`: it goes into the ledger,
 * before the core ends the grant.
 */
export const refreshedBefore = async (store: Store, refreshToken: string, now: number): Promise<'no' | 'just' | 'long ago'> => {
  const found = await findOAuthRefresh(store, digest(refreshToken))
  if (found?.token.usedAt === undefined) return 'no'
  if (found.token.usedAt + OAUTH_REFRESH_GRACE_MS > now) return 'just'
  const note = 'a token came again that was used before; somebody may have copied it'
  await appendOAuthLedger(store, { at: now, what: 'refresh', outcome: 'refused', clientId: found.session.clientId, note })
  return 'long ago'
}

export const replayStoreOf = (store: Store, now: () => number): ReplayStore => {
  let added = 0
  return {
    async unique(namespace, nonce, timeFrame) {
      // The first of a worker, too: many are killed before they see another.
      if (added % REPLAYS_PER_PRUNE === 0) await pruneOAuthReplays(store, now())
      added += 1
      // As long as the core would believe it. Of assertions it says what their makers wrote.
      return addOAuthReplay(store, digest(`${namespace} ${nonce}`), now() + Math.min(timeFrame, MAX_REPLAY_MS))
    },
  }
}

interface Cache<V> {
  get(key: string): Promise<V | undefined>
  set(key: string, value: V): Promise<void>
  del(key: string): Promise<void>
}

const cacheOf = <V extends {}>(
  store: Store,
  kind: 'client' | 'jwks',
  now: () => number,
  arrived: (key: string, value: V) => Promise<void>,
): Cache<V> => ({
  async get(key) {
    const row = await readOAuthDocument(store, `${kind} ${key}`)
    // Only what `set` was given lies under its key.
    return row && row.at + OAUTH_DOCUMENT_STALE_MS > now() ? (row.value as V) : undefined
  },
  async set(key, value) {
    await putOAuthDocument(store, { key: `${kind} ${key}`, value, at: now() })
    await arrived(key, value)
  },
  del: (key) => deleteOAuthDocument(store, `${kind} ${key}`),
})

export const clientCachesOf = (
  store: Store,
  now: () => number,
  arrived: {
    readonly metadata: (url: string, metadata: OAuthClientMetadata) => Promise<void>
    readonly jwks: (url: string, jwks: Jwks) => Promise<void>
  },
): { readonly clientMetadataCache: ClientMetadataCache; readonly clientJwksCache: ClientJwksCache } => ({
  clientMetadataCache: cacheOf(store, 'client', now, arrived.metadata),
  clientJwksCache: cacheOf(store, 'jwks', now, arrived.jwks),
})

export const lexiconStoreOf = (store: Store, now: () => number): LexiconStore => ({
  findLexicon: async (nsid) => ((await readOAuthDocument(store, `lexicon ${nsid}`))?.value as LexiconData | undefined) ?? null,
  storeLexicon: (nsid, value) => putOAuthDocument(store, { key: `lexicon ${nsid}`, value, at: now() }),
  deleteLexicon: (nsid) => deleteOAuthDocument(store, `lexicon ${nsid}`),
})

/** What was hashed cannot be used, and 256 bits cannot be guessed. */
const digest = (text: string): string => base64url.encode(sha256(text))
