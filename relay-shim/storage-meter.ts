/**
 * How much a room has stored. SQLite tells. A runtime without it, which is one for development, does not: there the rows are looked through once in a while, and what was put since then is added,
 * so that it is never less than there is.
 */
import type { StorageValue } from './port.ts'

interface MeteredStorage {
  readonly sql?: { readonly databaseSize: number }
  list(options: object): Promise<Map<string, unknown>>
}

/** Rows of at most 120 KiB (STORAGE_VALUE_BYTES): 8 MB of memory at a time. */
const ROWS_AT_ONCE = 64
/** A hundred megabytes take about 0.1 s. */
const LOOK_EVERY_MS = 60_000

export class StorageMeter {
  readonly #storage: MeteredStorage
  #counted = 0
  #putSince = 0
  #lookedAt = -Infinity
  /** All who ask while it runs wait for it. */
  #looking: Promise<void> | null = null

  constructor(storage: MeteredStorage) {
    this.#storage = storage
  }

  put(entries: Readonly<Record<string, StorageValue>>): void {
    // Before the first look all of it will be seen by that.
    if (this.#lookedAt === -Infinity || this.#storage.sql) return
    for (const [key, value] of Object.entries(entries)) this.#putSince += sizeOf(key, value)
  }

  async read(): Promise<number> {
    if (this.#storage.sql) return this.#storage.sql.databaseSize
    if (Date.now() - this.#lookedAt >= LOOK_EVERY_MS) this.#looking ??= this.#lookAgain()
    await this.#looking
    return this.#counted + this.#putSince
  }

  async #lookAgain(): Promise<void> {
    try {
      this.#lookedAt = Date.now()
      this.#putSince = 0
      this.#counted = await this.#look()
    } finally {
      this.#looking = null
    }
  }

  async #look(): Promise<number> {
    let bytes = 0
    for (let startAfter: string | undefined; ;) {
      const rows = await this.#storage.list({ limit: ROWS_AT_ONCE, ...(startAfter !== undefined && { startAfter }) })
      for (const [key, value] of rows) {
        bytes += sizeOf(key, value)
        startAfter = key
      }
      if (rows.size < ROWS_AT_ONCE) return bytes
    }
  }
}

const sizeOf = (key: string, value: unknown): number =>
  key.length + (value instanceof Uint8Array ? value.length : (JSON.stringify(value)?.length ?? 0))
