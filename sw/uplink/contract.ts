/** What the uplink asks of the pod it announces and serves. The composition (`sw/app.ts`) fits it by shape. */
import type { Standing, TabFrame } from '../../wire/frames.ts'
import type { PipeFromWorker } from '../../wire/owner.ts'
import type { KeyVault } from '../identity/contract.ts'
import type { BlobService, RepoLog, RepoReader } from '../repo/contract.ts'

export interface UplinkPod {
  readonly identity: { readonly did: string; readonly handle: string; readonly origin: string; readonly standing: Standing }
  readonly repo: Pick<RepoReader, 'head' | 'car'> & RepoLog
  readonly blobs: Pick<BlobService, 'get' | 'list' | 'upload'>
  readonly vault: Pick<KeyVault, 'signingDidKey' | 'signJoin' | 'uplinkKey'>
  /** Public documents by path, as JSON text (`hello.documents`). */
  documents(): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Never rejects for what a client did: errors are Responses. */
  handle(request: Request, context: RequestContext): Promise<Response>
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
