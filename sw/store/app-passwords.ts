/** App passwords. What they mean is the account service's to say; here each change is one transaction. */
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import type { AppPasswordRow } from './schema.ts'

export const readAppPasswords = (store: Store): Promise<AppPasswordRow[]> => store.getAll('appPasswords')

/** @returns false where the name is taken, and nothing changed */
export const addAppPassword = (store: Store, row: AppPasswordRow): Promise<boolean> => {
  const tx = store.transaction('appPasswords', 'readwrite')
  return settle(tx, async () => {
    if (await tx.store.getKey(row.name)) return false
    await tx.store.put(row)
    return true
  })
}

export const deleteAppPassword = async (store: Store, name: string): Promise<void> => {
  const tx = store.transaction('appPasswords', 'readwrite')
  await settle(tx, () => tx.store.delete(name))
}
