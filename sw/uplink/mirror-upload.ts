/** Blobs and snapshots: what the mirror cannot learn from events alone. */
import type { FrameOf, RoomFrame, StreamOf } from '../../wire/frames.ts'
import { REQUEST_DEADLINE_MS } from '../../wire/limits.ts'
import type { SendFrame, UplinkPod } from './contract.ts'
import { Outflow, packed } from './flow.ts'

const LIST_LIMIT = 500

export class MirrorUpload {
  readonly #pod: UplinkPod
  readonly #send: SendFrame
  readonly #flows = new Map<string, Outflow>()
  /** Sent on this connection; a second mention sends nothing. */
  readonly #sent = new Map<string, Promise<void>>()
  readonly #byCid = new Map<string, { readonly flow: Outflow; settle(): void }>()
  readonly #unsubscribe: () => void
  #lastId = 0
  #snapshot: { readonly flow: Outflow; resolve(): void; reject(cause: Error): void } | undefined

  constructor(pod: UplinkPod, send: SendFrame) {
    this.#pod = pod
    this.#send = send
    // What comes after the record that mentions it, as blobs of an imported repo do, is in no event.
    this.#unsubscribe = pod.blobs.onExpected((cid) => void this.sendBlob(cid))
  }

  /** Resolves when the room has stored or refused it; the event that mentions it may go then. */
  sendBlob(cid: string): Promise<void> {
    const sending = this.#sent.get(cid) ?? this.#sendBlob(cid)
    this.#sent.set(cid, sending)
    return sending
  }

  async #sendBlob(cid: string): Promise<void> {
    const blob = await this.#pod.blobs.get(cid)
    if (!blob) return
    const { id, flow } = this.#open('blob')
    const settled = new Promise<void>((settle) => this.#byCid.set(cid, { flow, settle }))
    this.#send({ t: 'blob', id, cid, mime: blob.mime, size: blob.size })
    const isSent = await flow.pipe(blob.bytes.stream())
    this.#close('blob', id)
    // A room that slept in between has forgotten the upload and says nothing.
    if (isSent) await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, REQUEST_DEADLINE_MS))])
    this.#byCid.delete(cid)
  }

  /** After a snapshot the mirror has records that mention blobs it never saw. */
  async sendAllBlobs(): Promise<void> {
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await this.#pod.blobs.list({ limit: LIST_LIMIT, ...(cursor === undefined ? {} : { cursor }) })
      for (const cid of page.cids) await this.sendBlob(cid)
      cursor = page.cursor
    }
  }

  /** Resolves with the number of the newest event the snapshot holds. @throws SnapshotRefused */
  async sendSnapshot(): Promise<number> {
    // One turn: the head announced is the head of the CAR.
    const { rev, commit, data, event } = this.#pod.repo.head()
    const car = this.#pod.repo.car()
    const { id, flow } = this.#open('snapshot')
    const stored = new Promise<void>((resolve, reject) => {
      this.#snapshot = { flow, resolve, reject }
    })
    stored.catch(() => {})
    this.#send({ t: 'snapshot', id, head: { rev, commit, data } })
    await flow.pipe(packed(car))
    this.#close('snapshot', id)
    await stored
    return event
  }

  /** The room's word about a blob or snapshot: nobody waits for the rest of it any more. */
  answered(frame: FrameOf<RoomFrame, 'blob-stored' | 'blob-refused' | 'snapshot-stored' | 'snapshot-refused'>): void {
    if (frame.t === 'snapshot-stored') this.#snapshot?.resolve()
    else if (frame.t === 'snapshot-refused') {
      this.#snapshot?.flow.stop()
      this.#snapshot?.reject(new SnapshotRefused(frame.error, frame.message))
    } else {
      const upload = this.#byCid.get(frame.cid)
      upload?.flow.stop()
      upload?.settle()
    }
  }

  credit(of: StreamOf, id: number, bytes: number): void {
    this.#flows.get(`${of} ${id}`)?.credit(bytes)
  }

  cancel(of: StreamOf, id: number, reason: string): void {
    this.#flows.get(`${of} ${id}`)?.stop()
    if (of === 'snapshot') this.#snapshot?.reject(new SnapshotRefused('Cancelled', reason))
  }

  stop(): void {
    this.#unsubscribe()
    for (const flow of this.#flows.values()) flow.stop()
    for (const upload of this.#byCid.values()) upload.settle()
    this.#snapshot?.reject(new SnapshotRefused('UplinkClosed', 'the connection closed'))
  }

  #open(of: 'blob' | 'snapshot'): { id: number; flow: Outflow } {
    const id = ++this.#lastId
    const flow = new Outflow(this.#send, of, id)
    this.#flows.set(`${of} ${id}`, flow)
    return { id, flow }
  }

  #close(of: 'blob' | 'snapshot', id: number): void {
    this.#flows.delete(`${of} ${id}`)
  }
}

export class SnapshotRefused extends Error {
  override readonly name = 'SnapshotRefused'
  readonly error: string

  constructor(error: string, message: string) {
    super(message)
    this.error = error
  }
}
