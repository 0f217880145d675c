/** The admitted tab's connection: takes its frames apart and hands each to whom it belongs. It ends with its socket. */
import { BadFrame, encodeFrame } from '../wire/codec.ts'
import type { FrameOf, MirrorHead, RoomFrame, TabFrame } from '../wire/frames.ts'
import {
  MAX_SEEN_PER_SECOND,
  MAX_UNCHECKED_BYTES,
  MAX_UNSAID_ACCEPTED,
  MAX_UPLOADS,
  UNCHECKED_STEP_BYTES,
  UPLOAD_IDLE_MS,
} from '../wire/limits.ts'
import type { Egress } from './egress.ts'
import type { ClosedTab } from './fedcm/closed-tab.ts'
import { Fetches } from './fetches.ts'
import { overQuota, type Quotas } from './hosting/quotas.ts'
import type { Lane } from './lane.ts'
import type { Mailer } from './mail/mailer.ts'
import { BlockPull } from './mirror/block-pull.ts'
import type { Mirror } from './mirror/mirror.ts'
import type { RoomSocket } from './port.ts'
import { Refused, saidOf } from './refused.ts'
import { Inflow } from './streams.ts'
import type { SendFrame, Tunnel } from './tunnel.ts'

export interface UplinkParts {
  readonly tunnel: Tunnel
  readonly mirror: Mirror
  readonly egress: Egress
  readonly mailer: Mailer
  readonly closedTab: ClosedTab
  /** Shared by all uplinks of a room, so that what an older one sent is done before a newer one is welcomed. */
  readonly lane: Lane
  readonly quotas: Quotas
  readonly now: () => number
  readonly onReady: () => void
  /** The owner looks at the relays. */
  readonly showRelays: (crawl: boolean) => Promise<void>
  /** False for a pod without an account, or with one that does not live here yet: it has nothing to tell the world. */
  readonly isMirrored: () => boolean
  readonly release: () => Promise<void>
  readonly rename: (frame: FrameOf<TabFrame, 'documents'>) => Promise<void>
}

/** What ends up in the mirror or on the firehose. */
const PUBLIC: ReadonlySet<TabFrame['t']> = new Set(['event', 'event-part', 'blob', 'blobs', 'snapshot', 'repair'])

type UploadOf = 'blob' | 'snapshot' | 'repair'

export class Uplink {
  readonly socket: RoomSocket
  readonly #parts: UplinkParts
  readonly #uploads = new Map<string, Inflow>()
  readonly #fetches: Fetches
  #event: { readonly event: number; readonly bytes: Uint8Array; have: number } | null = null
  /** Of all that is in the lane. */
  #uncheckedBytes = 0
  /** The first event that a quota holds back; what comes behind it would not follow the mirror. */
  #heldFrom = Infinity
  /** Events that are in the lane. */
  #waiting = 0
  /** The newest event that was accepted and not told yet: one word for all that wait together. */
  #unsaid: { readonly event: number; readonly seq: number } | null = null
  #unsaidCount = 0
  #hasEnded = false
  #seenSecond = 0
  #seenCount = 0

  constructor(socket: RoomSocket, parts: UplinkParts) {
    this.socket = socket
    this.#parts = parts
    this.#fetches = new Fetches(parts.egress, this.send)
  }

  readonly send: SendFrame = (head, payload) => sendFrame(this.socket, head, payload)

  /** Frames of bodies go straight to their stream; what must keep its order goes through the lane. @throws BadFrame, Refused Overloaded */
  receive(head: TabFrame, payload: Uint8Array): void {
    const { tunnel, mirror, rename, release, isMirrored, onReady } = this.#parts
    if (PUBLIC.has(head.t) && !isMirrored()) throw new BadFrame(`${head.t} of a pod whose account does not live here yet`)
    switch (head.t) {
      case 'response':
        return this.#inLane(payload.length, tunnel.receive(head, payload))
      case 'body':
        if (head.of === 'response') return tunnel.body(head.id, payload, head.end)
        return this.#piece(head, payload)
      case 'credit':
        if (head.of === 'request') return tunnel.credit(head.id, head.bytes)
        return head.of === 'egress-response' ? this.#fetches.credit(head.id, head.bytes) : undefined
      case 'cancel':
        if (head.of === 'request' || head.of === 'response') return tunnel.cancelled(head)
        if (head.of === 'egress-request' || head.of === 'egress-response') return this.#fetches.cancel(head.id)
        return this.#uploads.get(`${head.of} ${head.id}`)?.fail(new Refused('Cancelled', 'The tab gave this upload up.'))
      case 'event':
        return this.#beginEvent(head, payload)
      case 'event-part':
        return this.#continueEvent(head.event, payload)
      case 'blob':
        return this.#storeBlob(head)
      case 'snapshot':
        return this.#replaceMirror(head, (upload) => mirror.storeSnapshot(head.head, upload, head.replaces))
      case 'repair':
        return this.#replaceMirror(head, (upload) => {
          const tab = new BlockPull(upload, (cids) => this.send({ t: 'want', id: head.id, cids: [...cids] }))
          return mirror.repair(head.head, tab, head.replaces)
        })
      case 'blobs':
        // Behind the events before it: one of them may take the last mention of a blob away.
        return this.#inLane(head.cids.length * 128, async () =>
          this.send({ t: 'blobs-wanted', id: head.id, cids: [...(await mirror.wantedBlobs(head.cids))] }),
        )
      case 'ready':
        return this.#inLane(0, () => {
          // Gone while what it had sent before was still being stored.
          if (this.#hasEnded) return
          this.socket.setState({ role: 'uplink', nonce: '', stage: 'ready' })
          tunnel.ready(this.send)
          onReady()
          if (isMirrored()) void this.#askForBlobs()
        })
      case 'release':
        return this.#inLane(0, release)
      case 'documents':
        return this.#inLane(JSON.stringify(head.documents).length, () => rename(head))
      case 'fedcm':
        return this.#inLane(head.accounts.length, () => this.#parts.closedTab.leave(head))
      case 'egress':
        return this.#fetches.open(head, payload)
      case 'mail':
        return this.#mail(head)
      case 'relays':
        void this.#parts.showRelays(head.crawl)
        return
      case 'hello':
        throw new BadFrame('hello is said once')
    }
  }

  /** For the owner's live strip: the mirror answered this. */
  saw(request: { readonly method: string; readonly path: string; readonly status: number }): void {
    const second = Math.floor(this.#parts.now() / 1000)
    if (second !== this.#seenSecond) [this.#seenSecond, this.#seenCount] = [second, 0]
    if ((this.#seenCount += 1) > MAX_SEEN_PER_SECOND) return
    this.send({ t: 'seen', method: request.method.slice(0, 16), path: request.path.slice(0, 2048), status: request.status })
  }

  /** A newer tab is about to take its place: what is whole is stored still, and nothing that is not holds the lane. */
  interrupt(): void {
    for (const upload of this.#uploads.values()) upload.fail(new Refused('Interrupted', 'The connection broke during this upload.'))
  }

  /** The socket is gone, or a newer tab took its place. */
  end(): void {
    this.#hasEnded = true
    this.#event = null
    this.interrupt()
    this.#fetches.end()
    this.#parts.tunnel.lost()
  }

  /** @throws Refused Overloaded: events and answers have no windows, so their sum has a limit. */
  #inLane(bytes: number, step: () => void | Promise<void>): void {
    const cost = bytes + UNCHECKED_STEP_BYTES
    if (this.#uncheckedBytes + cost > MAX_UNCHECKED_BYTES)
      throw new Refused('Overloaded', 'The tab sends faster than the room can check what it sends.')
    this.#uncheckedBytes += cost
    const done = (): void => void (this.#uncheckedBytes -= cost)
    this.#parts.lane.enter(() => {
      const running = step()
      return running ? running.finally(done) : done()
    })
  }

  #beginEvent({ event, size }: FrameOf<TabFrame, 'event'>, payload: Uint8Array): void {
    if (this.#event) throw new BadFrame(`event ${event} began inside of event ${this.#event.event}`)
    // Nearly every event fits its frame: no copy then.
    if (payload.length === size) return this.#accept(event, payload)
    this.#event = { event, bytes: new Uint8Array(size), have: 0 }
    this.#continueEvent(event, payload)
  }

  #continueEvent(event: number, payload: Uint8Array): void {
    const begun = this.#event
    if (begun?.event !== event) throw new BadFrame(`a part of event ${event}, which was not begun`)
    if (begun.have + payload.length > begun.bytes.length) throw new BadFrame(`event ${event} is longer than announced`)
    begun.bytes.set(payload, begun.have)
    begun.have += payload.length
    if (begun.have < begun.bytes.length) return
    this.#event = null
    this.#accept(event, begun.bytes)
  }

  #accept(event: number, body: Uint8Array): void {
    this.#waiting += 1
    this.#inLane(body.length, async () => {
      try {
        await this.#assertQuota(event, body)
        const { seq } = await this.#parts.mirror.accept(event, body)
        this.#unsaid = { event, seq }
        this.#unsaidCount += 1
      } catch (cause) {
        this.#sayAccepted()
        this.send({ t: 'rejected', event, ...saidOf(cause) })
      }
      this.#waiting -= 1
      if (this.#waiting === 0 || this.#unsaidCount >= MAX_UNSAID_ACCEPTED) this.#sayAccepted()
    })
  }

  /** @throws Refused OverQuota: the tab keeps it, and sends it again later. */
  async #assertQuota(event: number, body: Uint8Array): Promise<void> {
    const held = event > this.#heldFrom ? overQuota() : await this.#parts.quotas.holds(body)
    this.#heldFrom = held ? Math.min(event, this.#heldFrom) : Infinity
    if (held) throw held
  }

  #sayAccepted(): void {
    if (this.#unsaid) this.send({ t: 'accepted', ...this.#unsaid })
    this.#unsaid = null
    this.#unsaidCount = 0
  }

  /** Outside of the lane, because a long upload must not hold answers back: the tab waits for `blob-stored` before it sends the commit. */
  #storeBlob({ id, cid, mime, size }: FrameOf<TabFrame, 'blob'>): void {
    if (this.#uploads.size >= MAX_UPLOADS)
      return this.send({ t: 'blob-refused', cid, error: 'TooManyUploads', message: `At most ${MAX_UPLOADS} uploads run at the same time.` })
    const { mirror, quotas } = this.#parts
    const upload = this.#openUpload('blob', id)
    quotas
      .assertRoom()
      .then(() => mirror.storeBlob({ cid, mime, size }, upload))
      .then(() => this.send({ t: 'blob-stored', cid }))
      .catch((cause: unknown) => this.send({ t: 'blob-refused', cid, ...saidOf(cause) }))
      .finally(() => this.#closeUpload('blob', id))
  }

  /** What an upload that broke off, or a snapshot, has left open. */
  async #askForBlobs(): Promise<void> {
    try {
      for await (const cids of this.#parts.mirror.lackingBlobs()) this.send({ t: 'blobs-wanted', cids: [...cids] })
    } catch (cause) {
      console.error('room: could not look for lacking blobs', cause)
    }
  }

  /** In the lane: the events behind it build on it. */
  #replaceMirror(
    { t, id }: { readonly t: 'snapshot' | 'repair'; readonly id: number },
    run: (upload: Inflow) => Promise<MirrorHead>,
  ): void {
    const upload = this.#openUpload(t, id)
    this.#inLane(0, async () => {
      try {
        // A repair changes little.
        if (t === 'snapshot') await this.#parts.quotas.assertRoom()
        this.send({ t: 'snapshot-stored', head: await run(upload) })
      } catch (cause) {
        this.send({ t: 'snapshot-refused', ...saidOf(cause) })
      } finally {
        this.#closeUpload(t, id)
      }
    })
  }

  #mail({ id, ...mail }: FrameOf<TabFrame, 'mail'>): void {
    this.#parts.mailer.send(mail).then(
      () => this.send({ t: 'mailed', id }),
      (cause: unknown) => this.send({ t: 'mailed', id, ...saidOf(cause) }),
    )
  }

  #openUpload(of: UploadOf, id: number): Inflow {
    const name = `${of} ${id}`
    if (this.#uploads.has(name)) throw new BadFrame(`${name} is already open`)
    if (this.#uploads.size > MAX_UPLOADS) throw new BadFrame('too many uploads are open')
    const inflow = new Inflow((bytes) => this.send({ t: 'credit', of, id, bytes }), UPLOAD_IDLE_MS)
    this.#uploads.set(name, inflow)
    return inflow
  }

  #closeUpload(of: UploadOf, id: number): void {
    this.#uploads.get(`${of} ${id}`)?.abandon()
    this.#uploads.delete(`${of} ${id}`)
  }

  #piece({ of, id, end }: FrameOf<TabFrame, 'body'>, payload: Uint8Array): void {
    if (of === 'request' || of === 'egress-response') throw new BadFrame(`a tab sends no body of a ${of}`)
    if (of === 'egress-request' && this.#fetches.body(id, payload, end)) return
    const upload = this.#uploads.get(`${of} ${id}`)
    if (upload) return upload.accept(payload, end)
    // Refused before it ended, or begun before this room slept: the tab must wait neither for credit nor for an answer.
    this.send({ t: 'cancel', of, id, reason: 'nobody reads this upload' })
  }
}

/** A socket that closed meanwhile is no error: what it was owed is void, and the next one starts afresh. */
export const sendFrame = (socket: RoomSocket, head: RoomFrame, payload?: Uint8Array): void => {
  try {
    socket.send(encodeFrame(head, payload))
  } catch {
    // closed
  }
}
