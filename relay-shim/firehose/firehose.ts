/**
 * The room's event stream: numbers events, keeps them for replay, and sends them to subscribers, each one exactly once and in order.
 * @see https://atproto.com/specs/event-stream
 */
import type { PodEvent } from '../../wire/event.ts'
import {
  FIREHOSE_TAIL_BYTES,
  FIREHOSE_TAIL_EVENTS,
  MAX_SUBSCRIBER_LAG_EVENTS,
  REPLAY_BATCH_EVENTS,
  STORAGE_BATCH_KEYS,
} from '../../wire/limits.ts'
import { main as subscribeRepos } from '../../lexicons/com/atproto/sync/subscribeRepos.ts'
import { concat } from '../../wire/bytes.ts'
import { type Rows, cut, eventKey, pieceKeys, seqOfKey } from '../mirror/keys.ts'
import type { RoomPort, RoomSocket } from '../port.ts'
import { errorFrame, eventFrame, infoFrame } from './frame.ts'

/** An event with its number: `rows` must be stored in the same write as what the event says, then it is broadcast. */
export interface NumberedEvent {
  readonly seq: number
  readonly frame: Uint8Array<ArrayBuffer>
  readonly rows: Rows
}

interface Subscriber {
  readonly socket: RoomSocket
  /** Has everything up to the newest event and is sent each new one as it comes; else a replay is on its way. */
  live: boolean
  /** Number of the last event sent. */
  sent: number
}

const SEQ = 'seq'
/** Number of the newest event that was pruned: a cursor before it has missed something. */
const PRUNED = 'pruned'
const EVENT_PREFIX = 'e:'
const CLOSE_POLICY = 1008
/** Pruning looks at storage once in so many events. */
const PRUNE_EVERY_EVENTS = 64

export class Firehose {
  readonly #port: RoomPort
  readonly #subscribers = new Map<string, Subscriber>()
  /** The newest frames, unbroken and in order. */
  readonly #tail: { seq: number; frame: Uint8Array<ArrayBuffer> }[] = []
  /** Every event after this one is in `#tail`. */
  #tailAfter: number
  #tailBytes = 0
  #last: number
  #pruned: number
  #appended = 0

  static async open(port: RoomPort): Promise<Firehose> {
    const rows = await port.storage.getMany<number>([SEQ, PRUNED])
    return new Firehose(port, rows.get(SEQ) ?? 0, rows.get(PRUNED) ?? 0)
  }

  private constructor(port: RoomPort, last: number, pruned: number) {
    this.#port = port
    this.#last = last
    this.#tailAfter = last
    this.#pruned = pruned
    // Sockets outlive a hibernating room; what its memory knew of them is in their state.
    for (const socket of port.sockets('subscriber')) {
      if (socket.state?.role !== 'subscriber') continue
      const subscriber = { socket, live: socket.state.cursor === null, sent: socket.state.sent }
      this.#subscribers.set(socket.id, subscriber)
      if (!subscriber.live) void this.#replay(subscriber)
    }
  }

  /** Never goes back, and needs no memory to do so: even a room that lost its storage goes on above every number it ever gave. */
  number(event: PodEvent): NumberedEvent {
    const nowMs = this.#port.now()
    const seq = Math.max(this.#last + 1, nowMs * 1000)
    this.#last = seq
    const frame = eventFrame(event, seq, new Date(nowMs).toISOString())
    return { seq, frame, rows: { ...cut(eventKey(seq), frame), [SEQ]: seq } }
  }

  /** Call it in the same turn in which the rows were handed to storage: the runtime holds messages back until the write is durable. */
  broadcast({ seq, frame }: NumberedEvent): void {
    this.#tail.push({ seq, frame })
    this.#tailBytes += frame.length
    while (this.#tail.length > FIREHOSE_TAIL_EVENTS || this.#tailBytes > FIREHOSE_TAIL_BYTES) {
      const oldest = this.#tail.shift()
      if (!oldest) break
      this.#tailAfter = oldest.seq
      this.#tailBytes -= oldest.frame.length
    }
    for (const subscriber of this.#subscribers.values()) if (subscriber.live) this.#send(subscriber, seq, frame)
    this.#appended += 1
    if (this.#appended % PRUNE_EVERY_EVENTS === 0) void this.#prune()
  }

  /** Takes a subscriber in. Resolves when it is live, or was sent away. */
  async connect(socket: RoomSocket, request: Request): Promise<void> {
    const cursor = readCursor(request)
    if (cursor === 'invalid') {
      this.#sendAway(socket, 'InvalidRequest', 'The cursor must be a whole number.')
      return
    }
    // Numbers are times: one of the past was given by this room before it lost its storage. Relays let go of a host that calls their cursor a future one.
    if (cursor !== null && cursor > Math.max(this.#last, this.#port.now() * 1000)) {
      this.#sendAway(socket, 'FutureCursor', 'Cursor in the future.')
      return
    }
    const subscriber = { socket, live: cursor === null, sent: cursor ?? this.#last }
    socket.setState({ role: 'subscriber', cursor, sent: subscriber.sent })
    this.#subscribers.set(socket.id, subscriber)
    if (cursor === null) return
    if (cursor > this.#last || (cursor > 0 && cursor < this.#pruned)) {
      socket.send(infoFrame('OutdatedCursor', 'Requested cursor exceeded limit. Possibly missing events'))
    }
    await this.#replay(subscriber)
  }

  /** Number of the first event kept after this one; null: it is the newest. */
  async firstAfter(seq: number): Promise<number | null> {
    if (seq >= this.#last) return null
    const rows = await this.#port.storage.list({ prefix: EVENT_PREFIX, startAfter: `${eventKey(Math.max(0, seq))}~`, limit: 1 })
    const [key] = rows.keys()
    return key === undefined ? null : seqOfKey(key)
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.size > 0
  }

  closed(socket: RoomSocket): void {
    this.#subscribers.delete(socket.id)
  }

  async #replay(subscriber: Subscriber): Promise<void> {
    const appendedBefore = this.#appended
    let replayed = 0
    while (this.#subscribers.get(subscriber.socket.id) === subscriber) {
      if (this.#cutOver(subscriber)) return
      const stored = this.#last
      const rows = await this.#port.storage.list<Uint8Array<ArrayBuffer> | number>({
        prefix: EVENT_PREFIX,
        startAfter: `${eventKey(subscriber.sent)}~`,
        limit: REPLAY_BATCH_EVENTS,
      })
      for (const { seq, frame } of wholeEvents(rows)) {
        if (!this.#send(subscriber, seq, frame)) return
        replayed += 1
      }
      // The list came to its end, so it held everything that was stored when it was asked for.
      if (rows.size < REPLAY_BATCH_EVENTS) subscriber.sent = Math.max(subscriber.sent, stored)
      subscriber.socket.setState({ role: 'subscriber', cursor: subscriber.sent, sent: subscriber.sent })
      if (this.#appended - appendedBefore - replayed > MAX_SUBSCRIBER_LAG_EVENTS) {
        this.#sendAway(subscriber.socket, 'ConsumerTooSlow', 'Stream consumer too slow')
      }
    }
  }

  /** Makes a replay live when memory holds everything it still lacks. No await: nothing can come between. */
  #cutOver(subscriber: Subscriber): boolean {
    if (subscriber.sent < this.#tailAfter) return false
    for (const { seq, frame } of this.#tail) {
      if (seq > subscriber.sent && !this.#send(subscriber, seq, frame)) return true
    }
    subscriber.live = true
    subscriber.socket.setState({ role: 'subscriber', cursor: null, sent: subscriber.sent })
    return true
  }

  /** False when the socket is gone. */
  #send(subscriber: Subscriber, seq: number, frame: Uint8Array<ArrayBuffer>): boolean {
    try {
      subscriber.socket.send(frame)
      subscriber.sent = seq
      return true
    } catch {
      this.#subscribers.delete(subscriber.socket.id)
      return false
    }
  }

  #sendAway(socket: RoomSocket, error: Parameters<typeof errorFrame>[0], message: string): void {
    this.#subscribers.delete(socket.id)
    socket.send(errorFrame(error, message))
    socket.close(CLOSE_POLICY, error)
  }

  /** A sequence number is a time in microseconds, so the oldest that may stay can be computed. */
  async #prune(): Promise<void> {
    const oldest = (this.#port.now() - this.#port.settings.firehoseRetentionMs) * 1000
    const rows = await this.#port.storage.list({ prefix: EVENT_PREFIX, end: eventKey(Math.max(0, oldest)), limit: STORAGE_BATCH_KEYS })
    const keys = [...rows.keys()]
    const newest = keys.at(-1)
    if (newest === undefined) return
    this.#pruned = Math.max(this.#pruned, seqOfKey(newest))
    const stored = this.#port.storage.put({ [PRUNED]: this.#pruned })
    await Promise.all([stored, this.#port.storage.delete(keys)])
  }
}

/** null: none. */
const readCursor = (request: Request): number | 'invalid' | null => {
  try {
    const cursor = subscribeRepos.parameters.fromURLSearchParams(new URL(request.url).searchParams).cursor ?? null
    return cursor !== null && (cursor < 0 || !Number.isSafeInteger(cursor)) ? 'invalid' : cursor
  } catch {
    return 'invalid'
  }
}

/** Puts cut events together; one whose pieces did not all fit into the batch is left for the next. */
function* wholeEvents(
  rows: ReadonlyMap<string, Uint8Array<ArrayBuffer> | number>,
): Generator<{ seq: number; frame: Uint8Array<ArrayBuffer> }> {
  for (const [key, row] of rows) {
    if (typeof row !== 'number') {
      if (!key.includes('/')) yield { seq: seqOfKey(key), frame: row }
      continue
    }
    const pieces = pieceKeys(key, row)
      .slice(1)
      .flatMap((each) => rows.get(each) ?? [])
      .filter((piece) => typeof piece !== 'number')
    if (pieces.length < row) return
    yield { seq: seqOfKey(key), frame: concat(pieces) }
  }
}
