/** Signatures first, implementation lands within minutes. */
import type { XrpcError } from '../../wire/errors.ts'
import type { KeyVault } from '../identity/contract.ts'
import type { Store } from '../store/open.ts'
import type { EventRow, Head } from '../store/schema.ts'
import type { ListOptions, RecordView, RepoLog, RepoReader, RepoWriter, Write, WriteOptions, WriteOutcome } from './contract.ts'

export interface RepoOptions {
  readonly now?: () => number
  readonly onTiming?: (step: 'tree' | 'hash' | 'sign' | 'encode' | 'transaction', ms: number) => void
}

export declare class Repo implements RepoReader, RepoWriter, RepoLog {
  static create(store: Store, vault: KeyVault, did: string, options?: RepoOptions): Promise<Repo>
  /** @throws XrpcError 404 RepoNotFound */
  static open(store: Store, vault: KeyVault, options?: RepoOptions): Promise<Repo>
  readonly did: string
  head(): Head
  record(collection: string, rkey: string): Promise<RecordView | null>
  list(options: ListOptions): Promise<{ records: RecordView[]; cursor?: string }>
  collections(): Promise<ReadonlyArray<{ name: string; count: number }>>
  car(since?: string): ReadableStream<Uint8Array>
  proof(collection: string, rkey: string): Promise<Uint8Array>
  blocks(cids: readonly string[]): Promise<Uint8Array>
  write(writes: readonly Write[], options?: WriteOptions): Promise<WriteOutcome>
  announce(
    event:
      | { kind: 'identity'; handle: string }
      | { kind: 'account'; active: boolean; status?: 'deactivated' | 'deleted' }
      | { kind: 'sync' },
  ): Promise<number>
  /** While set, every write is refused with it (RepoBehindMirror, RepoFork); null lets writes through again. */
  refuseWrites(reason: XrpcError | null): void
  eventsAfter(event: number, limit: number): Promise<readonly EventRow[]>
  oldestEvent(): Promise<number>
  eventOfRev(rev: string): Promise<EventRow | undefined>
  onEvent(listener: (row: EventRow) => void): () => void
  acknowledge(event: number): Promise<void>
  acknowledged(): Promise<number>
  /** Waits for what is queued, checkpoints, and lets go of the store (without closing it). */
  close(): Promise<void>
}
