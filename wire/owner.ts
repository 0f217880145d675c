/**
 * What the owner's pages and the worker say to each other. Never reachable over HTTP: only a page of this origin can post to the worker,
 * which is why these commands need no token.
 */

import type { MailPurpose, RelayView, Standing } from './frames.ts'
import type { LogQuery } from './log.ts'
import type { Settings } from './settings.ts'

/** Page → worker, each with a MessagePort on which exactly one `OwnerAnswer` comes back. */
export type OwnerCommand =
  | { readonly kind: 'describe' }
  | AccountCommand
  | RecoveryCommand
  | MovingCommand
  | OperationsCommand
  | ExportCommand
  /** `plc`: address of the directory to register a did:plc with; left out: did:web. */
  | { readonly kind: 'create'; readonly handle: string; readonly password: string; readonly plc?: string }
  /** Deletes the pod of this profile, keys included. There is no way back. */
  | { readonly kind: 'forget'; readonly confirmHandle: string }

/** Answers `PodSummary` unless it says otherwise. */
export type AccountCommand =
  /** Answers `InboxMessage[]`, newest first. */
  | { readonly kind: 'inbox' }
  | { readonly kind: 'dismiss-message'; readonly id: string }
  /** Answers `AppPassword[]`. */
  | { readonly kind: 'app-passwords' }
  /** Answers the password in plain, once: `{ name, password, … }` (`CreatedAppPassword`). */
  | { readonly kind: 'create-app-password'; readonly name: string; readonly privileged: boolean }
  | { readonly kind: 'revoke-app-password'; readonly name: string }
  | { readonly kind: 'set-password'; readonly password: string }
  | { readonly kind: 'set-email'; readonly email: string | null }
  | { readonly kind: 'change-handle'; readonly handle: string }
  | { readonly kind: 'activate' }
  | { readonly kind: 'deactivate' }
  /** A new key for the repo, which is signed anew; the DID names it before it is used. */
  | { readonly kind: 'rotate-signing-key' }

export type RecoveryCommand =
  /** Answers `RecoveryFile`. From then on its recovery key rules the address (and a did:plc). */
  | { readonly kind: 'make-recovery-file'; readonly passphrase: string }
  /** Answers `RecoveryCheck`: whether a restore from this file would work now, tried as far as that is possible without doing it. Works without a pod, too. */
  | { readonly kind: 'check-recovery-file'; readonly file: string; readonly passphrase: string }
  /** In a browser without a pod: keys anew, the repo from the mirror, private state from the file. Progress comes as `Activity` of kind `progress`. */
  | { readonly kind: 'restore'; readonly file: string; readonly passphrase: string }

export type MovingCommand =
  /** A pod without an account, which waits for one to move in by com.atproto.server.createAccount; `PodSummary.inviteCode` opens that door. */
  | { readonly kind: 'await-account' }
  /** Puts a whole repo in place of an empty or deactivated one. Progress comes as `Activity` of kind `progress`. */
  | { readonly kind: 'import-repo'; readonly car: Blob }
  /** Takes blobs that records of the imported repo mention. Answers `{ taken, refused }` (counts). */
  | { readonly kind: 'import-blobs'; readonly files: readonly Blob[] }
  /** For a did:web that moved out: its document names this server and key from now on. `signingKey`: did:key. */
  | { readonly kind: 'point-elsewhere'; readonly endpoint: string; readonly signingKey: string }

/** The owner's own copy, however the account stands. */
export type ExportCommand =
  /** Answers a `Blob`: the repo as CAR. */
  | { readonly kind: 'export-repo' }
  /** Answers `ExportedBlobs`. */
  | { readonly kind: 'export-blobs'; readonly cursor?: string }

/** A page of the blobs that records mention, sorted by CID; those that are not here are left out. */
export interface ExportedBlobs {
  readonly blobs: ReadonlyArray<{ readonly cid: string; readonly bytes: Blob }>
  readonly cursor?: string
}

/** Of the pod as a server. Like all others they work while no account lives in it. */
export type OperationsCommand =
  /** Answers `LogEntry[]`, newest first. */
  | ({ readonly kind: 'log' } & LogQuery)
  /** Answers `Settings`. */
  | { readonly kind: 'settings' }
  /** Changes what is named, at once and without a restart. Answers `Settings`, or 400 InvalidSettings with a sentence for each mistake. */
  | { readonly kind: 'configure'; readonly settings: Partial<Settings> }
  /** Answers `Health`. */
  | { readonly kind: 'health' }
  /**
   * Has the room look how the relays see this pod; `crawl`: and ask those to crawl that were not asked lately. Answers what is known by now, `RelayView[]`, or null
   * for nothing; what the room says comes as `Activity` of kind `relays`.
   */
  | { readonly kind: 'relays'; readonly crawl: boolean }
  /** Asks the world. Answers `IdentityCheck`. */
  | { readonly kind: 'check-identity' }
  /** Has relays and AppViews look the identity up again. Once a minute. Answers `PodSummary`. */
  | { readonly kind: 'announce-identity' }

export interface Health {
  /** Of the worker that answers. */
  readonly version: string
  /** When it was started, ms since 1970. */
  readonly startedAt: number
}

/** Each null where it is as it should be, else a sentence that says what is not. */
export interface IdentityCheck {
  /** ms since 1970. */
  readonly at: number
  /** The DID document, as it is served, names this server and its key. */
  readonly document: string | null
  /** The handle leads to the DID, and the document names the handle. */
  readonly handle: string | null
}

export interface InboxMessage {
  readonly id: string
  /** ms since 1970. */
  readonly at: number
  readonly purpose: MailPurpose
  /** What the asking client wants typed in. */
  readonly token: string
  readonly expiresAt: number
  /** Whether the room mailed it, too. */
  readonly mailed: boolean
}

export interface AppPassword {
  readonly name: string
  readonly createdAt: string
  readonly privileged: boolean
}
export type CreatedAppPassword = AppPassword & { readonly password: string }

export interface RecoveryFile {
  readonly name: string
  /** Text of the file: JSON, its secrets encrypted with the passphrase. */
  readonly text: string
}

export interface RecoveryCheck {
  readonly did: string
  readonly handle: string
  /** When the file was made, ISO 8601. */
  readonly madeAt: string
  /** What the mirror holds now; null: it could not be read. */
  readonly mirror: { readonly rev: string; readonly records: number; readonly blobs: number; readonly missingBlobs: number } | null
  /** Sentences for people, each a reason why a restore would fail or lose something. Empty: it would work. */
  readonly problems: readonly string[]
}

export type OwnerAnswer<T = unknown> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string; readonly message: string; readonly status: number }

/** Answer to `describe` and `create`. `describe` answers null where no pod lives in this profile. */
export interface PodSummary {
  readonly did: string
  readonly handle: string
  readonly origin: string
  readonly createdAt: string
  readonly standing: Standing
  /** Only while vacant: what a client must give as `inviteCode` to create the account. */
  readonly inviteCode?: string
  /** While deactivated: until when the owner wanted it kept, ISO 8601. Nothing is deleted by itself: the page reminds the owner. */
  readonly deleteAfter?: string
  readonly email?: string
  readonly emailConfirmed: boolean
  /** When the last recovery file was made, ISO 8601; absent: never. */
  readonly recoveryFileAt?: string
  readonly rev: string
  readonly collections: ReadonlyArray<{ readonly name: string; readonly count: number }>
  /** `missing`: mentioned by records and not here yet; told only while arriving. */
  readonly blobs: { readonly count: number; readonly bytes: number; readonly missing?: number }
  /** Events not yet acknowledged by the room. */
  readonly outbox: number
}

export type OwnerMessage = { readonly tabpod: 'owner'; readonly command: OwnerCommand }

/** Page → worker: "I am the leading page; here is our pipe." The port is transferred with the message. A newer pipe replaces an older one. */
export type PipeMessage = { readonly tabpod: 'pipe'; readonly claim?: string }

/** Page → worker, with no answer: keeps a busy worker alive (`waitUntil`). */
export type KeepAliveMessage = { readonly tabpod: 'keep-alive' }

/** Page → worker: "say `nudge` to me after this time". Timers of hidden pages may be a minute late, those of workers are not. */
export type NudgeMessage = { readonly tabpod: 'nudge'; readonly afterMs: number }

/** On the pipe, page → worker: socket life; frames travel as bare ArrayBuffers in both directions. */
export type PipeFromPage = ArrayBuffer | { readonly socket: 'open' | 'closed' }
/** On the pipe, worker → page. `lock` names a Web Lock the worker holds for its whole life: when the page can take it, the worker has died. */
export type PipeFromWorker = ArrayBuffer | { readonly lock: string } | { readonly link: LinkState } | { readonly close: string }

/** The uplink as the owner sees it. */
export type LinkState =
  | { readonly state: 'connecting' }
  /** `held`: why the room takes nothing of what is written, a sentence for people. It waits in the outbox, and is offered again. */
  | { readonly state: 'online'; readonly held?: string }
  /** `error` is a stable code (ClaimRequired, ClaimRefused, Replaced, RepoBehindMirror, RepoFork, …), `message` the sentence for people. */
  | { readonly state: 'refused'; readonly error: string; readonly message: string }
  | { readonly state: 'offline'; readonly message: string }

/** BroadcastChannel by which worker and leading page keep every open page up to date. */
export const ACTIVITY_CHANNEL = 'tabpod.activity'

export type Activity =
  | {
      readonly kind: 'request'
      readonly at: number
      readonly by: 'tab' | 'mirror'
      readonly origin: 'local' | 'shim'
      readonly method: string
      readonly path: string
      readonly status: number
      readonly ms?: number
    }
  | {
      readonly kind: 'event'
      readonly at: number
      readonly event: 'commit' | 'identity' | 'account' | 'sync'
      readonly rev?: string
      readonly paths?: readonly string[]
    }
  | { readonly kind: 'link'; readonly link: LinkState }
  /** A long work of the owner's (import, restore): `done` of `total`, where the total is known. */
  | { readonly kind: 'progress'; readonly work: 'records' | 'blobs'; readonly done: number; readonly total?: number }
  /** Something of the account changed (inbox, standing, handle): pages describe the pod anew. */
  | { readonly kind: 'account' }
  /** The room has told how the relays see this pod. */
  | { readonly kind: 'relays'; readonly relays: readonly RelayView[] }
  /** The log has grown. */
  | { readonly kind: 'log' }
  /** A page has just opened and asks the leading page to say the link state again. */
  | { readonly kind: 'link-wanted' }
