/**
 * What the owner's pages and the worker say to each other. Never reachable over HTTP: only a page of this origin can post to the worker,
 * which is why these commands need no token.
 */

/** Page → worker, each with a MessagePort on which exactly one `OwnerAnswer` comes back. */
export type OwnerCommand =
  | { readonly kind: 'describe' }
  /** `plc`: address of the directory to register a did:plc with; left out: did:web. */
  | { readonly kind: 'create'; readonly handle: string; readonly password: string; readonly plc?: string }
  /** Deletes the pod of this profile, keys included. There is no way back. */
  | { readonly kind: 'forget'; readonly confirmHandle: string }

export type OwnerAnswer<T = unknown> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string; readonly message: string; readonly status: number }

/** Answer to `describe` and `create`. `describe` answers null where no pod lives in this profile. */
export interface PodSummary {
  readonly did: string
  readonly handle: string
  readonly origin: string
  readonly createdAt: string
  readonly rev: string
  readonly collections: ReadonlyArray<{ readonly name: string; readonly count: number }>
  readonly blobs: { readonly count: number; readonly bytes: number }
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
  | { readonly state: 'online' }
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
  /** A page has just opened and asks the leading page to say the link state again. */
  | { readonly kind: 'link-wanted' }
