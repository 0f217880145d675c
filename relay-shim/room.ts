/** A room: everything behind one host name. Requests pass a visible list of handlers; sockets are either the tab's uplink or subscribers of the firehose. */
import { BadFrame, decodeMessage } from '../wire/codec.ts'
import type { CommitEvent } from '../wire/event.ts'
import { XrpcError } from '../wire/errors.ts'
import { parseTabFrame, type FrameOf, type TabFrame } from '../wire/frames.ts'
import { ASLEEP_RETRY_AFTER_S, REQUEST_DEADLINE_MS } from '../wire/limits.ts'
import { Admission, admitHandle, type Ground, mirrors, restoredElsewhere } from './admission.ts'
import { allowOrigins, ANSWERED_BY, errorToResponse, forPeople, isPodPath, notFound, preflight } from './answer.ts'
import { type Condition, conditionAnswer } from './condition.ts'
import { Egress } from './egress.ts'
import { ClosedTab } from './fedcm/closed-tab.ts'
import { FirstBound } from './fedcm/first-bound.ts'
import { nameCheckOf } from './egress-names.ts'
import { Firehose } from './firehose/firehose.ts'
import { Quotas } from './hosting/quotas.ts'
import { CLOSE_REPLACED, CLOSE_SILENT, closeUplink, Joining, refuse } from './joining.ts'
import { Lane } from './lane.ts'
import { Mailer } from './mail/mailer.ts'
import { Mirror } from './mirror/mirror.ts'
import { Oversight } from './operator/oversight.ts'
import { type Told, TOLD_KEY } from './operator/reports.ts'
import type { RoomPort, RoomSocket } from './port.ts'
import { RateLimits, type Visit } from './rate-limits/rate-limits.ts'
import { Refused } from './refused.ts'
import { Relays } from './relays/relays.ts'
import { readAway } from './request-body.ts'
import { Tunnel } from './tunnel.ts'
import { sendFrame, Uplink } from './uplink.ts'

export const SUBSCRIBE_PATH = '/xrpc/com.atproto.sync.subscribeRepos'
/** Where the front door asks whether another subscriber is taken: 204, or what to answer it. */
export const MAY_SUBSCRIBE_PATH = '/xrpc/_tabpod/may-subscribe'
/** Storage key of `#heardAt`. */
const SEEN_KEY = 'seen'

type AnsweredBy = 'tab' | 'mirror' | 'room'
/** Null: not mine. */
type Answer = Response | null
interface Handler {
  readonly by: AnsweredBy
  readonly answer: (request: Request, url: URL, visit: Visit) => Answer | Promise<Answer>
}

interface RoomParts {
  readonly admission: Admission
  readonly mirror: Mirror
  readonly firehose: Firehose
  readonly limits: RateLimits
  readonly quotas: Quotas
}

export class Room {
  readonly #port: RoomPort
  readonly #parts: RoomParts
  readonly #tunnel: Tunnel
  readonly #egress: Egress
  readonly #mailer: Mailer
  readonly #closedTab: ClosedTab
  readonly #firstBound: FirstBound
  readonly #relays: Relays
  readonly #oversight: Oversight
  readonly #lane = new Lane()
  readonly #joining: Joining
  readonly #awakeSince: number
  #uplink: Uplink | null = null
  /** When the admitted tab said anything last, in ms since 1970; stored when it comes and when it goes. */
  #heardAt: number

  readonly #handlers: readonly Handler[] = [
    { by: 'room', answer: (request, { pathname }) => this.#oversight.obey(request, pathname) },
    { by: 'room', answer: (request, { pathname }) => preflight(request, pathname) },
    { by: 'room', answer: (request, { pathname }) => conditionAnswer(request, pathname, () => this.#condition()) },
    { by: 'room', answer: (_request, _url, visit) => visit.admit() },
    { by: 'room', answer: () => this.#parts.quotas.admitRequest() },
    { by: 'room', answer: (request, { pathname }) => (isPodPath(pathname) ? null : notFound(request)) },
    { by: 'room', answer: (request, { pathname }) => (pathname === MAY_SUBSCRIBE_PATH ? this.#maySubscribe(request) : null) },
    { by: 'mirror', answer: (request, url) => this.#mirrored(request, url) },
    { by: 'room', answer: () => this.#nobodyHome() },
    { by: 'room', answer: (request, url) => this.#inPlaceOfTab(request, url) },
    { by: 'room', answer: (_request, { pathname }) => this.#parts.quotas.admitWrite(pathname) },
    { by: 'tab', answer: (request, url) => this.#forwarded(request, url) },
  ]

  private constructor(port: RoomPort, parts: RoomParts, { seenAt, told }: { readonly seenAt: number; readonly told: Told | null }) {
    this.#port = port
    this.#parts = parts
    this.#heardAt = seenAt
    this.#awakeSince = port.now()
    this.#tunnel = new Tunnel(
      () => port.now(),
      () => this.#dropSilent(),
    )
    this.#egress = new Egress({ allowLoopback: port.settings.allowLoopbackEgress, names: nameCheckOf(port.settings) })
    this.#mailer = new Mailer(port)
    this.#closedTab = new ClosedTab(port)
    this.#firstBound = new FirstBound(port)
    this.#relays = new Relays(port, {
      firstEventAfter: (seq) => parts.firehose.firstAfter(seq),
      seen: (relays) => this.#uplink?.send({ t: 'relays', relays }),
    })
    const { admission, mirror, quotas } = parts
    this.#joining = new Joining(port, admission)
    this.#oversight = new Oversight(
      {
        port,
        admission,
        mirror,
        quotas,
        lane: this.#lane,
        isOnline: () => this.#tunnel.online,
        seenAt: () => this.#heardAt,
        sendAway: (cause) => {
          if (this.#uplink) this.#hangUp(this.#uplink.socket, cause)
        },
        clear: () => this.#clear(),
      },
      told,
    )
    this.#resume()
    this.#oversight.reports.woke({ isBound: admission.binding !== null, online: this.#tunnel.online })
  }

  /** Runs again after each hibernation: all that matters is in storage or with the sockets. */
  static async open(port: RoomPort): Promise<Room> {
    const firehose = await Firehose.open(port)
    let room: Room | null = null
    const [mirror, admission, limits, quotas, rows] = await Promise.all([
      Mirror.open(port, firehose, (commit) => {
        if (room) room.#wentOut(commit)
      }),
      Admission.open(port),
      RateLimits.open(port),
      Quotas.open(port),
      port.storage.getMany<number | Told>([SEEN_KEY, TOLD_KEY]),
    ])
    // Each is what was stored under its key.
    const remembered = { seenAt: (rows.get(SEEN_KEY) as number | undefined) ?? 0, told: (rows.get(TOLD_KEY) as Told | undefined) ?? null }
    room = new Room(port, { admission, mirror, firehose, limits, quotas }, remembered)
    return room
  }

  /** `request.url` carries the public path and query; the host in it is not looked at. */
  async onRequest(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const visit = this.#parts.limits.visit(request, url.pathname)
    let by: AnsweredBy = 'room'
    let response: Response | null = null
    try {
      for (const handler of this.#handlers) {
        const answer = handler.answer(request, url, visit)
        response = answer instanceof Promise ? await answer : answer
        by = handler.by
        if (response) break
      }
    } catch (cause) {
      by = 'room'
      response = errorToResponse(cause)
    }
    response ??= notFound(request)
    if (by === 'room') await readAway(request)
    if (!response.headers.has(ANSWERED_BY)) response.headers.set(ANSWERED_BY, by)
    response = await forPeople(request, url.pathname, response)
    visit.settle(response)
    allowOrigins(response, url.pathname)
    return response
  }

  async onConnect(socket: RoomSocket, request: Request): Promise<void> {
    if (new URL(request.url).pathname === SUBSCRIBE_PATH) {
      // Not awaited: PartyServer answers the upgrade when this is done, and a replay waits for its reader.
      void this.#parts.firehose.connect(socket, request)
      return
    }
    this.#joining.begin(socket)
  }

  onMessage(socket: RoomSocket, bytes: Uint8Array): void {
    if (socket.state?.role !== 'uplink') return
    try {
      for (const { head, payload } of decodeMessage(bytes, parseTabFrame)) {
        if (socket.id === this.#uplink?.socket.id) {
          this.#heardAt = this.#port.now()
          this.#uplink.receive(head, payload)
        } else if (head.t === 'hello') void this.#greet(socket, head)
        else if (socket.state.stage === 'challenged') throw new BadFrame('the first frame of a tab must be hello')
        // Otherwise it was replaced, or its hello is being checked: what it says does not count.
      }
    } catch (cause) {
      this.#hangUp(socket, cause instanceof BadFrame ? new Refused('BadFrame', `This frame breaks the protocol: ${cause.message}.`) : cause)
    }
  }

  onClose(socket: RoomSocket): void {
    if (socket.state?.role === 'subscriber') return this.#parts.firehose.closed(socket)
    this.#joining.ended(socket)
    if (socket.id !== this.#uplink?.socket.id) return
    this.#partFrom(this.#uplink)
  }

  #condition(): Condition {
    return {
      port: this.#port,
      binding: this.#parts.admission.binding,
      online: this.#tunnel.online,
      rev: this.#parts.mirror.head()?.rev ?? null,
      awakeSince: this.#awakeSince,
    }
  }

  /** @throws XrpcError TooManySubscribers */
  #maySubscribe(request: Request): Response {
    this.#parts.firehose.admit(request)
    return new Response(null, { status: 204 })
  }

  async #mirrored(request: Request, url: URL): Promise<Answer> {
    const response = await this.#parts.mirror.answer(request, { online: this.#tunnel.online, seenAt: this.#heardAt })
    if (response) this.#uplink?.saw({ method: request.method, path: url.pathname + url.search, status: response.status })
    return response
  }

  async #forwarded(request: Request, url: URL): Promise<Response> {
    return this.#parts.mirror.keepPassing(request, url, await this.#tunnel.forward(request, url.pathname + url.search))
  }

  #inPlaceOfTab(request: Request, url: URL): Answer | Promise<Answer> {
    if (this.#tunnel.online) return null
    return this.#closedTab.answer(request, url.pathname, this.#tunnel.reachable ? (again) => this.#forwarded(again, url) : null)
  }

  /** An address without a pod; of one whose tab is closed `tunnel` says when to come back. */
  #nobodyHome(): Answer {
    if (this.#tunnel.reachable || this.#parts.admission.binding) return null
    throw new XrpcError(503, 'NoPodHere', 'No pod lives at this address yet.', { headers: { 'retry-after': String(ASLEEP_RETRY_AFTER_S) } })
  }

  /** After a hibernation. */
  #resume(): void {
    const socket = this.#joining.resumed()
    if (!socket) return
    this.#uplink = this.#uplinkOf(socket)
    this.#heardAt = this.#port.now()
    if (socket.state?.role === 'uplink' && socket.state.stage === 'ready') this.#tunnel.ready(this.#uplink.send)
  }

  async #greet(socket: RoomSocket, hello: FrameOf<TabFrame, 'hello'>): Promise<void> {
    const nonce = this.#joining.takeNonce(socket)
    if (nonce === null) return
    try {
      await this.#parts.admission.verify(hello, nonce)
      await this.#parts.admission.identify(hello, this.#ground(nonce))
      await this.#parts.admission.judge(hello, this.#ground(nonce))
      // Nothing that the older tab does not finish keeps out whoever may have the room.
      this.#uplink?.interrupt()
      this.#lane.enter(() => this.#admit(socket, hello, nonce))
    } catch (cause) {
      this.#hangUp(socket, cause)
    }
  }

  /** In the lane: two claimers take turns, and all that the older tab sent is stored before the newer one hears where the mirror stands. */
  async #admit(socket: RoomSocket, hello: FrameOf<TabFrame, 'hello'>, nonce: string): Promise<void> {
    const { admission, mirror } = this.#parts
    const before = admission.binding
    try {
      const binding = await admission.judge(hello, this.#ground(nonce))
      const { did, handle, signingKey, documents } = hello
      await mirror.bind({ did, handle, signingKey, documents })
      await admission.bind(binding)
    } catch (cause) {
      return this.#hangUp(socket, cause)
    }
    this.#firstBound.bound()
    if (!this.#joining.isWaiting(socket)) return
    const older = this.#uplink
    this.#uplink = this.#uplinkOf(socket)
    this.#heardAt = this.#port.now()
    void this.#port.storage.put({ [SEEN_KEY]: this.#heardAt })
    if (older) {
      older.end()
      const isSamePod = before?.uplinkKey === admission.binding?.uplinkKey
      refuse(
        older.socket,
        isSamePod ? new Refused('Replaced', 'A newer tab of this pod has taken over.') : restoredElsewhere(),
        CLOSE_REPLACED,
      )
    }
    this.#joining.ended(socket)
    socket.setState({ role: 'uplink', nonce: '', stage: 'joined' })
    this.#tunnel.expect()
    sendFrame(socket, {
      t: 'welcome',
      mirror: mirror.head(),
      event: mirror.lastEvent(),
      services: { appview: this.#port.settings.appview, plc: this.#port.settings.plcUrl, mail: this.#port.settings.smtp !== null },
    })
  }

  #ground(nonce: string): Ground {
    return { nonce, hasRepo: this.#parts.mirror.head() !== null }
  }

  #uplinkOf(socket: RoomSocket): Uplink {
    const { admission, mirror } = this.#parts
    return new Uplink(socket, {
      tunnel: this.#tunnel,
      mirror,
      egress: this.#egress,
      mailer: this.#mailer,
      closedTab: this.#closedTab,
      lane: this.#lane,
      now: () => this.#port.now(),
      quotas: this.#parts.quotas,
      onReady: () => {
        this.#oversight.reports.changed()
        this.#showAround(true)
      },
      showRelays: (crawl) => this.#showRelays(crawl).catch((cause: unknown) => console.error('room: the relays could not be shown', cause)),
      isMirrored: () => admission.binding !== null && mirrors(admission.binding),
      release: async () => {
        try {
          await this.#clear()
          sendFrame(socket, { t: 'released' })
          throw new Refused('Released', 'The owner has deleted this pod.')
        } catch (cause) {
          this.#hangUp(socket, cause)
        }
      },
      rename: async ({ handle, documents }) => {
        try {
          const { binding } = admission
          if (!binding) throw new Refused('BadFrame', 'No pod was admitted.')
          await mirror.bind({ did: binding.did, signingKey: binding.signingKey, handle: admitHandle(handle), documents })
          await admission.bind({ ...binding, handle })
          this.#oversight.reports.changed()
        } catch (cause) {
          this.#hangUp(socket, cause)
        }
      },
    })
  }

  /** The room is free again; what the firehose said stays. */
  async #clear(): Promise<void> {
    await Promise.all([this.#parts.mirror.clear(), this.#closedTab.clear()])
    await this.#parts.admission.release()
    this.#firstBound.freed()
    this.#oversight.reports.changed()
  }

  /** A machine that lost its network says no goodbye, and TCP takes minutes to notice: who waits would get 504 until then. */
  #dropSilent(): void {
    const uplink = this.#uplink
    if (!uplink || this.#port.now() - this.#heardAt < REQUEST_DEADLINE_MS) return
    this.onClose(uplink.socket)
    closeUplink(uplink.socket, CLOSE_SILENT, 'Silent')
  }

  #hangUp(socket: RoomSocket, cause: unknown): void {
    if (socket.id === this.#uplink?.socket.id) this.#partFrom(this.#uplink)
    this.#joining.ended(socket)
    refuse(socket, cause)
  }

  #partFrom(uplink: Uplink): void {
    uplink.end()
    this.#uplink = null
    void this.#port.storage.put({ [SEEN_KEY]: this.#heardAt })
    this.#oversight.reports.changed()
  }

  /** In the turn in which it was stored. */
  #wentOut({ ops }: CommitEvent): void {
    this.#parts.limits.wrote(ops)
    this.#oversight.reports.grew()
    this.#showAround(!this.#parts.firehose.hasSubscribers)
  }

  #showAround(isUnheard: boolean): void {
    if (this.#isToBeSeen) void this.#relays.occasion(isUnheard)
  }

  /** At once what is known, and then what a look has shown. */
  async #showRelays(crawl: boolean): Promise<void> {
    this.#uplink?.send({ t: 'relays', relays: await this.#relays.views() })
    if (this.#isToBeSeen) await this.#relays.ownerLooks(crawl)
  }

  get #isToBeSeen(): boolean {
    return this.#parts.admission.binding?.standing === 'active'
  }
}
