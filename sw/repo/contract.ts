/**
 * What the rest of the pod may ask of the repo: the interface file, read before the implementations beside it.
 * Strings cross this border (CIDs as base32 strings, records as JSON-shaped lex values); CID objects, trees and CARs stay inside.
 */
import type { LexMap } from '@atproto/lex-data'
import type { XrpcError } from '../../wire/errors.ts'
import type { EventRow, Head } from '../store/schema.ts'

export type Write =
  | { readonly action: 'create'; readonly collection: string; readonly rkey?: string; readonly record: LexMap }
  /** `put` creates or updates. `swapRecord`: CID the record must have now, null = must not exist, absent = any. */
  | {
      readonly action: 'put'
      readonly collection: string
      readonly rkey: string
      readonly record: LexMap
      readonly swapRecord?: string | null
    }
  /** `update` refuses when the record is not there (applyWrites#update). */
  | { readonly action: 'update'; readonly collection: string; readonly rkey: string; readonly record: LexMap }
  /** Deleting what is not there is no error and makes no commit. */
  | { readonly action: 'delete'; readonly collection: string; readonly rkey: string; readonly swapRecord?: string }

export interface WriteOptions {
  /** CID the head commit must have now. @throws InvalidSwap */
  readonly swapCommit?: string
  /** true: unknown lexicons are refused · false: no lexicon check · absent: known lexicons are checked. */
  readonly validate?: boolean
  /** Idempotency key: a second call with the same key returns the recorded outcome and writes nothing. */
  readonly key?: string
}

export type ValidationStatus = 'valid' | 'unknown'

export type WriteResult =
  | { readonly action: 'create' | 'update'; readonly uri: string; readonly cid: string; readonly validationStatus?: ValidationStatus }
  | { readonly action: 'delete' }

/** JSON-safe: it is recorded under the idempotency key. `commit` is null when nothing changed. */
export interface WriteOutcome {
  readonly commit: { readonly cid: string; readonly rev: string } | null
  readonly results: readonly WriteResult[]
}

export interface RecordView {
  readonly uri: string
  readonly cid: string
  readonly value: LexMap
}

export interface ListOptions {
  readonly collection: string
  readonly limit: number
  /** rkey, exclusive. */
  readonly cursor?: string
  /** false: newest rkey first (descending), as the lexicon's default. */
  readonly reverse: boolean
}

export interface RepoReader {
  readonly did: string
  head(): Head
  record(collection: string, rkey: string): Promise<RecordView | null>
  list(options: ListOptions): Promise<{ records: RecordView[]; cursor?: string }>
  collections(): Promise<ReadonlyArray<{ name: string; count: number }>>
  /** CAR v1, commit first, then the tree in deterministic pre-order; with `since`, only the blocks newer than that rev. */
  car(since?: string): ReadableStream<Uint8Array>
  /** The repo as it is now, for a mirror that asks for what it lacks. */
  hold(): HeldRepo
  /** CAR with the proof that the record is, or is not, in the repo. */
  proof(collection: string, rkey: string): Promise<Uint8Array>
  /** CAR of the blocks asked for. @throws BlockNotFound */
  blocks(cids: readonly string[]): Promise<Uint8Array>
  /** Blocks of the repo as it is (commit, nodes, records), and how many of them are records. */
  blockCounts(): Promise<{ readonly blocks: number; readonly records: number }>
  isEmpty(): boolean
}

/** Whatever is written meanwhile, until it is let go. */
export interface HeldRepo {
  readonly head: Head
  /**
   * These blocks, in this order, each as a CAR has it behind its header. Records can be asked for once the node that names them was.
   * @throws XrpcError 503 `RepoMoved`
   */
  sections(cids: readonly string[]): Promise<Uint8Array>
  letGo(): void
}

export interface RepoWriter {
  /**
   * Plans, signs and lands. Concurrent calls are chained and landed together, each its own commit.
   * @throws XrpcError InvalidSwap | InvalidRecord | InvalidRequest | RepoBehindMirror | StorageFull (507)
   */
  write(writes: readonly Write[], options?: WriteOptions): Promise<WriteOutcome>
  /** Appends a `#identity`, `#account` or `#sync` event to the log, outside of any commit. */
  announce(
    event:
      | { kind: 'identity'; handle: string }
      | { kind: 'account'; active: boolean; status?: 'deactivated' | 'deleted' }
      | { kind: 'sync' },
  ): Promise<number>
}

export interface ImportProgress {
  readonly records: number
}

export interface RepoImporter {
  /**
   * Puts the repo of `car` (CAR v1, any order of blocks) in place of this one, commit signed anew by this pod's key with a newer rev. Streamed in batches beside the
   * present repo; one transaction makes it visible. A broken-off or refused import leaves everything as it was.
   * Its DID must be this pod's; its own signature is checked against `signingKey` (did:key) where given, because some files come without a directory to ask.
   * Blobs that the records mention need not be here: they are expected (`BlobService.missing`).
   * @throws XrpcError 400 InvalidRequest (what is wrong with the CAR) | 400 InvalidRepo | 413 | 507 StorageFull | 409 ImportUnderWay
   */
  import(
    car: ReadableStream<Uint8Array>,
    options: { readonly signingKey?: string; readonly onProgress?: (progress: ImportProgress) => void },
  ): Promise<{ readonly rev: string; readonly records: number }>
}

export interface Imported {
  readonly rev: string
  /** Revs of this pod's commits before it, the newest ones, in order. Absent where they were not noted. */
  readonly knows?: readonly string[]
}

/** The outbox, for the uplink. */
export interface RepoLog {
  /** Events after number `event`, oldest first. */
  eventsAfter(event: number, limit: number): Promise<readonly EventRow[]>
  /** The first event at or after which the log is unbroken, i.e. the oldest kept. */
  oldestEvent(): Promise<number>
  /** The commit event whose rev is `rev`, or undefined when it was pruned or never was. */
  eventOfRev(rev: string): Promise<EventRow | undefined>
  /** Called synchronously after each landing, in order. Returns the unsubscribe function. */
  onEvent(listener: (row: EventRow) => void): () => void
  /** The room has stored everything up to `event`: it may be pruned once it is checkpointed too. */
  acknowledge(event: number): Promise<void>
  acknowledged(): Promise<number>
  /**
   * Takes back newer commits of this pod that only the mirror still has. `car`: everything after our head (`getRepo?since`); `event`: the last the room has.
   * The blobs that its records mention must be stored already. Allowed while suspended. @throws XrpcError 503 `RepoBehindMirror`
   */
  adopt(car: Uint8Array, event: number): Promise<void>
  /**
   * The same, however much it is: `car` is the whole repo of the mirror, which takes the place of this one in one transaction.
   * @throws XrpcError 503 `RepoBehindMirror`, and what an import throws
   */
  adoptAll(car: ReadableStream<Uint8Array>, event: number): Promise<void>
  /** The commit this log begins after, where the repo was imported: no event announced it, and nothing leads to it from a commit before it. */
  imported(): Imported | undefined
  /** Every later write is refused with `error` (the mirror is ahead of this repo, or on another branch); `null` lifts it. */
  suspend(error: XrpcError | null): void
}

export interface BlobView {
  readonly cid: string
  readonly mime: string
  readonly size: number
  readonly bytes: Blob
  /** rev of the commit that first mentioned it; absent while temporary. */
  readonly rev?: string
}

export interface BlobService {
  /**
   * Streams into storage, hashing as it goes; never holds more than a few chunks. The header's type is corrected by sniffing.
   * `maxBytes` and `types` bind what apps upload; what comes back with the repo is taken as it is. `assertType` is told the type that would be kept, and
   * throws where the app may not store such.
   * @throws XrpcError BlobTooLarge (413) | UnsupportedMediaType (415) | BlobQuotaExceeded (413) | StorageFull (507) | InvalidRequest when `declaredLength` is not what came
   */
  upload(
    body: ReadableStream<Uint8Array>,
    declared: { mime: string; length?: number; maxBytes?: number; types?: readonly string[]; assertType?: (mime: string) => void },
  ): Promise<{ cid: string; mime: string; size: number }>
  get(cid: string): Promise<BlobView | null>
  /** Referenced blobs, sorted by CID. */
  list(options: { since?: string; limit: number; cursor?: string }): Promise<{ cids: string[]; cursor?: string }>
  totals(): Promise<{ count: number; bytes: number }>
  /** Blobs that records mention and that are not here (after an import), each with the first record that does, sorted by CID. */
  missing(options: { limit: number; cursor?: string }): Promise<{ blobs: Array<{ cid: string; recordUri: string }>; cursor?: string }>
  /** Distinct blobs that records mention, and how many of them are here. */
  counts(): Promise<{ expected: number; imported: number }>
  /** Drops temporary blobs older than TEMPORARY_BLOB_TTL_MS. */
  sweep(now: number): Promise<number>
  /** Called with the CID of each upload that records mention already: no commit will announce it any more. Returns the unsubscribe function. */
  onExpected(listener: (cid: string) => void): () => void
}
