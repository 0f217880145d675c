/** Opens the pod's database and keeps its schema up to date. Every other file of this folder takes the `Store` that comes out of here. */
import { deleteDB, type IDBPDatabase, openDB } from 'idb'
import { XrpcError } from '../../wire/errors.ts'
import { DATABASE_NAME, DATABASE_VERSION, type PodDatabase } from './schema.ts'

/** Opaque to everyone outside `sw/store`: pass it on, never call it. */
export type Store = IDBPDatabase<PodDatabase>

/**
 * Opens, and creates or upgrades, the database. A newer worker that wants to upgrade makes this connection close itself;
 * from then on every call on it fails, and the worker it belongs to must be replaced.
 * @throws XrpcError 503 `StoreBlocked` when another context holds an older version open and does not let go.
 */
export const openStore = async (name: string = DATABASE_NAME): Promise<Store> => {
  let refuse: (reason: XrpcError) => void = () => {}
  const blocked = new Promise<never>((_, reject) => {
    refuse = reject
  })
  const opening = openDB<PodDatabase>(name, DATABASE_VERSION, {
    upgrade(store, from) {
      if (from < 1) createStores(store)
      if (from < 2) createAccountStores(store)
      if (from < 2) createImportStores(store)
      if (from < 2) createLogStore(store)
      if (from < 3) createOAuthStores(store)
      if (from < 4) createIndieAuthStores(store)
    },
    blocked() {
      // Should the other tab let go after all, nobody here waits for this connection any more.
      void opening.then((late) => late.close())
      refuse(new XrpcError(503, 'StoreBlocked', 'Another tab holds an older version of this pod open: close or reload it.'))
    },
    blocking(_current, _wanted, event) {
      ;(event.target as IDBDatabase).close()
    },
  })
  return Promise.race([opening, blocked])
}

/** Deletes the whole database, keys included. Close every open `Store` of that name first, else this waits for them. */
export const deleteStore = (name: string = DATABASE_NAME): Promise<void> => deleteDB(name)

/** Empties every store, in one transaction: what a restore that was given up has left behind. */
export const emptyStore = async (store: Store): Promise<void> => {
  const names = Array.from(store.objectStoreNames)
  const tx = store.transaction(names, 'readwrite')
  await Promise.all([...names.map((name) => tx.objectStore(name).clear()), tx.done])
}

/** Version 2: app passwords and the owner's inbox. */
const createAccountStores = (store: Store): void => {
  store.createObjectStore('appPasswords', { keyPath: 'name' })
  store.createObjectStore('inbox', { keyPath: 'purpose' })
}

/** Version 2 too: repos that were imported. Version 1 is their generation 0, without packs: none of its rows changes. */
const createImportStores = (store: Store): void => {
  store.createObjectStore('recordPacks')
  store.createObjectStore('nodePacks')
  store.createObjectStore('staged')
}

const createLogStore = (store: Store): void => {
  store.createObjectStore('log', { keyPath: 'page' })
}

/** Version 3: the OAuth provider. */
const createOAuthStores = (store: Store): void => {
  const requests = store.createObjectStore('oauthRequests', { keyPath: 'id' })
  requests.createIndex('code', 'code')
  requests.createIndex('expiresAt', 'expiresAt')
  const sessions = store.createObjectStore('oauthSessions', { keyPath: 'id' })
  sessions.createIndex('tokenId', 'tokenId')
  sessions.createIndex('code', 'code')
  sessions.createIndex('clientId', 'clientId')
  sessions.createIndex('deviceId', 'deviceId')
  store.createObjectStore('oauthRefreshTokens', { keyPath: 'hash' }).createIndex('session', 'session')
  store.createObjectStore('oauthReplays', { keyPath: 'key' }).createIndex('until', 'until')
  store.createObjectStore('oauthDevices', { keyPath: 'id' })
  store.createObjectStore('oauthClients', { keyPath: 'clientId' })
  store.createObjectStore('oauthDocuments', { keyPath: 'key' })
  store.createObjectStore('oauthLedger', { autoIncrement: true })
  store.createObjectStore('passkeys', { keyPath: 'id' })
}

/** Version 4: sites that know the owner by IndieAuth. */
const createIndieAuthStores = (store: Store): void => {
  store.createObjectStore('sites', { keyPath: 'clientId' })
  const codes = store.createObjectStore('indieCodes', { keyPath: 'digest' })
  codes.createIndex('clientId', 'clientId')
  codes.createIndex('expiresAt', 'expiresAt')
  const tokens = store.createObjectStore('indieTokens', { keyPath: 'digest' })
  tokens.createIndex('clientId', 'clientId')
  tokens.createIndex('grant', 'grant')
  tokens.createIndex('expiresAt', 'expiresAt')
}

const createStores = (store: Store): void => {
  store.createObjectStore('pod')
  store.createObjectStore('records', { keyPath: ['collection', 'rkey'] })
  store.createObjectStore('nodes')
  store.createObjectStore('events', { keyPath: 'event' })
  store.createObjectStore('blobs', { keyPath: 'cid' }).createIndex('createdAt', 'createdAt')
  store.createObjectStore('blobRefs', { keyPath: ['cid', 'collection', 'rkey'] }).createIndex('record', ['collection', 'rkey'])
  store.createObjectStore('sessions', { keyPath: 'id' }).createIndex('family', 'family')
  store.createObjectStore('answers', { keyPath: 'key' }).createIndex('at', 'at')
}
