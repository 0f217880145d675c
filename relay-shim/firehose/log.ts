/**
 * What was said, kept for subscribers that come back: for the retention time, unless the size budget is spent before. Bytes are counted with each write, so
 * a room that lost its memory knows them.
 * @see docs/storage.md, "The room"
 */
import type { PodEvent } from '../../wire/event.ts'
import { concat } from '../../wire/bytes.ts'
import { EVENT_ROWS, FIREHOSE_PRUNE_SHARE, REPLAY_ROWS } from '../../wire/firehose-limits.ts'
import { STORAGE_BATCH_KEYS } from '../../wire/limits.ts'
import { cut, eventKey, pieceKeys, type Rows, seqOfKey } from '../mirror/keys.ts'
import type { RoomPort } from '../port.ts'
import { eventFrame } from './frame.ts'

export interface StoredEvent {
  readonly seq: number
  readonly frame: Uint8Array<ArrayBuffer>
}

/** An event with its number: `rows` must be stored in the turn in which it was numbered, together with what the event says; then it is broadcast. */
export interface NumberedEvent extends StoredEvent {
  readonly rows: Rows
}

type EventRow = Uint8Array<ArrayBuffer> | number

/** `[number of the newest event, bytes of all events kept]`; one row, because rows cost. */
const SEQ = 'seq'
const PRUNED = 'pruned'
const EVENT_PREFIX = 'e:'
/** Pruning looks at storage once in so many events. */
const PRUNE_EVERY_EVENTS = 64

export class EventLog {
  readonly #port: RoomPort
  #last: number
  /** Of all rows of events. */
  #bytes: number
  #pruned: number
  #numbered = 0
  #pruning = false
  #isPruneDue = false
  /** One reading at a time: each may be large. Those that ask for the same share it. */
  #turn: Promise<unknown> = Promise.resolve()
  readonly #readings = new Map<string, Promise<readonly StoredEvent[]>>()

  static async open(port: RoomPort): Promise<EventLog> {
    const rows = await port.storage.getMany<number | readonly number[]>([SEQ, PRUNED])
    // Rooms of version 0.1.0 stored a number alone.
    const [last = 0, bytes = 0] = [rows.get(SEQ) ?? []].flat()
    const [pruned = 0] = [rows.get(PRUNED) ?? []].flat()
    const log = new EventLog(port, { last, bytes, pruned })
    // Where nothing is written any more nothing else would look.
    void log.#prune()
    return log
  }

  private constructor(port: RoomPort, { last, bytes, pruned }: { readonly last: number; readonly bytes: number; readonly pruned: number }) {
    this.#port = port
    this.#last = last
    this.#bytes = bytes
    this.#pruned = pruned
  }

  /** Number of the newest event. */
  get last(): number {
    return this.#last
  }

  /** Number of the newest event that was pruned: a cursor before it has missed something. */
  get pruned(): number {
    return this.#pruned
  }

  /** Never goes back, and needs no memory to do so: even a room that lost its storage goes on above every number it ever gave. */
  number(event: PodEvent): NumberedEvent {
    const nowMs = this.#port.now()
    const seq = Math.max(this.#last + 1, nowMs * 1000)
    const frame = eventFrame(event, seq, new Date(nowMs).toISOString())
    this.#last = seq
    this.#bytes += frame.length
    return { seq, frame, rows: { ...cut(eventKey(seq), frame), [SEQ]: [seq, this.#bytes] } }
  }

  /** Called when the rows of a numbered event were handed to storage. */
  stored(): void {
    this.#numbered += 1
    if (this.#numbered % PRUNE_EVERY_EVENTS === 0 || this.#bytes > this.#port.settings.firehoseBudgetBytes) void this.#prune()
  }

  /** The first ones after `seq`, in order, as `rows` rows hold them; none: it is the last. */
  after(seq: number, rows = REPLAY_ROWS): Promise<readonly StoredEvent[]> {
    const limit = Math.max(EVENT_ROWS, Math.min(rows, REPLAY_ROWS))
    const key = `${seq}/${limit}`
    const shared = this.#readings.get(key)
    if (shared) return shared
    const reading = this.#turn.then(async () => {
      // From here on there may be more than those who asked before would get.
      this.#readings.delete(key)
      const found = await this.#port.storage.list<EventRow>({ prefix: EVENT_PREFIX, startAfter: `${eventKey(seq)}~`, limit })
      return [...wholeEvents(found)]
    })
    this.#readings.set(key, reading)
    this.#turn = reading.catch(() => {})
    return reading
  }

  /** Number of the first event kept after this one; null: it is the newest. */
  async firstAfter(seq: number): Promise<number | null> {
    if (seq >= this.#last) return null
    const rows = await this.#port.storage.list({ prefix: EVENT_PREFIX, startAfter: `${eventKey(Math.max(0, seq))}~`, limit: 1 })
    const [key] = rows.keys()
    return key === undefined ? null : seqOfKey(key)
  }

  async #prune(): Promise<void> {
    this.#isPruneDue = true
    if (this.#pruning) return
    this.#pruning = true
    try {
      while (this.#isPruneDue) {
        this.#isPruneDue = false
        const { firehoseBudgetBytes: budget } = this.#port.settings
        const aim = this.#bytes > budget ? budget * (1 - FIREHOSE_PRUNE_SHARE) : budget
        while (await this.#pruneSome(aim));
      }
    } catch (cause) {
      console.error('room: the firehose could not be pruned', cause)
    } finally {
      this.#pruning = false
    }
  }

  /** True when there may be more to prune. A sequence number is a time in microseconds, so the oldest that may stay can be computed. */
  async #pruneSome(aimBytes: number): Promise<boolean> {
    const oldest = eventKey(Math.max(0, (this.#port.now() - this.#port.settings.firehoseRetentionMs) * 1000))
    const isOver = this.#bytes > aimBytes
    const rows = await this.#port.storage.list<EventRow>({
      prefix: EVENT_PREFIX,
      limit: STORAGE_BATCH_KEYS,
      ...(!isOver && { end: oldest }),
    })
    const keys: string[] = []
    let bytes = this.#bytes
    for (const [key, row] of rows) {
      // Pieces go with the first row of their event, or with the next batch: nobody reads them without it.
      if (key >= oldest && bytes <= aimBytes) break
      keys.push(key)
      if (typeof row !== 'number') bytes -= row.length
    }
    const newest = keys.at(-1)
    if (newest === undefined) return false
    this.#bytes = Math.max(0, bytes)
    this.#pruned = Math.max(this.#pruned, seqOfKey(newest))
    const stored = this.#port.storage.put({ [PRUNED]: this.#pruned, [SEQ]: [this.#last, this.#bytes] })
    await Promise.all([stored, this.#port.storage.delete(keys)])
    return keys.length === STORAGE_BATCH_KEYS
  }
}

/** Puts cut events together; one whose pieces are not all among the rows is left for the next reading. */
function* wholeEvents(rows: ReadonlyMap<string, EventRow>): Generator<StoredEvent> {
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
