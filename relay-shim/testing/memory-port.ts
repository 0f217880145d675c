/**
 * A room without a runtime: everything in memory, with the storage limits of the real one enforced, so that a test fails where PartyKit would.
 */
import { STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import type { Connect, RoomPort, RoomSocket, RoomStorage, SocketState, StorageValue } from '../port.ts'
import { readSettings, type RoomSettings } from '../settings/settings.ts'

const KIB = 1024
/** PartyKit refuses more; STORAGE_VALUE_BYTES stays below. */
const HARD_VALUE_BYTES = STORAGE_VALUE_BYTES + 8 * KIB

export class MemoryStorage implements RoomStorage {
  readonly rows = new Map<string, StorageValue>()
  /** Calls of put and delete so far: nothing stored means this did not move. */
  writes = 0

  async get<T extends StorageValue>(key: string): Promise<T | undefined> {
    await this.#io()
    return structuredClone(this.rows.get(key)) as T | undefined
  }

  async getMany<T extends StorageValue>(keys: readonly string[]): Promise<Map<string, T>> {
    const found = new Map<string, T>()
    for (const key of keys) {
      const value = this.rows.get(key)
      if (value !== undefined) found.set(key, structuredClone(value) as T)
    }
    await this.#io()
    return found
  }

  async put(entries: Readonly<Record<string, StorageValue>>): Promise<void> {
    this.writes += 1
    for (const [key, value] of Object.entries(entries)) {
      if (value instanceof Uint8Array) {
        if (value.byteLength > HARD_VALUE_BYTES) throw new Error(`value of ${value.byteLength} bytes under ${key}`)
        if (value.buffer.byteLength !== value.byteLength) throw new Error(`view of a larger buffer under ${key}: it would be stored whole`)
      }
      this.rows.set(key, structuredClone(value))
    }
    await this.#io()
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.writes += 1
    for (const key of keys) this.rows.delete(key)
    await this.#io()
  }

  async list<T extends StorageValue>(options: {
    readonly prefix: string
    readonly startAfter?: string
    readonly end?: string
    readonly limit?: number
    readonly reverse?: boolean
  }): Promise<Map<string, T>> {
    const { prefix, startAfter, end, limit = Infinity, reverse = false } = options
    const keys = [...this.rows.keys()]
      .filter((key) => key.startsWith(prefix) && (startAfter === undefined || key > startAfter) && (end === undefined || key < end))
      .sort()
    if (reverse) keys.reverse()
    const found = new Map<string, T>(keys.slice(0, limit).map((key) => [key, structuredClone(this.rows.get(key)) as T]))
    await this.#io()
    return found
  }

  async usedBytes(): Promise<number> {
    await this.#io()
    return [...this.rows].reduce(
      (sum, [key, value]) => sum + key.length + (value instanceof Uint8Array ? value.length : JSON.stringify(value).length),
      0,
    )
  }

  /** Real storage answers in a later task, which is where other handlers interleave. */
  #io(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }
}

export class MemorySocket implements RoomSocket {
  readonly id: string
  state: SocketState | null = null
  readonly sent: Uint8Array[] = []
  closed: { code: number; reason: string } | null = null
  /** Whether the other side reads; null: the runtime does not tell. */
  reads: boolean | null = true
  #unread = 0

  constructor(id: string) {
    this.id = id
  }

  setState(state: SocketState): void {
    this.state = structuredClone(state)
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.closed) throw new Error('socket is closed')
    this.sent.push(data)
    if (this.reads === false) this.#unread += data.length
  }

  unread(): number | null {
    if (this.reads) this.#unread = 0
    return this.reads === null ? null : this.#unread
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason }
  }
}

export class MemoryPort implements RoomPort {
  readonly host: string
  readonly origin: string
  readonly storage: MemoryStorage
  readonly settings: RoomSettings
  connect: Connect = () => {
    throw new Error('no connections from here')
  }
  call: RoomPort['call'] = () => {
    throw new Error('no other rooms here')
  }
  /** Every socket of the room; remove one to close it from the other side. */
  readonly connected = new Set<MemorySocket>()
  /** Added to the real clock. */
  clockOffsetMs = 0

  constructor(options: { host?: string; storage?: MemoryStorage; settings?: Partial<RoomSettings> } = {}) {
    this.host = options.host ?? 'pod.example'
    this.origin = `https://${this.host}`
    this.storage = options.storage ?? new MemoryStorage()
    this.settings = {
      ...readSettings({ TABPOD_POLICY: 'open', TABPOD_RATE_LIMITS: 'off' }),
      ...options.settings,
    }
  }

  *sockets(role: SocketState['role']): Iterable<MemorySocket> {
    for (const socket of this.connected) if (socket.state?.role === role) yield socket
  }

  socket(): MemorySocket {
    const socket = new MemorySocket(`socket-${this.connected.size + 1}`)
    this.connected.add(socket)
    return socket
  }

  now(): number {
    return Date.now() + this.clockOffsetMs
  }
}
