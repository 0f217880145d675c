/**
 * Every object store of the pod's database, in one place. `docs/storage.md` explains each in prose.
 * Rows cost time, bytes hardly do (one put ≈ 0.05 ms whatever its size): a commit touches as few rows as it can.
 */
import type { DBSchema } from 'idb'
import type { MailPurpose, Standing } from '../../wire/frames.ts'
import type { LogFact, LogLevel } from '../../wire/log.ts'
import type { Settings } from '../../wire/settings.ts'
import type { IndieAuthStores } from './indieauth-schema.ts'
import type { OAuthStores, ProviderRow } from './oauth-schema.ts'

export const DATABASE_NAME = 'tabpod'
export const DATABASE_VERSION = 4

/** The one pod of this profile; singletons under fixed keys, so that each may change alone. */
export interface PodRows {
  /**
   * Written once at creation, handle and `elsewhere` excepted. `plc`: the directory that a did:plc is registered with; a did:web has none. `elsewhere`:
   * what the document of a did:web names after its account moved to another server (`signingKey`: did:key).
   */
  identity: {
    did: string
    handle: string
    origin: string
    createdAt: string
    plc?: string
    elsewhere?: { readonly endpoint: string; readonly signingKey: string }
  }
  /**
   * Absent in pods of version 1, which are active. `since`: ms. `deleteAfter`: ISO 8601, as the owner asked at deactivation. `inviteCode`: while vacant, with
   * the wrong ones that were tried instead.
   */
  account: {
    standing: Standing
    since: number
    deleteAfter?: string
    inviteCode?: string
    guesses?: { readonly failures: number; readonly lockedUntil: number }
  }
  /** When the handle was last changed, or tried to be (ms), oldest first. */
  handleChanges: readonly number[]
  /** The newest recovery file: its public key (did:key), and when it was made (ms). */
  recovery: { didKey: string; at: number }
  /**
   * While a restore is under way: whose it is, by the key of its file (did:key). What lies beside it is no pod yet, and a restore by the same file goes on with it.
   * `mirrorKey`: did:key that the repo in the mirror is signed by.
   */
  restoring: { didKey: string; mirrorKey: string }
  /** After a restore, until the room has turned to this browser: the recovery key of the file, which signs `hello.recovery`. Non-extractable. */
  rebind: { key: CryptoKey }
  /**
   * CryptoKeys, all non-extractable. `signing` and `uplink` are P-256 pairs; `session` is the HMAC key of legacy tokens. `rotation`, P-256, rules a
   * did:plc, below the key of a recovery file. While the signing key changes: `next` takes its place once the DID names it, and `isUnsigned` says that
   * the head is still signed by the one before.
   */
  keys: {
    signing: CryptoKeyPair
    signingDidKey: string
    uplink: CryptoKeyPair
    session: CryptoKey
    rotation?: CryptoKeyPair
    rotationDidKey?: string
    next?: SigningPair
    isUnsigned?: true
  }
  /** The newest landed commit. Compared inside the landing transaction. */
  head: Head
  /** The tree whose nodes are all in `nodes`, and the last event it includes. Events after it are replayed on start. */
  checkpoint: { data: string; event: number }
  /** The last event the room has acknowledged. */
  acknowledged: { event: number }
  /** The owner's account: PBKDF2 hash and lockout. */
  owner: {
    salt: Uint8Array<ArrayBuffer>
    hash: Uint8Array<ArrayBuffer>
    rounds: number
    failures: number
    lockedUntil: number
    email?: string
    emailConfirmedAt?: number
  }
  /** Where this generation of the repo begins, if it was imported: a commit that no event announced. */
  base: Base
  /** Records that lie in packs, by collection. */
  packed: Readonly<Record<string, number>>
  /** An import under way: the generation it writes. `id` tells it from one that a newer worker has begun. Found at start, its rows are swept. */
  importing: { id: string; generation: number }
  /** Blobs that records mention, and the bytes of all, temporary ones included. Kept up with each of them; absent until it is first asked for. */
  blobUsage: { count: number; bytes: number; allBytes: number }
  /** What the owner has set otherwise than it comes. */
  settings: Partial<Settings>
  /** When the owner last had the network told who this is (ms), oldest first. */
  announced: readonly number[]
  /** Keys and secrets of the OAuth provider; made when it is first asked for. */
  provider: ProviderRow
  /** Private preferences of apps, in their order; `json` holds `$type` too. */
  preferences: ReadonlyArray<{ readonly type: string; readonly json: string }>
}

/** `signingDidKey`: did:key of `signing`. */
export interface SigningPair {
  readonly signing: CryptoKeyPair
  readonly signingDidKey: string
}

export interface Head {
  readonly commit: string
  readonly rev: string
  readonly data: string
  /** Number of the event that announced it; for an imported commit, of the last event before it. */
  readonly event: number
  /** Grows when the whole repo is replaced (import); absent: 0. Packs and the tree of another generation are not this repo's. */
  readonly generation?: number
  /** Some records lie in packs, or may. Absent: none does, and nobody need look. */
  readonly packed?: true
  /** Size of the tree; absent in pods of version 1 until they are counted. */
  readonly counts?: TreeCounts
}

export interface TreeCounts {
  readonly records: number
  readonly nodes: number
}

export interface Base {
  readonly generation: number
  readonly rev: string
  readonly commit: string
  readonly block: Uint8Array<ArrayBuffer>
  /** Revs of the commits before it, which a mirror may still be at; absent in older rows. */
  readonly knows?: readonly string[]
}

/** Records that came together, as `packs.ts` writes them. */
export type RecordPackRow = Uint8Array<ArrayBuffer>

/** Nodes of an imported tree in pre-order, each behind its 32-byte digest. The index is a row of the same store. */
export type NodePackRow = Uint8Array<ArrayBuffer>

export interface RecordRow {
  readonly collection: string
  readonly rkey: string
  readonly cid: string
  /** DAG-CBOR; exactly the block `cid` names. Own buffer, never a view (structured clone copies the whole backing buffer). */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** rev of the commit that last wrote it. */
  readonly rev: string
}

export interface EventRow {
  readonly event: number
  readonly kind: 'commit' | 'sync' | 'identity' | 'account'
  readonly at: number
  readonly rev?: string
  readonly since?: string | null
  /** DAG-CBOR of wire/event.ts. For commits it holds all new blocks: this log is the write-ahead log. */
  readonly body: Uint8Array<ArrayBuffer>
  /** CIDs of blobs that must reach the mirror before this event does. */
  readonly blobs?: readonly string[]
}

export interface BlobRow {
  readonly cid: string
  readonly mime: string
  readonly size: number
  readonly createdAt: number
  readonly bytes: Blob
  /** rev of the commit that first mentioned it; absent while temporary. */
  readonly rev?: string
}

export interface SessionRow {
  /** jti of the refresh token that is valid now. */
  readonly id: string
  /** Name of the app password it was made with; absent: the owner's own. */
  readonly appPassword?: string
  readonly privileged?: boolean
  readonly createdAt: number
  readonly expiresAt: number
  /** Set when it was rotated: its successor, and until when this one still answers (with the same successor). */
  readonly next?: { id: string; graceUntil: number }
  /** Sessions of one sign-in share a family; reuse after the grace revokes it whole. */
  readonly family: string
}

/** Its secret is hashed with a salt that all app passwords of the pod share, so that a sign-in derives once, however many there are. */
export interface AppPasswordRow {
  readonly name: string
  readonly privileged: boolean
  /** ms. */
  readonly createdAt: number
  readonly salt: Uint8Array<ArrayBuffer>
  readonly hash: Uint8Array<ArrayBuffer>
  readonly rounds: number
}

/** A token that waits for the owner. One of each purpose at most: a newer one replaces it. */
export interface InboxRow {
  readonly id: string
  readonly purpose: MailPurpose
  readonly token: string
  /** ms. */
  readonly at: number
  readonly expiresAt: number
  readonly mailed: boolean
  /** Wrong tokens that were tried instead of it; too many make it worth nothing. */
  readonly failures: number
  /** When tokens of this purpose were asked for, this one included: ms, oldest first, since the last one that was used. */
  readonly asked: readonly number[]
  /** The e-mail address it speaks for, where it speaks for one. */
  readonly email?: string
}

/** Its id is its place: number of the page times LOG_PAGE_ENTRIES, and index in it. */
export type StoredLogEntry = { readonly at: number; readonly level: LogLevel } & LogFact

/** Entries that were written one after the other, oldest first. */
export interface LogPageRow {
  /** Grows from page to page. */
  readonly page: number
  readonly entries: readonly StoredLogEntry[]
  /** Of all entries, as JSON. */
  readonly bytes: number
  /** When the newest one happened (ms). */
  readonly until: number
}

export interface AnswerRow {
  /** Idempotency key of the forwarded request. */
  readonly key: string
  readonly at: number
  /** The recorded outcome of the write, as the repo service returned it. */
  readonly outcome: unknown
}

export interface PodDatabase extends DBSchema, OAuthStores, IndieAuthStores {
  pod: { key: keyof PodRows; value: PodRows[keyof PodRows] }
  records: { key: [collection: string, rkey: string]; value: RecordRow }
  recordPacks: { key: [generation: number, collection: string, first: string]; value: RecordPackRow }
  nodes: { key: string; value: Uint8Array<ArrayBuffer> }
  nodePacks: { key: [generation: number, pack: number]; value: NodePackRow | Uint32Array<ArrayBuffer> }
  /** Blocks of an import that wait for the rest of it, in packs; empty otherwise. */
  staged: { key: number; value: Uint8Array<ArrayBuffer> }
  events: { key: number; value: EventRow }
  blobs: { key: string; value: BlobRow; indexes: { createdAt: number } }
  blobRefs: {
    key: [cid: string, collection: string, rkey: string]
    value: { cid: string; collection: string; rkey: string }
    indexes: { record: [string, string] }
  }
  sessions: { key: string; value: SessionRow; indexes: { family: string } }
  answers: { key: string; value: AnswerRow; indexes: { at: number } }
  appPasswords: { key: string; value: AppPasswordRow }
  inbox: { key: MailPurpose; value: InboxRow }
  log: { key: number; value: LogPageRow }
}
