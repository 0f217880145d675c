/** What a room needs, on Durable Objects: PartyKit and PartyServer both give their storage and their sockets in the same form. @see https://developers.cloudflare.com/durable-objects/ */
import { connect as openSocket, type Socket } from 'cloudflare:sockets'
import { STORAGE_BATCH_KEYS } from '../wire/limits.ts'
import { originOf } from './hostname.ts'
import type { ByteSocket, RoomPort, RoomSocket, RoomStorage, SocketState, StorageValue } from './port.ts'
import type { RoomSettings } from './settings/settings.ts'
import { StorageMeter } from './storage-meter.ts'

/** The parts of the runtimes' types used here; their own pull in all of Cloudflare's globals, which clash with the DOM's. */
export interface PartyConnection {
  readonly id: string
  readonly state: unknown
  setState(state: SocketState): unknown
  send(data: Uint8Array<ArrayBuffer>): void
  /** Of the WebSocket itself; workerd of 2024 has none. */
  readonly bufferedAmount?: number
  close(code: number, reason: string): void
}

export interface PartyStorage {
  get(key: string): Promise<unknown>
  get(keys: string[]): Promise<Map<string, unknown>>
  put(entries: Record<string, unknown>): Promise<void>
  delete(keys: string[]): Promise<number>
  list(options: object): Promise<Map<string, unknown>>
  /** Where the storage is SQLite. @see https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/#databasesize */
  readonly sql?: { readonly databaseSize: number }
}

export interface Party {
  /** The room's name. */
  readonly id: string
  readonly env: Readonly<Record<string, unknown>>
  readonly storage: PartyStorage
  getConnections(tag?: string): Iterable<PartyConnection>
  /** Another room, by its name. */
  call(room: string, path: string, init: RequestInit): Promise<Response>
}

const sockets = new WeakMap<PartyConnection, RoomSocket>()

/** The same connection is the same socket for as long as this isolate lives. */
export const socketOf = (connection: PartyConnection): RoomSocket => {
  const known = sockets.get(connection)
  if (known) return known
  // The runtimes deserialise it at each look, and a look is taken at each frame.
  let state: SocketState | null | undefined
  const socket: RoomSocket = {
    id: connection.id,
    get state() {
      // Only `setState` below writes it.
      state ??= connection.state as SocketState | null
      return state
    },
    setState: (next) => {
      state = next
      connection.setState(next)
    },
    send: (data) => connection.send(data),
    unread: () => connection.bufferedAmount ?? null,
    close: (code, reason) => connection.close(code, reason),
  }
  sockets.set(connection, socket)
  return socket
}

export const durablePort = (room: Party, settings: RoomSettings): RoomPort => ({
  host: room.id,
  origin: originOf(room.id),
  storage: storageOf(room.storage),
  settings,
  connect: ({ hostname, port, tls }) =>
    byteSocket(openSocket({ hostname, port }, { secureTransport: tls, allowHalfOpen: false }), hostname),
  call: (name, { path, init }) => room.call(name, path, init),
  *sockets(role) {
    for (const connection of room.getConnections(role)) yield socketOf(connection)
  },
  now: () => Date.now(),
})

const byteSocket = (socket: Socket, hostname: string): ByteSocket => {
  // Whoever reads or writes hears what went wrong; these would be rejections that nobody handles.
  socket.opened.catch(() => {})
  socket.closed.catch(() => {})
  return {
    readable: socket.readable,
    writable: socket.writable,
    startTls: () => byteSocket(socket.startTls({ expectedServerHostname: hostname }), hostname),
    close: () => socket.close(),
  }
}

/** `as`: what is read is what this room wrote. */
const storageOf = (storage: PartyStorage): RoomStorage => {
  const meter = new StorageMeter(storage)
  return {
    get: async <T extends StorageValue>(key: string) => (await storage.get(key)) as T | undefined,
    async getMany<T extends StorageValue>(keys: readonly string[]) {
      const found = new Map<string, T>()
      for (const part of await Promise.all(batches(keys).map((batch) => storage.get(batch))))
        for (const [key, value] of part) found.set(key, value as T)
      return found
    },
    async put(entries) {
      meter.put(entries)
      await Promise.all(batches(Object.entries(entries)).map((batch) => storage.put(Object.fromEntries(batch))))
    },
    async delete(keys) {
      await Promise.all(batches(keys).map((batch) => storage.delete(batch)))
    },
    list: async <T extends StorageValue>(options: object) => (await storage.list(options)) as Map<string, T>,
    usedBytes: () => meter.read(),
  }
}

const batches = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / STORAGE_BATCH_KEYS) }, (_, at) =>
    items.slice(at * STORAGE_BATCH_KEYS, (at + 1) * STORAGE_BATCH_KEYS),
  )
