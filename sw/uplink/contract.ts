/** What the uplink asks of the pod it announces and serves. The composition (`sw/app.ts`) fits it by shape. */
import type { FrameOf, Standing, TabFrame } from '../../wire/frames.ts'
import type { PipeFromWorker } from '../../wire/owner.ts'
import type { KeyVault } from '../identity/contract.ts'
import type { BlobService, RepoLog, RepoReader } from '../repo/contract.ts'

export interface UplinkPod {
  readonly identity: { readonly did: string; readonly handle: string; readonly origin: string; readonly standing: Standing }
  readonly repo: Pick<RepoReader, 'head' | 'car' | 'hold'> & RepoLog
  readonly blobs: Pick<BlobService, 'get' | 'list' | 'upload' | 'onExpected'>
  readonly vault: Pick<KeyVault, 'signingDidKey' | 'signJoin' | 'uplinkKey'>
  /** Left out: a pod that no recovery file speaks for. */
  readonly recovery?: RecoveryVoice
  /** Public documents by path, as JSON text (`hello.documents`). */
  documents(): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Left out: a pod that no site asks for. */
  readonly fedcm?: { forRoom(): Promise<Omit<FrameOf<TabFrame, 'fedcm'>, 't'>> }
  /** Never rejects for what a client did: errors are Responses. */
  handle(request: Request, context: RequestContext): Promise<Response>
}

/** What the pod says to its room of the recovery key. */
export interface RecoveryVoice {
  /** `hello.recoveryKey`: did:key of the file that is in force, or about to be; undefined: none was ever made. */
  announced(): Promise<string | undefined>
  /** `hello.recovery`: the signature over `message` that turns the room to this browser; undefined where no restore asks for it. */
  rebind(message: Uint8Array): Promise<Uint8Array | undefined>
  /** The room has admitted this browser: no rebinding is asked for any more. */
  admitted(): Promise<void>
}

export interface RequestContext {
  readonly origin: 'shim'
  /** The same for every repetition of one request, so that a write lands once. */
  readonly key: string
  readonly retry: boolean
}

/** The worker's end of the pipe: a MessagePort, or what a test puts in its place. */
export interface PipeEnd {
  postMessage(message: PipeFromWorker, transfer?: Transferable[]): void
}

export type SendFrame = (head: TabFrame, payload?: Uint8Array) => void
