/** Which records mention a blob: looked up a page at a time, because an account may have any number of either. */
import { STORAGE_BATCH_KEYS } from '../../wire/limits.ts'
import type { RoomStorage } from '../port.ts'
import type { GenerationKeys } from './keys.ts'

export const isMentioned = async (storage: RoomStorage, keys: GenerationKeys, cid: string): Promise<boolean> =>
  (await storage.list({ prefix: keys.mention(cid, ''), limit: 1 })).size > 0

/** CIDs that are mentioned, each once and in order, from behind `after`; with `since`, by a record of a later rev. */
export async function* mentionedBlobs(
  storage: RoomStorage,
  keys: GenerationKeys,
  { after, since }: { readonly after?: string | undefined; readonly since?: string | undefined },
): AsyncGenerator<string, void, void> {
  const prefix = keys.mention('', '').slice(0, -1)
  let last = after
  let startAfter = after === undefined ? prefix : behind(prefix, after)
  for (;;) {
    const rows = await storage.list<string>({ prefix, startAfter, limit: STORAGE_BATCH_KEYS })
    for (const [key, rev] of rows) {
      const cid = key.slice(prefix.length, key.indexOf('/'))
      startAfter = key
      if (cid === last || (since !== undefined && rev <= since)) continue
      last = cid
      yield cid
    }
    if (rows.size < STORAGE_BATCH_KEYS) return
    // A picture that a thousand records mention is named already.
    if (last !== undefined && startAfter.startsWith(`${prefix}${last}/`)) startAfter = behind(prefix, last)
  }
}

/** After all mentions of the blob: '0' is the character after '/'. */
const behind = (prefix: string, cid: string): string => `${prefix}${cid}0`
