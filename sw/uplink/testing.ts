/** A scripted room on the other end of the pipe, and a small pod behind it, for the tests of this folder. Frames are the real ones. */
import { decodeMessage, encodeFrame } from '../../wire/codec.ts'
import { parseTabFrame, type FrameOf, type MirrorHead, type RoomFrame, type Standing, type TabFrame } from '../../wire/frames.ts'
import type { PipeFromWorker } from '../../wire/owner.ts'
import type { BlobView, HeldRepo, Imported } from '../repo/contract.ts'
import { Log } from '../operations/log.ts'
import type { EventRow, Head } from '../store/schema.ts'
import type { RequestContext, UplinkPod } from './contract.ts'
import { Egress } from './egress.ts'
import { Mail } from './mail.ts'
import { Session, type SessionOptions } from './session.ts'

export type Said = { readonly head: TabFrame; readonly payload: Uint8Array<ArrayBuffer> }

export class ScriptedRoom {
  readonly frames: Said[] = []
  readonly words: Exclude<PipeFromWorker, ArrayBuffer>[] = []
  readonly session: Session
  readonly egress = new Egress()
  readonly mail = new Mail()
  readonly #read = new Map<string, number>()

  constructor(pod: UplinkPod, options: Partial<SessionOptions> = {}) {
    this.session = new Session(pod, {
      pipe: { postMessage: (message) => this.#hear(message) },
      claim: undefined,
      egress: this.egress,
      mail: this.mail,
      log: new Log(),
      fetch: () => Promise.reject(new Error('nothing is fetched here')),
      accepted: () => {},
      known: () => {},
      rejoins: () => true,
      answered: () => {},
      seen: () => {},
      relays: () => {},
      ...options,
    })
  }

  say(head: RoomFrame, payload?: Uint8Array): void {
    this.session.receive(encodeFrame(head, payload).buffer)
  }

  request(id: number, rest: Partial<FrameOf<RoomFrame, 'request'>> = {}, payload?: Uint8Array): void {
    this.say({ t: 'request', id, key: `key-${id}`, method: 'GET', path: '/', headers: [], body: 'none', retry: false, ...rest }, payload)
  }

  /** Challenge to ready. */
  async join(mirror: MirrorHead | null = null, event = 0): Promise<void> {
    this.say({ t: 'challenge', host: 'pod.test', nonce: 'n', bound: false, policy: 'open' })
    await this.next('hello')
    this.say({ t: 'welcome', mirror, event, services: { appview: null, plc: null, mail: false } })
    await this.next('ready')
  }

  /** The next frame of this kind that was not asked for yet; waits for it. */
  async next<T extends TabFrame['t']>(t: T): Promise<{ head: FrameOf<TabFrame, T>; payload: Uint8Array<ArrayBuffer> }> {
    const seen = this.#read.get(t) ?? 0
    this.#read.set(t, seen + 1)
    return until(() => this.all(t)[seen])
  }

  all<T extends TabFrame['t']>(t: T): { head: FrameOf<TabFrame, T>; payload: Uint8Array<ArrayBuffer> }[] {
    // Narrowing by `t` is what FrameOf says; TypeScript cannot follow it into the pair.
    return this.frames.filter(({ head }) => head.t === t) as { head: FrameOf<TabFrame, T>; payload: Uint8Array<ArrayBuffer> }[]
  }

  kinds(): string[] {
    return this.frames.map(({ head }) => head.t)
  }

  #hear(message: PipeFromWorker): void {
    if (message instanceof ArrayBuffer) {
      for (const { head, payload } of decodeMessage(new Uint8Array(message), parseTabFrame))
        this.frames.push({ head, payload: payload as Uint8Array<ArrayBuffer> })
    } else this.words.push(message)
  }
}

export class SmallPod implements UplinkPod {
  readonly identity: UplinkPod['identity']
  readonly rows: EventRow[] = []
  readonly stored = new Map<string, BlobView>()
  readonly contexts: RequestContext[] = []
  suspended: string | null = null
  snapshot = new Uint8Array(0)
  acknowledgedEvent = 0
  adopted: Uint8Array | null = null
  oldest = 1
  /** Blocks that a repair has asked for. */
  readonly asked: string[] = []
  isHeld = true
  answer: (request: Request) => Response | Promise<Response> = () => Response.json({})
  readonly #listeners = new Set<(row: EventRow) => void>()

  readonly vault = {
    signingDidKey: 'did:key:zTest',
    signJoin: (message: Uint8Array) => Promise.resolve(new Uint8Array(message.slice(0, 64))),
    uplinkKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
  } as const

  expected: (cid: string) => void = () => {}

  readonly blobs = {
    onExpected: (listener: (cid: string) => void) => {
      this.expected = listener
      return () => true
    },
    get: (cid: string) => Promise.resolve(this.stored.get(cid) ?? null),
    list: () => Promise.resolve({ cids: [...this.stored.keys()] }),
    upload: () => Promise.reject(new Error('this pod stores no uploads')),
  }

  readonly repo = {
    head: (): Head => headOf(this.rows.findLast((row) => row.kind === 'commit')),
    car: () => new Blob([this.snapshot]).stream(),
    eventsAfter: (event: number, limit: number) => Promise.resolve(this.rows.filter((row) => row.event > event).slice(0, limit)),
    oldestEvent: () => Promise.resolve(this.oldest),
    imported: (): Imported | undefined => undefined,
    adoptAll: async (car: ReadableStream<Uint8Array>, event: number) =>
      this.repo.adopt(new Uint8Array(await new Response(car as BodyInit).arrayBuffer()), event),
    hold: (): HeldRepo => ({
      head: this.repo.head(),
      sections: (cids) => {
        this.asked.push(...cids)
        return Promise.resolve(new TextEncoder().encode(cids.join('')))
      },
      letGo: () => void (this.isHeld = false),
    }),
    eventOfRev: (rev: string) => Promise.resolve(this.rows.find((row) => row.rev === rev)),
    onEvent: (listener: (row: EventRow) => void) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    },
    acknowledge: (event: number) => {
      this.acknowledgedEvent = event
      return Promise.resolve()
    },
    acknowledged: () => Promise.resolve(this.acknowledgedEvent),
    adopt: (car: Uint8Array, event: number) => {
      this.adopted = car
      this.rows.push({ event, kind: 'commit', at: 0, rev: revOf(event), body: car.slice() })
      return Promise.resolve()
    },
    suspend: (error: { error: string } | null) => {
      this.suspended = error?.error ?? null
    },
  }

  constructor(standing: Standing = 'active') {
    this.identity = { did: 'did:web:pod.test', handle: 'pod.test', origin: 'https://pod.test', standing }
  }

  documents(): Record<string, string> {
    return { '/.well-known/did.json': '{}' }
  }

  async handle(request: Request, context: RequestContext): Promise<Response> {
    this.contexts.push(context)
    return this.answer(request)
  }

  /** Lands an event, as a write does: synchronously, listeners included. */
  land(row: Partial<EventRow> = {}): EventRow {
    const event = (this.rows.at(-1)?.event ?? 0) + 1
    const landed: EventRow = { event, kind: 'commit', at: 0, rev: revOf(event), body: new Uint8Array([event]), ...row }
    this.rows.push(landed)
    for (const listener of this.#listeners) listener(landed)
    return landed
  }

  /** @param rev of the commit that is the first to mention it */
  store(cid: string, size: number, rev?: string): void {
    this.stored.set(cid, { cid, mime: 'image/png', size, bytes: new Blob([new Uint8Array(size)]), ...(rev !== undefined && { rev }) })
  }
}

export const revOf = (event: number): string => `rev${String(event).padStart(4, '0')}`

/** What a mirror says that has everything up to event number `event`. */
export const mirrorAt = (event: number): MirrorHead => ({ rev: revOf(event), commit: `commit-${revOf(event)}`, data: 'data' })

const headOf = (row: EventRow | undefined): Head => ({
  commit: `commit-${row?.rev ?? ''}`,
  rev: row?.rev ?? '',
  data: 'data',
  event: row?.event ?? 0,
})

/** Polls in macrotasks; fails after a second. */
export const until = async <T>(probe: () => T | undefined | false): Promise<T> => {
  for (const deadline = Date.now() + 1000; Date.now() < deadline;) {
    const value = probe()
    if (value) return value
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error('it did not happen within a second')
}

/** Long enough for everything that would happen to have happened. */
export const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))
