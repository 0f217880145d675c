/**
 * What a room needs of the runtime it lives in, and nothing more: PartyKit and PartyServer each adapt to this in a few lines.
 * No file but the adapters knows which runtime it is on.
 */
import type { RoomSettings } from './settings/settings.ts'

export type StorageValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly StorageValue[]
  | { readonly [key: string]: StorageValue | undefined }

/**
 * Durable key-value storage, keys in byte order. Writes issued without an `await` between them land together or not at all.
 * Implementations cut batches (STORAGE_BATCH_KEYS); callers cut values (STORAGE_VALUE_BYTES).
 */
export interface RoomStorage {
  get<T extends StorageValue>(key: string): Promise<T | undefined>
  getMany<T extends StorageValue>(keys: readonly string[]): Promise<Map<string, T>>
  /** Resolves when durable. Outgoing messages are held back by the runtime until then, so awaiting is only needed to read back. */
  put(entries: Readonly<Record<string, StorageValue>>): Promise<void>
  delete(keys: readonly string[]): Promise<void>
  list<T extends StorageValue>(options: {
    readonly prefix: string
    readonly startAfter?: string
    readonly end?: string
    readonly limit?: number
    readonly reverse?: boolean
  }): Promise<Map<string, T>>
  /** All rows together, as far as the runtime can tell: never fewer than there are, by little. */
  usedBytes(): Promise<number>
}

/** Kept with the socket through hibernation: small and JSON-shaped. */
export type SocketState =
  | {
      readonly role: 'uplink'
      /** Fresh for this connection; answered at most once. */
      readonly nonce: string
      /**
       * challenged → greeted (its one hello is being checked) → joined (admitted) → ready (takes requests). `over`: the room has closed it. Until the other
       * side has answered that, the runtimes go on counting it among the sockets, after a sleep too.
       */
      readonly stage: 'challenged' | 'greeted' | 'joined' | 'ready' | 'over'
    }
  | {
      readonly role: 'subscriber'
      /** Number of the last event sent; null: all that there were. */
      readonly cursor: number | null
      /** As `clientAddress` tells it. */
      readonly address: string
      /** Bytes that may lie unread, where the runtime does not tell. */
      readonly unread: number
    }

export interface RoomSocket {
  readonly id: string
  readonly state: SocketState | null
  setState(state: SocketState): void
  /** Does not copy: never change `data` afterwards. */
  send(data: Uint8Array<ArrayBuffer>): void
  /** Bytes given to `send` that the runtime still holds, because the other side does not read; null: this runtime does not tell. */
  unread(): number | null
  close(code: number, reason: string): void
}

/** A TCP connection. It need not be open yet: what went wrong is heard by whoever reads or writes. */
export interface ByteSocket {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  /** The same connection, encrypted from here on. The streams before must be let go. */
  startTls(): ByteSocket
  close(): Promise<void>
}

/** `tls`: from the first byte on, or when `startTls` is called. The certificate must be that of `hostname`. */
export type Connect = (address: { readonly hostname: string; readonly port: number; readonly tls: 'on' | 'starttls' }) => ByteSocket

export interface RoomPort {
  /** Lower-case Host header, port included: the room's name. */
  readonly host: string
  /** http://… on loopback hosts, https://… elsewhere. */
  readonly origin: string
  readonly storage: RoomStorage
  readonly settings: RoomSettings
  readonly connect: Connect
  /** Asks another room of this shim, by its name. `operator/inside.ts` makes such requests, and nothing outside can. */
  call(room: string, request: { readonly path: string; readonly init: RequestInit }): Promise<Response>
  sockets(role: SocketState['role']): Iterable<RoomSocket>
  now(): number
}
