/** From where the owner's records are looked at: what views of them are made of. */
import { type BlobRef, getBlobCidString } from '@atproto/lex'
import type { Identity } from '../../identity/did-document.ts'

export interface Viewpoint {
  readonly identity: Pick<Identity, 'did' | 'handle' | 'origin'>
  /** The owner as app.bsky.actor.defs#profileViewBasic. */
  readonly author: object
  /** A query to the AppView whose answer is caught up with. @throws XrpcError */
  ask(nsid: string, params: Readonly<Record<string, string>>): Promise<unknown>
}

/** The AppView has no picture of a blob that it has not heard of: this pod's own address of it. */
export const blobUrl = ({ did, origin }: Viewpoint['identity'], blob: BlobRef): string =>
  `${origin}/xrpc/com.atproto.sync.getBlob?${new URLSearchParams({ did, cid: getBlobCidString(blob) })}`
