/** The pod's events on their way to the room: in order, each after the blobs it mentions, first from the log and then as they land. */
import { BadFrame } from '../../wire/codec.ts'
import { CHUNK_BYTES, HOLD_RETRY_MS, OUTBOX_BATCH_EVENTS, OUTBOX_WINDOW_BYTES } from '../../wire/limits.ts'
import type { EventRow } from '../store/schema.ts'
import type { SendFrame, UplinkPod } from './contract.ts'

/** What the room has already: commits and the rest are numbered alike but known by different signs (rev, event number). */
export interface OutboxStart {
  readonly commitsAfter: number
  readonly othersAfter: number
}

export interface BlobSender {
  /** Resolves when those that the room lacks were sent, or refused. `rev`: of a commit that has landed just now. */
  offer(cids: readonly string[], rev?: string): Promise<void>
}

export class Outbox {
  readonly #pod: UplinkPod
  readonly #send: SendFrame
  readonly #blobs: BlobSender
  readonly #landed: EventRow[] = []
  readonly #unsubscribe: () => void
  #start: OutboxStart = { commitsAfter: 0, othersAfter: 0 }
  #seen = 0
  /** The newest event that went out on this connection. */
  #sent = 0
  #live = false
  #stopped = false
  /** Set while an event waits for its blobs. */
  #busy: Promise<void> | undefined
  readonly #unaccepted = new Map<number, number>()
  #unacceptedBytes = 0
  #windowBytes = OUTBOX_WINDOW_BYTES
  /** Runs while the room takes nothing. */
  #hold: ReturnType<typeof setTimeout> | undefined
  #wake: (() => void) | undefined

  /** Listens at once: what lands while the log is read must not be missed. */
  constructor(pod: UplinkPod, send: SendFrame, blobs: BlobSender) {
    this.#pod = pod
    this.#send = send
    this.#blobs = blobs
    this.#unsubscribe = pod.repo.onEvent((row) => {
      if (this.#hold === undefined) this.#landed.push(row)
      if (this.#live) this.#drain()
    })
  }

  /** Sends what the room lacks; when it resolves, all of it is sent and every later landing goes out by itself, synchronously. */
  async catchUp(start: OutboxStart): Promise<void> {
    this.#start = start
    this.#seen = Math.min(start.commitsAfter, start.othersAfter)
    for (;;) {
      const rows = await this.#pod.repo.eventsAfter(this.#seen, OUTBOX_BATCH_EVENTS)
      if (rows.length === 0) break
      for (const row of rows) {
        while (this.#unacceptedBytes > this.#windowBytes && !this.#isPaused) await this.#progress()
        const first = this.#isPaused ? undefined : this.#before(row)
        if (first) await first
        if (this.#isPaused) return
        this.#sendEvent(row)
      }
    }
    if (this.#isPaused) return
    this.#live = true
    this.#drain()
    await this.settled()
  }

  /** The room takes nothing for now. What it did not accept, and all that lands meanwhile, waits in the log; a minute later the first of it tries again. */
  hold(): void {
    if (this.#isPaused) return
    this.#live = false
    this.#landed.length = 0
    this.#unaccepted.clear()
    this.#unacceptedBytes = this.#windowBytes = 0
    this.#hold = setTimeout(() => {
      this.#hold = undefined
      this.catchUp(this.#start).catch(() => this.hold())
    }, HOLD_RETRY_MS)
    this.#wake?.()
  }

  get #isPaused(): boolean {
    return this.#stopped || this.#hold !== undefined
  }

  /** undefined (the usual case, so that no await is spent) when everything landed so far is sent. */
  settled(): Promise<void> | undefined {
    return this.#busy && this.#busy.then(() => this.settled())
  }

  /** As they are now. */
  async sendDocuments(): Promise<void> {
    const documents = await this.#pod.documents()
    this.#send({ t: 'documents', handle: this.#pod.identity.handle, documents: { ...documents } })
  }

  /** The room has this event and all before it. @throws BadFrame when it was never sent: what counts as safe may be forgotten here */
  accepted(event: number): void {
    if (event > Math.max(this.#seen, this.#sent)) throw new BadFrame(`event ${event} was never sent`)
    this.#windowBytes = OUTBOX_WINDOW_BYTES
    this.#start = { commitsAfter: Math.max(event, this.#start.commitsAfter), othersAfter: Math.max(event, this.#start.othersAfter) }
    for (const [number, size] of this.#unaccepted) {
      if (number > event) break
      this.#unaccepted.delete(number)
      this.#unacceptedBytes -= size
    }
    this.#wake?.()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#hold)
    this.#unsubscribe()
    this.#wake?.()
  }

  #drain(): void {
    while (!this.#busy && !this.#stopped) {
      const row = this.#landed[0]
      if (!row) return
      const first = row.event > this.#seen ? this.#before(row) : undefined
      if (first) {
        this.#busy = first.then(() => {
          this.#busy = undefined
          this.#sendEvent(row)
          this.#drain()
        })
        return
      }
      this.#landed.shift()
      this.#sendEvent(row)
    }
  }

  /** What must reach the room before this event does, or undefined. Never rejects: an event goes out even when a blob could not. */
  #before(row: EventRow): Promise<void> | undefined {
    if (!this.#isDue(row)) return undefined
    const { blobs } = row
    if (blobs && blobs.length > 0) return this.#blobs.offer(blobs, this.#live ? row.rev : undefined).catch(() => {})
    // Also while catching up: the change may have come after `hello`, which brought the documents as they were then.
    return row.kind === 'identity' ? this.sendDocuments() : undefined
  }

  #isDue(row: EventRow): boolean {
    const isOfRepo = row.kind === 'commit' || row.kind === 'sync'
    return row.event > (isOfRepo ? this.#start.commitsAfter : this.#start.othersAfter)
  }

  #sendEvent(row: EventRow): void {
    if (this.#stopped || row.event <= this.#seen) return
    this.#seen = row.event
    if (!this.#isDue(row)) return
    const { event, body } = row
    this.#unaccepted.set(event, body.length)
    this.#unacceptedBytes += body.length
    this.repeat(row)
  }

  /** Sends an event that the room may have had already. */
  repeat({ event, body }: EventRow): void {
    this.#sent = Math.max(this.#sent, event)
    this.#send({ t: 'event', event, size: body.length }, body.subarray(0, CHUNK_BYTES))
    for (let at = CHUNK_BYTES; at < body.length; at += CHUNK_BYTES) {
      this.#send({ t: 'event-part', event }, body.subarray(at, at + CHUNK_BYTES))
    }
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
