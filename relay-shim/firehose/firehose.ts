/**
 * The room's event stream: numbers events, keeps them for replay, and sends them to subscribers, each one exactly once and in order, and no faster than they read.
 * @see https://atproto.com/specs/event-stream
 */
import type { PodEvent } from '../../wire/event.ts'
import {
  EVENT_ROWS,
  MAX_SUBSCRIBERS,
  MAX_SUBSCRIBERS_PER_ADDRESS,
  REPLAY_ROWS,
  SUBSCRIBER_BUFFER_BYTES,
  SUBSCRIBER_RETRY_AFTER_S,
  SUBSCRIBER_STALL_MS,
  UNPROVEN_NOTED_BYTES,
} from '../../wire/firehose-limits.ts'
import { XrpcError } from '../../wire/errors.ts'
import { main as subscribeRepos } from '../../lexicons/com/atproto/sync/subscribeRepos.ts'
import type { RoomPort, RoomSocket } from '../port.ts'
import { clientAddress, UNKNOWN } from '../rate-limits/client-address.ts'
import { Backlog, type Holder } from './backlog.ts'
import { errorFrame, infoFrame, type StreamError } from './frame.ts'
import { EventLog, type NumberedEvent, type StoredEvent } from './log.ts'
import { Tail } from './tail.ts'

interface Subscriber extends Holder {
  /** Has everything up to the newest event and is sent each new one as it comes; else it is behind, and what it lacks is on its way. */
  live: boolean
  /** Number of the last event sent. */
  sent: number
  readonly address: string
  /** `unread` as the socket's state has it. */
  noted: number
}

const CLOSE_POLICY = 1008
const CLOSE_INTERNAL_ERROR = 1011
/** @see https://www.iana.org/assignments/websocket/websocket.xhtml */
const CLOSE_TRY_AGAIN_LATER = 1013

export class Firehose {
  readonly #port: RoomPort
  readonly #log: EventLog
  readonly #tail: Tail
  readonly #backlog = new Backlog()
  readonly #subscribers = new Map<string, Subscriber>()
  /** Those that were told why and have not closed yet: they may still hold memory. */
  readonly #leaving = new Map<string, Subscriber>()

  static async open(port: RoomPort): Promise<Firehose> {
    return new Firehose(port, await EventLog.open(port))
  }

  private constructor(port: RoomPort, log: EventLog) {
    this.#port = port
    this.#log = log
    this.#tail = new Tail(log.last)
    // Sockets outlive a hibernating room; what its memory knew of them is in their state.
    for (const socket of port.sockets('subscriber')) {
      const { state } = socket
      if (state?.role !== 'subscriber') continue
      const { cursor, address, unread } = state
      const subscriber = { socket, live: cursor === null, sent: cursor ?? log.last, address, unread, noted: unread }
      this.#add(subscriber)
      if (!subscriber.live) void this.#catchUp(subscriber)
    }
  }

  /** `rows` must be stored in this turn, in the same write as what the event says; then it is broadcast. */
  number(event: PodEvent): NumberedEvent {
    return this.#log.number(event)
  }

  /** Call it in the same turn in which the rows were handed to storage: the runtime holds messages back until the write is durable. */
  broadcast(event: NumberedEvent): void {
    this.#tail.push(event)
    this.#log.stored()
    for (const subscriber of this.#subscribers.values()) {
      if (!subscriber.live) continue
      if (this.#backlog.admits(subscriber, event.frame.length)) this.#send(subscriber, event)
      else void this.#fallBehind(subscriber)
    }
  }

  /** Judged before a socket is taken. @throws XrpcError TooManySubscribers */
  admit(request: Request): void {
    const sockets = [...this.#subscribers.values(), ...this.#leaving.values()]
    const address = this.#addressOf(request)
    if (sockets.length >= MAX_SUBSCRIBERS) throw tooMany(503, `This firehose has ${MAX_SUBSCRIBERS} subscribers already.`)
    if (address !== UNKNOWN && sockets.filter((each) => each.address === address).length >= MAX_SUBSCRIBERS_PER_ADDRESS)
      throw tooMany(429, `Your address has ${MAX_SUBSCRIBERS_PER_ADDRESS} subscriptions to this firehose already.`)
  }

  /** Takes a subscriber in. Resolves when it is live, or was sent away. */
  async connect(socket: RoomSocket, request: Request): Promise<void> {
    try {
      // Others may have come since the question at the door.
      this.admit(request)
    } catch (cause) {
      return sendAway(socket, 'TooManySubscribers', cause instanceof Error ? cause.message : '', CLOSE_TRY_AGAIN_LATER)
    }
    const cursor = readCursor(request)
    if (cursor === 'invalid') return sendAway(socket, 'InvalidRequest', 'The cursor must be a whole number.')
    // Numbers are times: one of the past was given by this room before it lost its storage. Relays let go of a host that calls their cursor a future one.
    if (cursor !== null && cursor > Math.max(this.#log.last, this.#port.now() * 1000))
      return sendAway(socket, 'FutureCursor', 'Cursor in the future.')
    const sent = cursor ?? this.#log.last
    const subscriber = { socket, live: cursor === null, sent, address: this.#addressOf(request), unread: 0, noted: 0 }
    this.#note(subscriber)
    this.#add(subscriber)
    if (subscriber.live) return
    if (sent > this.#log.last || (sent > 0 && sent < this.#log.pruned))
      socket.send(infoFrame('OutdatedCursor', 'Requested cursor exceeded limit. Possibly missing events'))
    // Memory may still have what storage no longer has.
    if (sent < this.#tail.after) subscriber.sent = Math.max(sent, this.#log.pruned)
    await this.#catchUp(subscriber)
  }

  /** Number of the first event kept after this one; null: it is the newest. */
  firstAfter(seq: number): Promise<number | null> {
    return this.#log.firstAfter(seq)
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.size > 0
  }

  closed({ id }: RoomSocket): void {
    const subscriber = this.#subscribers.get(id) ?? this.#leaving.get(id)
    if (subscriber) this.#backlog.remove(subscriber)
    this.#subscribers.delete(id)
    this.#leaving.delete(id)
  }

  async #fallBehind(subscriber: Subscriber): Promise<void> {
    subscriber.live = false
    this.#note(subscriber)
    await this.#catchUp(subscriber)
  }

  async #catchUp(subscriber: Subscriber): Promise<void> {
    try {
      await this.#sendMissing(subscriber)
    } catch (cause) {
      console.error('room: a subscriber could not be served', cause)
      this.closed(subscriber.socket)
      subscriber.socket.close(CLOSE_INTERNAL_ERROR, 'InternalServerError')
    }
  }

  /** Sends what the subscriber lacks, from storage and then from memory, as it reads; what is written meanwhile is among it. */
  async #sendMissing(subscriber: Subscriber): Promise<void> {
    let rows = EVENT_ROWS
    while (this.#isHere(subscriber)) {
      const { sent } = subscriber
      let refused: StoredEvent | null
      if (sent >= this.#tail.after) {
        // No await: nothing can come between the last of these and what is broadcast next.
        refused = this.#sendSome(subscriber, this.#tail.since(sent))
        subscriber.live = !refused
        this.#note(subscriber)
        if (subscriber.live) return
      } else {
        if (sent < this.#log.pruned) return this.#tooSlow(subscriber)
        const { last } = this.#log
        const events = await this.#log.after(sent, rows)
        if (!this.#isHere(subscriber)) return
        refused = this.#sendSome(subscriber, events)
        // There was nothing, so there is nothing up to what was the last when it was asked for.
        if (events.length === 0) subscriber.sent = Math.max(sent, last)
        this.#note(subscriber)
        rows = refused ? EVENT_ROWS : Math.min(rows * 2, REPLAY_ROWS)
      }
      if (refused && this.#isHere(subscriber)) await this.#untilRead(subscriber, refused.frame.length)
    }
  }

  /** Until there is room for much, so that storage is not read for every frame. Who has read nothing at all for long is sent away: it would keep the room awake for ever. */
  async #untilRead(subscriber: Subscriber, bytes: number): Promise<void> {
    // Where the runtime does not tell what was read, only a new connection with a cursor proves it.
    if (subscriber.socket.unread() === null) return this.#tooSlow(subscriber)
    const much = Math.max(bytes, SUBSCRIBER_BUFFER_BYTES / 2)
    let least = subscriber.unread
    let movedMs = this.#port.now()
    while (this.#isHere(subscriber)) {
      if (this.#backlog.admits(subscriber, much) || (subscriber.unread === 0 && this.#backlog.admits(subscriber, bytes))) return
      if (subscriber.unread < least || subscriber.unread === 0) {
        least = subscriber.unread
        movedMs = this.#port.now()
      } else if (this.#port.now() - movedMs > SUBSCRIBER_STALL_MS) return this.#tooSlow(subscriber)
      await this.#backlog.drained()
    }
  }

  /** Null when all of them were sent, else the first that was not. */
  #sendSome(subscriber: Subscriber, events: readonly StoredEvent[]): StoredEvent | null {
    for (const event of events) if (!this.#backlog.admits(subscriber, event.frame.length) || !this.#send(subscriber, event)) return event
    return null
  }

  /** False when the socket is gone. */
  #send(subscriber: Subscriber, { seq, frame }: StoredEvent): boolean {
    try {
      subscriber.socket.send(frame)
    } catch {
      this.closed(subscriber.socket)
      return false
    }
    subscriber.sent = seq
    this.#backlog.sent(subscriber, frame.length, subscriber.live ? this.#subscribers.size : 1)
    if (subscriber.unread - subscriber.noted > UNPROVEN_NOTED_BYTES && subscriber.socket.unread() === null) this.#note(subscriber)
    return true
  }

  /** What the room must know of the socket when it has lost its memory. */
  #note(subscriber: Subscriber): void {
    const { socket, live, sent, address, unread } = subscriber
    subscriber.noted = unread
    socket.setState({ role: 'subscriber', cursor: live ? null : sent, address, unread: Math.round(unread) })
  }

  #add(subscriber: Subscriber): void {
    this.#subscribers.set(subscriber.socket.id, subscriber)
    this.#backlog.add(subscriber)
  }

  #isHere(subscriber: Subscriber): boolean {
    return this.#subscribers.get(subscriber.socket.id) === subscriber
  }

  #tooSlow(subscriber: Subscriber): void {
    const { id } = subscriber.socket
    this.#subscribers.delete(id)
    this.#leaving.set(id, subscriber)
    sendAway(subscriber.socket, 'ConsumerTooSlow', 'Stream consumer too slow')
  }

  #addressOf({ headers }: Request): string {
    return clientAddress(headers, this.#port.settings.trustedProxy)
  }
}

/** null: none was given, so only what comes next is wanted. */
const readCursor = (request: Request): number | 'invalid' | null => {
  try {
    const cursor = subscribeRepos.parameters.fromURLSearchParams(new URL(request.url).searchParams).cursor ?? null
    return cursor !== null && (cursor < 0 || !Number.isSafeInteger(cursor)) ? 'invalid' : cursor
  } catch {
    return 'invalid'
  }
}

const sendAway = (socket: RoomSocket, error: StreamError, message: string, code = CLOSE_POLICY): void => {
  try {
    socket.send(errorFrame(error, message))
    socket.close(code, error)
  } catch {
    // gone already
  }
}

const tooMany = (status: number, message: string): XrpcError =>
  new XrpcError(status, 'TooManySubscribers', message, { headers: { 'retry-after': String(SUBSCRIBER_RETRY_AFTER_S) } })
