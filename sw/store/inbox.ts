/** Tokens that wait for the owner. What they mean is the account service's to say; here each change is one transaction. */
import type { MailPurpose } from '../../wire/frames.ts'
import { settle } from './failure.ts'
import type { Store } from './open.ts'
import type { InboxRow } from './schema.ts'

export const readMessages = (store: Store): Promise<InboxRow[]> => store.getAll('inbox')

export const deleteMessage = async (store: Store, purpose: MailPurpose): Promise<void> => {
  const tx = store.transaction('inbox', 'readwrite')
  await settle(tx, () => tx.store.delete(purpose))
}

/** Reads the message of a purpose and lets `change` say, synchronously, what becomes of it: all in one transaction. */
export const changeMessage = (
  store: Store,
  purpose: MailPurpose,
  change: (row: InboxRow | undefined) => InboxRow | 'keep' | 'drop',
): Promise<void> => {
  const tx = store.transaction('inbox', 'readwrite')
  return settle(tx, async () => {
    const after = change(await tx.store.get(purpose))
    if (after === 'drop') await tx.store.delete(purpose)
    else if (after !== 'keep') await tx.store.put(after)
  })
}
