/** The pod's log: what happened is gathered in memory and written down in batches, so that no request costs a transaction of its own. */
import {
  LOG_BATCH_ENTRIES,
  LOG_RETENTION_MS,
  LOG_WRITE_DELAY_MS,
  MAX_LOG_MESSAGE_CHARS,
  MAX_LOG_PATH_CHARS,
  MAX_LOG_READ,
  MAX_LOG_STACK_CHARS,
  MAX_LOG_WAITING,
} from '../../wire/limits.ts'
import type { LogEntry, LogFact, LogLevel, LogQuery, LogTopic } from '../../wire/log.ts'
import { appendLog, readLog } from '../store/log.ts'
import type { Store } from '../store/open.ts'
import type { StoredLogEntry } from '../store/schema.ts'
import { withoutSecrets } from './secrets.ts'

export type RequestFact = Omit<Extract<LogFact, { kind: 'request' }>, 'kind'>

export interface LogOptions {
  /** Told after entries were written. */
  readonly grown?: () => void
  readonly now?: () => number
}

/** Lives as long as the worker. What cannot be written down is lost, and the pod goes on. */
export class Log {
  readonly #grown: () => void
  readonly #now: () => number
  #store: Store | undefined
  #retentionMs = LOG_RETENTION_MS
  #waiting: StoredLogEntry[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #written: Promise<void> = Promise.resolve()

  constructor({ grown = () => {}, now = Date.now }: LogOptions = {}) {
    this.#grown = grown
    this.#now = now
  }

  /** What waits is written there, and all that follows. undefined: it is gone. */
  attach(store: Store | undefined): void {
    this.#store = store
    if (this.#waiting.length > 0) this.#soon()
  }

  keepFor(retentionMs: number): void {
    this.#retentionMs = retentionMs
  }

  /** @param fact.path with its parameters or without: they are left out */
  request(fact: RequestFact): void {
    const path = withoutSecrets(fact.path.replace(/[?#].*$/s, ''), MAX_LOG_PATH_CHARS)
    this.#add(levelOf(fact.status), { kind: 'request', ...fact, path, ms: Math.round(fact.ms * 10) / 10 })
  }

  note(kind: LogTopic, message: string, level: LogLevel = 'info'): void {
    this.#add(level, { kind, message: withoutSecrets(message, MAX_LOG_MESSAGE_CHARS) })
  }

  /**
   * What nobody foresaw, with its stack; the console has it, too.
   * @param request id of the request that failed by it
   */
  failure(what: string, cause: unknown, request?: string): void {
    console.error(request === undefined ? `tabpod: ${what}` : `tabpod: ${what} (request ${request})`, cause)
    const stack = cause instanceof Error ? withoutSecrets(cause.stack ?? '', MAX_LOG_STACK_CHARS) : ''
    const message = withoutSecrets(`${what}: ${describe(cause)}`, MAX_LOG_MESSAGE_CHARS)
    this.#add('error', { kind: 'failure', message, ...(request !== undefined && { request }), ...(stack !== '' && { stack }) })
  }

  /** Newest first, with what has just happened. */
  async read({ limit = MAX_LOG_READ, ...query }: LogQuery = {}): Promise<readonly LogEntry[]> {
    await this.flush()
    return this.#store ? readLog(this.#store, { ...query, limit: Math.min(limit, MAX_LOG_READ) }) : []
  }

  /** Resolves when everything up to now is written down, or lost. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#written = this.#written.then(() => this.#write())
    return this.#written
  }

  #add(level: LogLevel, fact: LogFact): void {
    this.#waiting.push({ at: this.#now(), level, ...fact })
    if (this.#waiting.length > MAX_LOG_WAITING) this.#waiting.shift()
    if (level === 'error' || this.#waiting.length === LOG_BATCH_ENTRIES) void this.flush()
    else this.#soon()
  }

  #soon(): void {
    if (this.#store) this.#timer ??= setTimeout(() => void this.flush(), LOG_WRITE_DELAY_MS)
  }

  async #write(): Promise<void> {
    const store = this.#store
    if (!store || this.#waiting.length === 0) return
    const entries = this.#waiting
    this.#waiting = []
    try {
      await appendLog(store, entries, this.#now() - this.#retentionMs)
      this.#grown()
    } catch (cause) {
      // Storage is full, or the database went away: to note that down would fail like this.
      console.warn('tabpod: the log could not be written', cause)
    }
  }
}

/** A refusal is no error of this pod; a method that it does not have is none either. */
const levelOf = (status: number): LogLevel => (status < 400 ? 'info' : status < 500 || status === 501 ? 'warning' : 'error')

const describe = (cause: unknown): string => (cause instanceof Error ? `${cause.name}: ${cause.message}` : typeof cause)
