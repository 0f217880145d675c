/** For tests of databases that older versions made. */
import { openDB } from 'idb'
import type { Store } from './open.ts'
import type { Head } from './schema.ts'

/** The stores as they were in version 1, with the repo of `from` in them. */
export const copyAsVersion1 = async (from: Store, name: string): Promise<void> => {
  const old = await openDB(name, 1, {
    upgrade(store) {
      store.createObjectStore('pod')
      store.createObjectStore('records', { keyPath: ['collection', 'rkey'] })
      store.createObjectStore('nodes')
      store.createObjectStore('events', { keyPath: 'event' })
      store.createObjectStore('blobs', { keyPath: 'cid' }).createIndex('createdAt', 'createdAt')
      store.createObjectStore('blobRefs', { keyPath: ['cid', 'collection', 'rkey'] }).createIndex('record', ['collection', 'rkey'])
      store.createObjectStore('sessions', { keyPath: 'id' }).createIndex('family', 'family')
      store.createObjectStore('answers', { keyPath: 'key' }).createIndex('at', 'at')
    },
  })
  for (const key of ['identity', 'checkpoint'] as const) {
    const row = await from.get('pod', key)
    if (row) await old.put('pod', row, key)
  }
  const { counts: _, ...head } = (await from.get('pod', 'head')) as Head
  await old.put('pod', head, 'head')
  for (const row of await from.getAll('records')) await old.put('records', row)
  for (const row of await from.getAll('events')) await old.put('events', row)
  for (const key of await from.getAllKeys('nodes')) await old.put('nodes', await from.get('nodes', key), key)
  old.close()
}

/** The stores as they were in version 3, with the rows of `from` in them. */
export const copyAsVersion3 = async (from: Store, name: string): Promise<void> => {
  const kept = Array.from(from.objectStoreNames).filter((each) => !VERSION_4.has(each))
  const old = await openDB(name, 3, {
    upgrade(store) {
      for (const each of kept) {
        const ours = from.transaction(each).store
        const made = store.createObjectStore(each, { keyPath: ours.keyPath, autoIncrement: ours.autoIncrement })
        for (const index of ours.indexNames) made.createIndex(index, ours.index(index).keyPath)
      }
    },
  })
  for (const each of kept)
    for (const key of await from.getAllKeys(each)) {
      const row = await from.get(each, key)
      await (from.transaction(each).store.keyPath === null ? old.put(each, row, key) : old.put(each, row))
    }
  old.close()
}

const VERSION_4: ReadonlySet<string> = new Set(['sites', 'indieCodes', 'indieTokens'])
