/**
 * A runtime on which no room can rely. What a room stores becomes durable a little later, and what it sends is held back until then (the output gate); between any two
 * frames it may be put to sleep (memory lost, sockets and their state kept), or crash: then all that was not durable is lost, together with the messages that depended on it.
 * @see https://developers.cloudflare.com/durable-objects/reference/in-memory-state/
 */
import type { RoomPort, RoomSocket, SocketState, StorageValue } from '../port.ts'
import { Room } from '../room.ts'
import { MemoryPort, MemoryStorage } from './memory-port.ts'

/** When the room loses its memory: right after this many frames, in whichever direction they went. */
export interface Eviction {
  readonly after: number
  readonly how: 'sleep' | 'crash'
}

export interface Client {
  /** Reaches the room in a later task, as on a wire. */
  send(bytes: Uint8Array<ArrayBuffer>): void
  close(): void
}

export interface Ears {
  onMessage(bytes: Uint8Array<ArrayBuffer>): void
  onClose(reason: string): void
}

/** One of these in a row without anything under way, and nothing is under way. */
const QUIET_TURNS = 6
/** Until a batch is durable: other handlers run meanwhile. */
const FLUSH_TURNS = 2

export class FragileRuntime {
  readonly rows = new Map<string, StorageValue>()
  /** Frames that came to the room or left it so far. */
  frames = 0
  readonly evicted = { sleep: 0, crash: 0 }
  readonly #evictions: Eviction[]
  readonly #nowMs: number
  readonly #wires = new Map<string, Wire>()
  readonly #inbox: Array<() => void> = []
  /** Requests and fetches under way: with one of them no runtime puts a room to sleep. */
  readonly #open = new Set<(cause: Error) => void>()
  #life: Life | null = null
  #room: Promise<Room> | null = null
  #standstill: Promise<unknown> | null = null
  #pumping = false
  #lastSocket = 0

  /** @param nowMs the clock stands still, so that storage is the same in the end whatever happened on the way */
  constructor(nowMs: number, evictions: readonly Eviction[]) {
    this.#nowMs = nowMs
    this.#evictions = [...evictions].sort((a, b) => a.after - b.after)
  }

  async connect(path: string, ears: Ears): Promise<Client> {
    const wire = new Wire(`socket-${(this.#lastSocket += 1)}`, ears)
    let room = await this.#awake()
    // It may have crashed in the turn in which it was opened.
    while (!this.#life) room = await this.#awake()
    const life = this.#life
    this.#wires.set(wire.id, wire)
    void room.onConnect(life.socket(wire), new Request(`https://pod.example${path}`))
    return {
      send: (bytes) => this.#arrive(() => this.#hear(wire, bytes)),
      close: () => this.#arrive(() => this.#gone(wire)),
    }
  }

  /** The whole answer. @throws when the room crashes meanwhile, as a broken connection does */
  async request(path: string, init?: RequestInit): Promise<{ readonly status: number; readonly body: Uint8Array }> {
    const room = await this.#awake()
    const life = this.#life
    return this.during(async () => {
      const response = await room.onRequest(new Request(`https://pod.example${path}`, init))
      await life?.storage.written()
      return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) }
    })
  }

  /** A request, or a fetch of the room's: as long as it lasts no runtime puts the room to sleep. @throws when the room crashes */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const { promise: cut, reject: fail } = Promise.withResolvers<never>()
    cut.catch(() => {})
    this.#open.add(fail)
    try {
      return await Promise.race([work(), cut])
    } finally {
      this.#open.delete(fail)
    }
  }

  /** Until nothing is under way any more. */
  async idle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await turn()
      if (underWay.crypto > 0 || (this.#life?.isBusy ?? false) || (this.#inbox.length > 0 && !this.#standstill)) quiet = -1
    }
  }

  #awake(): Promise<Room> {
    this.#room ??= this.#begin()
    return this.#standstill ? this.#standstill.then(() => this.#awake()) : this.#room
  }

  #begin(): Promise<Room> {
    this.#life = new Life(this.#nowMs, this.rows, this.#wires, (deliver) => {
      deliver()
      this.#count()
    })
    return Room.open(this.#life)
  }

  #arrive(deliver: () => void): void {
    this.#inbox.push(deliver)
    if (!this.#pumping) void this.#pump()
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#inbox.length > 0) {
      await turn()
      if (this.#standstill) await this.#standstill
      await this.#awake()
      this.#inbox.shift()?.()
    }
    this.#pumping = false
  }

  #hear(wire: Wire, bytes: Uint8Array): void {
    const life = this.#life
    if (!life || !this.#wires.has(wire.id) || wire.isClosed) return
    void this.#room?.then((room) => {
      if (life !== this.#life) return
      room.onMessage(life.socket(wire), bytes)
      this.#count()
    })
  }

  #gone(wire: Wire): void {
    if (!this.#wires.delete(wire.id)) return
    const life = this.#life
    void this.#room?.then((room) => {
      if (life && life === this.#life) room.onClose(life.socket(wire))
    })
    wire.hangUp('closed')
  }

  #count(): void {
    this.frames += 1
    const [next] = this.#evictions
    if (!next || this.frames < next.after) return
    this.#evictions.shift()
    if (next.how === 'crash') this.#crash()
    else this.#standstill ??= this.#sleep().finally(() => (this.#standstill = null))
  }

  #crash(): void {
    this.evicted.crash += 1
    this.#life?.end()
    this.#life = null
    for (const wire of this.#wires.values()) wire.hangUp('the room crashed')
    this.#wires.clear()
    for (const fail of this.#open) fail(new Error('the room crashed'))
    this.#room = null
  }

  /** What comes meanwhile waits. A room with something under way is not put to sleep. */
  async #sleep(): Promise<void> {
    await this.idle()
    if (this.#open.size > 0) return
    this.evicted.sleep += 1
    this.#life?.end()
    this.#room = this.#begin()
    await this.#room
  }
}

/** The client's end of a socket, which outlives the room's memory. */
class Wire {
  readonly id: string
  state: SocketState | null = null
  isClosed = false
  readonly #ears: Ears

  constructor(id: string, ears: Ears) {
    this.id = id
    this.#ears = ears
  }

  hear(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.isClosed) this.#ears.onMessage(bytes)
  }

  hangUp(reason: string): void {
    if (this.isClosed) return
    this.isClosed = true
    setImmediate(() => this.#ears.onClose(reason))
  }
}

/** The room's port from one loss of memory to the next. After it, nothing that the old room still does has any effect. */
class Life implements RoomPort {
  readonly host = 'pod.example'
  readonly origin = 'https://pod.example'
  readonly storage: GatedStorage
  readonly settings = new MemoryPort().settings
  readonly #nowMs: number
  readonly #wires: ReadonlyMap<string, Wire>
  readonly #out: (deliver: () => void) => void
  #isOver = false
  #sending: Promise<void> = Promise.resolve()
  #held = 0

  constructor(nowMs: number, rows: Map<string, StorageValue>, wires: ReadonlyMap<string, Wire>, out: (deliver: () => void) => void) {
    this.storage = new GatedStorage(rows)
    this.#nowMs = nowMs
    this.#wires = wires
    this.#out = out
  }

  get isBusy(): boolean {
    return this.#held > 0 || this.storage.isBusy
  }

  end(): void {
    this.#isOver = true
    this.storage.end()
  }

  now(): number {
    return this.#nowMs
  }

  connect(): never {
    throw new Error('no connections from here')
  }

  call(): never {
    throw new Error('no other rooms here')
  }

  *sockets(role: SocketState['role']): Iterable<RoomSocket> {
    for (const wire of this.#wires.values()) if (wire.state?.role === role) yield this.socket(wire)
  }

  socket(wire: Wire): RoomSocket {
    return {
      id: wire.id,
      get state() {
        return wire.state
      },
      setState: (state) => {
        if (!this.#isOver) wire.state = structuredClone(state)
      },
      send: (data) => {
        if (wire.isClosed) throw new Error('socket is closed')
        this.#send(() => wire.hear(data))
      },
      unread: () => 0,
      close: (_, reason) => this.#send(() => wire.hangUp(reason)),
    }
  }

  /** In order, and none before what was stored before it is durable. */
  #send(deliver: () => void): void {
    const written = this.storage.written()
    this.#held += 1
    this.#sending = this.#sending
      .then(() => written)
      .then(turn)
      .then(() => {
        this.#held -= 1
        if (!this.#isOver) this.#out(deliver)
      })
  }
}

class GatedStorage extends MemoryStorage {
  readonly #durable: Map<string, StorageValue>
  #flushed: Promise<void> = Promise.resolve()
  /** What is written in this turn lands together. */
  #batch: Array<() => void> | null = null
  #underWay = 0
  #isOver = false

  constructor(durable: Map<string, StorageValue>) {
    super()
    this.#durable = durable
    for (const [key, value] of durable) this.rows.set(key, value)
  }

  get isBusy(): boolean {
    return this.#underWay > 0
  }

  end(): void {
    this.#isOver = true
  }

  /** Resolves when all that was written so far is durable. */
  written(): Promise<void> {
    return this.#flushed
  }

  override get<T extends StorageValue>(key: string): Promise<T | undefined> {
    return this.#during(super.get<T>(key))
  }

  override getMany<T extends StorageValue>(keys: readonly string[]): Promise<Map<string, T>> {
    return this.#during(super.getMany<T>(keys))
  }

  override list<T extends StorageValue>(options: Parameters<MemoryStorage['list']>[0]): Promise<Map<string, T>> {
    return this.#during(super.list<T>(options))
  }

  override put(entries: Readonly<Record<string, StorageValue>>): Promise<void> {
    const kept = structuredClone(entries)
    return this.#write(super.put(entries), () => {
      for (const [key, value] of Object.entries(kept)) this.#durable.set(key, value)
    })
  }

  override delete(keys: readonly string[]): Promise<void> {
    return this.#write(super.delete(keys), () => {
      for (const key of keys) this.#durable.delete(key)
    })
  }

  #write(taken: Promise<void>, land: () => void): Promise<void> {
    // Refused, as too large a value is.
    taken.catch(() => {})
    if (this.#batch) this.#batch.push(land)
    else this.#begin(land)
    return this.#during(Promise.all([taken, this.#flushed]).then(() => {}))
  }

  #begin(first: () => void): void {
    const batch = [first]
    this.#batch = batch
    queueMicrotask(() => (this.#batch = null))
    this.#flushed = this.#during(
      this.#flushed.then(async () => {
        for (let n = 0; n < FLUSH_TURNS; n += 1) await turn()
        if (!this.#isOver) for (const land of batch) land()
      }),
    )
  }

  /** Of a room that is gone no call ever comes back. */
  async #during<T>(work: Promise<T>): Promise<T> {
    this.#underWay += 1
    try {
      const result = await work
      return this.#isOver ? await new Promise<never>(() => {}) : result
    } finally {
      this.#underWay -= 1
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Hashes and signatures take their time elsewhere: while one is under way, the room is at work. */
const underWay = { crypto: 0 }
for (const name of ['digest', 'verify', 'sign', 'importKey', 'exportKey', 'generateKey'] as const) {
  const real = crypto.subtle[name].bind(crypto.subtle) as (...args: unknown[]) => Promise<unknown>
  const counted = async (...args: unknown[]): Promise<unknown> => {
    underWay.crypto += 1
    try {
      return await real(...args)
    } finally {
      underWay.crypto -= 1
    }
  }
  Object.defineProperty(crypto.subtle, name, { value: counted, configurable: true })
}
