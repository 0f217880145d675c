/** Codes that are exchanged, and the tokens that come of them. Each change is one transaction: of two that come at the same moment one wins. */
import { settle } from './failure.ts'
import type { IndieCodeRow, IndieTokenRow } from './indieauth-schema.ts'
import type { Store } from './open.ts'

/**
 * Uses the code up, whatever comes of it. One that is not there (any more) ends what it gave, if it gave anything. Tokens that have expired go.
 * @param judge synchronous: whether it is good. @param tokens synchronous: what it gives
 * @returns its row where it was good, and those whose tokens were ended
 */
export const exchangeIndieCode = (
  store: Store,
  digest: string,
  now: number,
  judge: (row: IndieCodeRow) => boolean,
  tokens: (row: IndieCodeRow) => readonly IndieTokenRow[],
): Promise<{ readonly row?: IndieCodeRow; readonly ended: readonly IndieTokenRow[] }> => {
  const tx = store.transaction(['indieCodes', 'indieTokens'], 'readwrite')
  return settle(tx, async () => {
    const [codes, kept] = [tx.objectStore('indieCodes'), tx.objectStore('indieTokens')]
    const [row, ended, expired] = await Promise.all([
      codes.get(digest),
      kept.index('grant').getAll(digest),
      kept.index('expiresAt').getAllKeys(IDBKeyRange.upperBound(now)),
    ])
    const isGood = row !== undefined && judge(row)
    await Promise.all([
      codes.delete(digest),
      ...[...expired, ...ended.map((each) => each.digest)].map((each) => kept.delete(each)),
      ...(isGood ? tokens(row).map((each) => kept.put(each)) : []),
    ])
    return isGood ? { row, ended: [] } : { ended }
  })
}

export const readIndieToken = (store: Store, digest: string): Promise<IndieTokenRow | undefined> => store.get('indieTokens', digest)

/**
 * Puts new tokens in place of those of a grant. A refresh token stays behind as used; the access token before goes.
 * @param judge synchronous, told how many of its grant are used: whether to go on, to end the grant, or to leave everything as it is
 * @param tokens synchronous: the new ones
 */
export const refreshIndieToken = <V extends 'good' | 'end' | 'leave'>(
  store: Store,
  digest: string,
  now: number,
  judge: (row: IndieTokenRow, used: number) => V,
  tokens: (row: IndieTokenRow) => readonly IndieTokenRow[],
): Promise<{ readonly row?: IndieTokenRow; readonly verdict: V | 'leave' }> => {
  const tx = store.transaction('indieTokens', 'readwrite')
  return settle(tx, async () => {
    const row = await tx.store.get(digest)
    if (!row) return { verdict: 'leave' }
    const all = await tx.store.index('grant').getAll(row.grant)
    const verdict = judge(row, all.filter(({ usedAt }) => usedAt !== undefined).length)
    if (verdict === 'leave') return { row, verdict }
    const gone = verdict === 'end' ? all : all.filter(({ kind }) => kind === 'access')
    const put = verdict === 'end' ? [] : [{ ...row, usedAt: now }, ...tokens(row)]
    await Promise.all([...gone.map((each) => tx.store.delete(each.digest)), ...put.map((each) => tx.store.put(each))])
    return { row, verdict }
  })
}

/** Of a refresh token all of its grant goes. @returns what it was */
export const deleteIndieToken = (store: Store, digest: string): Promise<IndieTokenRow | undefined> => {
  const tx = store.transaction('indieTokens', 'readwrite')
  return settle(tx, async () => {
    const row = await tx.store.get(digest)
    const gone = row?.kind === 'refresh' ? await tx.store.index('grant').getAllKeys(row.grant) : [digest]
    await Promise.all(gone.map((each) => tx.store.delete(each)))
    return row
  })
}
