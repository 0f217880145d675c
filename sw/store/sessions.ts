/** Refresh tokens of legacy sessions. What they mean is the account service's to say; here each change is one transaction. */
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import type { SessionRow } from './schema.ts'

export const getSession = (store: Store, id: string): Promise<SessionRow | undefined> => store.get('sessions', id)

export const readSessions = (store: Store): Promise<SessionRow[]> => store.getAll('sessions')

export const putSession = async (store: Store, row: SessionRow): Promise<void> => {
  const tx = store.transaction('sessions', 'readwrite')
  await settle(tx, () => tx.store.put(row))
}

/** What became of a token that was shown for rotation. */
export type Rotation =
  /** `successor` is the row that is valid now: the one offered, or, inside the grace, the one of the first rotation. */
  | { readonly outcome: 'rotated' | 'repeated'; readonly successor: SessionRow }
  /** Never issued, signed out, expired, or pruned. */
  | { readonly outcome: 'unknown' }
  /** Used again after its grace: someone else has it. The whole family is gone now. */
  | { readonly outcome: 'reused'; readonly family: string }

/**
 * Rotates token `id` in one transaction, so that two tabs cannot both win. `successor` is asked for only when a new row is needed and must be
 * synchronous; its family and app password should be the predecessor's. @param graceUntil epoch ms until which `id` answers with the same successor.
 */
export const rotateSession = (
  store: Store,
  id: string,
  now: number,
  graceUntil: number,
  successor: (row: SessionRow) => SessionRow,
): Promise<Rotation> => {
  const tx = store.transaction('sessions', 'readwrite')
  return settle(tx, async (): Promise<Rotation> => {
    const row = await tx.store.get(id)
    if (!row || row.expiresAt <= now) return { outcome: 'unknown' }
    if (!row.next) {
      const next = successor(row)
      await Promise.all([tx.store.put({ ...row, next: { id: next.id, graceUntil } }), tx.store.put(next)])
      return { outcome: 'rotated', successor: next }
    }
    const next = await tx.store.get(row.next.id)
    if (!next) return { outcome: 'unknown' }
    if (row.next.graceUntil > now) return { outcome: 'repeated', successor: next }
    const family = await tx.store.index('family').getAllKeys(row.family)
    await Promise.all(family.map((member) => tx.store.delete(member)))
    return { outcome: 'reused', family: row.family }
  })
}

/** Ends every session of one sign-in. @returns how many rows went. */
export const deleteSessionFamily = (store: Store, family: string): Promise<number> => {
  const tx = store.transaction('sessions', 'readwrite')
  return settle(tx, async () => {
    const ids = await tx.store.index('family').getAllKeys(family)
    await Promise.all(ids.map((id) => tx.store.delete(id)))
    return ids.length
  })
}

/** Every sign-in that has not ended. */
export const readFamilies = async (store: Store): Promise<Set<string>> => {
  const families = new Set<string>()
  // Keys only, each once: a sign-in leaves a row at every refresh.
  let cursor = await store.transaction('sessions').store.index('family').openKeyCursor(null, 'nextunique')
  while (cursor) {
    families.add(cursor.key)
    cursor = await cursor.continue()
  }
  return families
}

/** Ends every session, or those made with one app password. */
export const deleteSessions = (store: Store, appPassword?: string): Promise<void> => {
  const tx = store.transaction('sessions', 'readwrite')
  return settle(tx, async () => {
    if (appPassword === undefined) return tx.store.clear()
    const rows = await tx.store.getAll()
    await Promise.all(rows.filter((row) => row.appPassword === appPassword).map(({ id }) => tx.store.delete(id)))
  })
}

/** Drops what expired before `now` (epoch ms). @returns how many rows went. */
export const pruneExpiredSessions = (store: Store, now: number): Promise<number> => {
  const tx = store.transaction('sessions', 'readwrite')
  return settle(tx, async () => {
    const expired = (await tx.store.getAll()).filter((row) => row.expiresAt <= now)
    await Promise.all(expired.map((row) => tx.store.delete(row.id)))
    return expired.length
  })
}
