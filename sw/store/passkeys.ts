/** Passkeys of the owner: public halves, and how often they were used. */
import { settle } from './failure.ts'
import type { PasskeyRow } from './oauth-schema.ts'
import type { Store } from './open.ts'

export const readPasskeys = (store: Store): Promise<PasskeyRow[]> => store.getAll('passkeys')

/** @param change synchronous; undefined: the row goes, or is not made */
export const changePasskey = (
  store: Store,
  id: string,
  change: (row: PasskeyRow | undefined) => PasskeyRow | undefined,
): Promise<PasskeyRow | undefined> => {
  const tx = store.transaction('passkeys', 'readwrite')
  return settle(tx, async () => {
    const row = change(await tx.store.get(id))
    await (row ? tx.store.put(row) : tx.store.delete(id))
    return row
  })
}
