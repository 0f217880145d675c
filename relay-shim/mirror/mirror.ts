import type { MirrorHead } from '../../wire/frames.ts'
import type { Firehose } from '../firehose/firehose.ts'
import type { RoomPort } from '../port.ts'

/** Who the pod is: whose events are accepted, by which key they must be signed, what is said about it while the tab is closed. */
export interface PodIdentity {
  readonly did: string
  readonly handle: string
  /** did:key, P-256 or K-256. */
  readonly signingKey: string
  /** Public documents by path, as JSON text. */
  readonly documents: Readonly<Record<string, string>>
}

export class Mirror {
  static async open(_port: RoomPort, _firehose: Firehose): Promise<Mirror> {
    throw new Error('being written')
  }

  head(): MirrorHead | null {
    throw new Error('being written')
  }

  lastEvent(): number {
    throw new Error('being written')
  }

  async bind(_identity: PodIdentity): Promise<void> {
    throw new Error('being written')
  }

  async accept(_event: number, _body: Uint8Array): Promise<{ seq: number }> {
    throw new Error('being written')
  }

  async answer(_request: Request, _presence: { readonly online: boolean }): Promise<Response | null> {
    throw new Error('being written')
  }

  async storeBlob(
    _blob: { readonly cid: string; readonly mime: string; readonly size: number },
    _body: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    throw new Error('being written')
  }

  async storeSnapshot(_head: MirrorHead, _body: AsyncIterable<Uint8Array>): Promise<MirrorHead> {
    throw new Error('being written')
  }
}
