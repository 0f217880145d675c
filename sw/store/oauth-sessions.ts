/** Grants, and every refresh token they had. Each change is one transaction: of two that come at the same moment one wins. */
import { last, settle } from './failure.ts'
import type { OAuthRefreshTokenRow, OAuthSessionRow } from './oauth-schema.ts'
import type { Store } from './open.ts'

/**
 * Writes a new grant, and takes from the request that led to it when it is to end. Where the code came twice meanwhile, nothing is written:
 * the tokens are worth nothing then. @returns whether it was written
 */
export const addOAuthSession = (store: Store, row: OAuthSessionRow): Promise<boolean> => {
  const tx = store.transaction(['oauthRequests', 'oauthSessions', 'oauthRefreshTokens'], 'readwrite')
  return changing(
    store,
    settle(tx, async () => {
      const requests = tx.objectStore('oauthRequests')
      const request = row.code === undefined ? undefined : await requests.index('code').get(row.code)
      const removed = request && requests.delete(request.id)
      if (request?.used === 'again') {
        await removed
        return false
      }
      await last(
        tx,
        Promise.all([
          removed,
          tx.objectStore('oauthSessions').put({ ...row, ...(request?.until !== undefined && { until: request.until }) }),
          row.refresh !== undefined && tx.objectStore('oauthRefreshTokens').put({ hash: row.refresh, session: row.id }),
        ]),
      )
      return true
    }),
  )
}

/** Moves on with every change of the grants through this connection, so that what was read of them can be kept in memory: one worker at a time serves a pod. */
export const oauthSessionsEpoch = (store: Store): number => epochs.get(store) ?? 0

const epochs = new WeakMap<Store, number>()

/** Also where it fails: it may have happened all the same. */
const changing = <T>(store: Store, change: Promise<T>): Promise<T> =>
  change.finally(() => {
    epochs.set(store, oauthSessionsEpoch(store) + 1)
  })

export const findOAuthSession = (store: Store, by: 'tokenId' | 'code', value: string): Promise<OAuthSessionRow | undefined> =>
  store.getFromIndex('oauthSessions', by, value)

/** Also by one that was used before. @param hash digest of a refresh token */
export const findOAuthRefresh = async (
  store: Store,
  hash: string,
): Promise<{ readonly session: OAuthSessionRow; readonly token: OAuthRefreshTokenRow } | undefined> => {
  const tx = store.transaction(['oauthSessions', 'oauthRefreshTokens'])
  const token = await tx.objectStore('oauthRefreshTokens').get(hash)
  const session = token && (await tx.objectStore('oauthSessions').get(token.session))
  return session && { session, token }
}

export const readOAuthSessions = (store: Store): Promise<OAuthSessionRow[]> => store.getAll('oauthSessions')

/**
 * Puts the successor in place of the tokens that are valid now. @param tokenId the access token that this is a refresh of
 * @returns false where it is not the current one (any more)
 */
export const rotateOAuthSession = (
  store: Store,
  tokenId: string,
  now: number,
  change: (row: OAuthSessionRow) => OAuthSessionRow & { readonly refresh: string },
): Promise<boolean> => {
  const tx = store.transaction(['oauthSessions', 'oauthRefreshTokens'], 'readwrite')
  return changing(
    store,
    settle(tx, async () => {
      const row = await tx.objectStore('oauthSessions').index('tokenId').get(tokenId)
      if (!row) return false
      const next = change(row)
      const tokens = tx.objectStore('oauthRefreshTokens')
      await last(
        tx,
        Promise.all([
          tx.objectStore('oauthSessions').put(next),
          tokens.put({ hash: next.refresh, session: row.id }),
          row.refresh !== undefined && tokens.put({ hash: row.refresh, session: row.id, usedAt: now }),
        ]),
      )
      return true
    }),
  )
}

/** @param isMeant synchronous. @returns those that were ended */
export const deleteOAuthSessions = (store: Store, isMeant: (row: OAuthSessionRow) => boolean): Promise<readonly OAuthSessionRow[]> => {
  const tx = store.transaction(['oauthSessions', 'oauthRefreshTokens'], 'readwrite')
  return changing(
    store,
    settle(tx, async () => {
      const sessions = tx.objectStore('oauthSessions')
      const tokens = tx.objectStore('oauthRefreshTokens')
      const ended = (await sessions.getAll()).filter(isMeant)
      for (const { id } of ended) {
        const used = await tokens.index('session').getAllKeys(id)
        await Promise.all([sessions.delete(id), ...used.map((hash) => tokens.delete(hash))])
      }
      return ended
    }),
  )
}
