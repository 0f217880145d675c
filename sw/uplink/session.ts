/**
 * One connection to the room, seen from the worker: challenge → hello → welcome → outbox → ready, then events out and requests in.
 * It ends with its pipe; nothing of it survives into the next one. The frames are in `wire/frames.ts`.
 */
import { BadFrame, decodeMessage } from '../../wire/codec.ts'
import { XrpcError } from '../../wire/errors.ts'
import {
  parseRoomFrame,
  type FrameOf,
  type MirrorHead,
  type RelayView,
  type RoomFrame,
  type RoomServices,
  type Standing,
} from '../../wire/frames.ts'
import { DRAIN_DEADLINE_MS, RELEASE_TIMEOUT_MS } from '../../wire/limits.ts'
import type { LinkState } from '../../wire/owner.ts'
import { isPassing } from '../../wire/refusal.ts'
import type { Log } from '../operations/log.ts'
import { Batch } from './batch.ts'
import { type CommonGround, findCommonGround, fork } from './common-ground.ts'
import type { PipeEnd, SendFrame, UplinkPod } from './contract.ts'
import type { Egress } from './egress.ts'
import { answerChallenge } from './join.ts'
import type { Mail } from './mail.ts'
import { BlobUpload } from './blob-upload.ts'
import { MirrorRefused, MirrorUpload } from './mirror-upload.ts'
import { Outbox } from './outbox.ts'
import { takeBack } from './take-back.ts'
import { Requests, type RequestOptions } from './requests.ts'
import { Uploads } from './uploads.ts'

export interface SessionOptions {
  readonly pipe: PipeEnd
  readonly claim: string | undefined
  readonly egress: Egress
  readonly mail: Mail
  readonly log: Log
  /** For what the mirror answers; a worker's own requests go to the network. */
  readonly fetch: typeof globalThis.fetch
  readonly accepted: (event: number) => void
  /** The room had this event, and all before it, when it welcomed us: its word may have been lost with an older worker. */
  readonly known: (event: number) => void
  /** The room verified an event and refused it. True: join anew to find common ground. False: that was tried already. */
  readonly rejoins: (frame: FrameOf<RoomFrame, 'rejected'>) => boolean
  readonly answered: RequestOptions['answered']
  readonly seen: (frame: FrameOf<RoomFrame, 'seen'>) => void
  readonly relays: (relays: readonly RelayView[]) => void
}

export class Session {
  readonly #pod: UplinkPod
  readonly #options: SessionOptions
  readonly #uploads: Uploads
  readonly #mirror: MirrorUpload
  readonly #blobs: BlobUpload
  readonly #outbox: Outbox
  readonly #requests: Requests
  readonly #batch: Batch
  /** A commit of which the room is to say whether it had it. */
  #asked: { readonly event: number; resolve(wasTaken: boolean): void } | undefined
  #released: ((isReleased: boolean) => void) | undefined
  #stage: 'waiting' | 'joining' | 'joined' | 'closed' = 'waiting'
  /** As hello said it: what changes later counts from the next join. */
  #standing: Standing | undefined
  #held: string | undefined
  /** What the room was told of FedCM last, as JSON. */
  #told: string | undefined
  #telling: Promise<void> = Promise.resolve()

  constructor(pod: UplinkPod, options: SessionOptions) {
    this.#pod = pod
    this.#options = options
    this.#batch = new Batch(options.pipe, () => this.#requests.count > 1)
    this.#uploads = new Uploads(this.#send)
    this.#mirror = new MirrorUpload(pod, this.#send, this.#uploads)
    this.#blobs = new BlobUpload(pod, this.#send, this.#uploads)
    this.#outbox = new Outbox(pod, this.#send, this.#blobs)
    this.#requests = new Requests(pod, {
      send: this.#send,
      landed: () => this.#outbox.settled(),
      answered: options.answered,
      log: options.log,
    })
  }

  /** One message of the room. The buffer is ours from here on. */
  receive(bytes: ArrayBuffer): void {
    if (this.#stage === 'closed') return
    try {
      for (const { head, payload } of decodeMessage(new Uint8Array(bytes), parseRoomFrame))
        this.#dispatch(head, payload as Uint8Array<ArrayBuffer>)
    } catch (cause) {
      this.#fail(cause)
    }
  }

  /** Ends this connection so that the page makes another, which says hello anew; first what is under way is answered. */
  async rejoin(): Promise<void> {
    await this.#drained()
    if (this.#stage !== 'closed') this.#hangUp('Rejoin')
  }

  /** The public documents are others now; a hello that is under way may have brought the old ones. */
  async tellDocuments(): Promise<void> {
    if (this.#stage === 'joined') await this.#outbox.sendDocuments()
    else await this.rejoin()
  }

  /** What browsers are answered by while the tab is closed may be another now. One look after the other: the last one counts. */
  tellFedCm(): Promise<void> {
    this.#telling = this.#telling
      .then(() => this.#tellFedCm())
      .catch((cause: unknown) => this.#options.log.failure('the room could not be told of FedCM', cause))
    return this.#telling
  }

  /** Asks how the relays see this pod, where the room can be reached. */
  askRelays(crawl: boolean): void {
    if (this.#stage === 'joined') this.#send({ t: 'relays', crawl })
  }

  /** Asks the room to forget this pod, after everything that is under way to it. False when it could not be asked, or did not answer. */
  async release(): Promise<boolean> {
    await this.#drained()
    if (this.#stage !== 'joined') return false
    return new Promise((resolve) => {
      this.#released = resolve
      setTimeout(() => resolve(false), RELEASE_TIMEOUT_MS)
      this.#send({ t: 'release' })
    })
  }

  /** The pipe is gone, or a newer one has come. */
  close(): void {
    if (this.#stage === 'closed') return
    this.#stage = 'closed'
    this.#released?.(false)
    this.#options.egress.detach()
    this.#options.mail.detach()
    this.#requests.stop()
    this.#outbox.stop()
    this.#uploads.stop()
    this.#mirror.stop()
    this.#blobs.stop()
    this.#batch.close()
  }

  #dispatch(head: RoomFrame, payload: Uint8Array<ArrayBuffer>): void {
    switch (head.t) {
      case 'request':
        return this.#requests.open(head, payload)
      case 'accepted':
        this.#outbox.accepted(head.event)
        if (this.#held !== undefined) this.#sayHeld(undefined)
        if (this.#asked && head.event >= this.#asked.event) this.#asked.resolve(true)
        return this.#options.accepted(head.event)
      case 'body':
        if (head.of === 'egress-response') return this.#options.egress.body(head.id, payload, head.end)
        if (head.of !== 'request') throw new BadFrame(`a room sends no body of a ${head.of}`)
        return this.#requests.body(head.id, payload, head.end)
      case 'credit':
        if (head.of === 'egress-request') return this.#options.egress.credit(head.id, head.bytes)
        return head.of === 'response' ? this.#requests.credit(head.id, head.bytes) : this.#uploads.credit(head.of, head.id, head.bytes)
      case 'cancel':
        if (head.of === 'egress-request' || head.of === 'egress-response') return this.#options.egress.cancelled(head)
        if (head.of === 'request' || head.of === 'response') return this.#requests.cancel(head.id, head.reason)
        this.#uploads.cancel(head.of, head.id)
        if (head.of === 'blob') return this.#blobs.cancelled(head.id)
        return this.#mirror.cancel(head.of, head.reason)
      case 'challenge':
        return this.#inTurn('waiting', 'joining', () => this.#join(head))
      case 'welcome':
        return this.#inTurn('joining', 'joined', () => this.#bringUp(head))
      case 'refused':
        return this.#refused(head.error, head.message)
      case 'rejected':
        if (head.error === 'OverQuota') {
          this.#outbox.hold()
          return this.#held === undefined ? this.#sayHeld(head.message) : undefined
        }
        if (head.event === this.#asked?.event) return this.#asked.resolve(false)
        return this.#options.rejoins(head) ? this.#hangUp(head.error) : this.#refuse(head.error, head.message)
      case 'blob-refused':
        this.#options.log.note('uplink', `the mirror refused blob ${head.cid}: ${head.error}: ${head.message}`, 'warning')
        return this.#blobs.answered(head)
      case 'blob-stored':
        return this.#blobs.answered(head)
      case 'blobs-wanted':
        return this.#blobs.wanted(head)
      case 'want':
        return this.#mirror.want(head)
      case 'snapshot-stored':
      case 'snapshot-refused':
        return this.#mirror.answered(head)
      case 'fetched':
      case 'unfetched':
        return this.#options.egress.answered(head, payload)
      case 'mailed':
        return this.#options.mail.answered(head)
      case 'released':
        return this.#released?.(true)
      case 'seen':
        return this.#options.seen(head)
      case 'relays':
        return this.#options.relays(head.relays)
    }
  }

  #inTurn(from: 'waiting' | 'joining', to: 'joining' | 'joined', step: () => Promise<void>): void {
    if (this.#stage !== from) throw new BadFrame('a frame of joining out of turn')
    this.#stage = to
    step().catch((cause: unknown) => this.#fail(cause))
  }

  async #join(challenge: FrameOf<RoomFrame, 'challenge'>): Promise<void> {
    this.#say({ state: 'connecting' })
    const hello = await answerChallenge(this.#pod, challenge, this.#options.claim)
    this.#standing = hello.standing
    this.#send(hello)
  }

  async #bringUp({ mirror, event, services }: FrameOf<RoomFrame, 'welcome'>): Promise<void> {
    await this.#pod.recovery?.admitted()
    if (!isAnnounced(this.#standing)) {
      // Nobody is told of an account that is not here yet: neither its repo nor its events go out.
      this.#outbox.stop()
      this.#blobs.stop()
      return this.#open(services)
    }
    const ground = await this.#findGround(mirror, event)
    const commitsAfter = ground.kind === 'replace' ? await this.#replace(mirror, ground.replaces) : ground.after
    this.#options.known(Math.min(commitsAfter, event))
    await this.#outbox.catchUp({ commitsAfter, othersAfter: event })
    this.#open(services)
  }

  /** @throws XrpcError RepoFork, MirrorRefused */
  async #replace(mirror: MirrorHead | null, replaces: string | undefined): Promise<number> {
    try {
      return await this.#mirror.replace(mirror, replaces)
    } catch (cause) {
      if (!mirror || !(cause instanceof MirrorRefused) || cause.error !== 'OutOfSync') throw cause
      const error = fork(mirror.rev)
      this.#pod.repo.suspend(error)
      throw error
    }
  }

  #open(services: RoomServices): void {
    if (this.#stage !== 'joined') return
    this.#options.egress.attach(this.#send, services)
    this.#options.mail.attach(this.#send, services.mail)
    this.#send({ t: 'ready' })
    this.#sayHeld(this.#held)
    void this.tellFedCm()
  }

  async #tellFedCm(): Promise<void> {
    const left = await this.#pod.fedcm?.forRoom()
    const told = JSON.stringify(left)
    if (!left || this.#stage !== 'joined' || told === this.#told) return
    this.#told = told
    this.#send({ t: 'fedcm', ...left })
  }

  /** `held`: why the room takes nothing of what is written here. */
  #sayHeld(held: string | undefined): void {
    this.#held = held
    this.#say({ state: 'online', ...(held !== undefined && { held }) })
  }

  /** Writes are refused while pod and mirror are apart. @throws XrpcError RepoBehindMirror | RepoFork */
  async #findGround(mirror: MirrorHead | null, event: number): Promise<Exclude<CommonGround, { kind: 'apart' }>> {
    const { repo } = this.#pod
    let ground = await findCommonGround(repo, mirror)
    if (ground.kind === 'apart') {
      repo.suspend(ground.error)
      if (!mirror || ground.error.error !== 'RepoBehindMirror') throw ground.error
      if (!(await this.#wasTaken(repo.head().event))) {
        const error = fork(mirror.rev)
        repo.suspend(error)
        throw error
      }
      await takeBack(this.#pod, event, this.#options.fetch)
      ground = await findCommonGround(repo, mirror)
      if (ground.kind === 'apart') throw ground.error
    }
    repo.suspend(null)
    return ground
  }

  /**
   * Whether the room had this commit before those that are newer there. Where its word was lost with the profile it is asked: of what it has taken it says so again,
   * and another commit it refuses.
   */
  async #wasTaken(event: number): Promise<boolean> {
    const { repo } = this.#pod
    if ((await repo.acknowledged()) >= event) return true
    const [row] = await repo.eventsAfter(event - 1, 1)
    if (!row || row.kind !== 'commit') return false
    const answer = new Promise<boolean>((resolve) => {
      this.#asked = { event, resolve }
    })
    this.#outbox.repeat(row)
    return answer
  }

  readonly #send: SendFrame = (head, payload) => {
    if (this.#stage !== 'closed') this.#batch.send(head, payload)
  }

  /** Everything asked is answered, and everything landed is sent; after a while it counts as such, because somebody may be downloading for hours. */
  async #drained(): Promise<void> {
    await Promise.race([this.#requests.drained(), new Promise((resolve) => setTimeout(resolve, DRAIN_DEADLINE_MS))])
    await this.#outbox.settled()
  }

  #fail(cause: unknown): void {
    if (this.#stage === 'closed') return
    if (cause instanceof XrpcError) return this.#refuse(cause.error, cause.message)
    if (cause instanceof MirrorRefused) return this.#refused(cause.error, cause.message)
    this.#options.log.failure('the uplink failed', cause)
    this.#hangUp(cause instanceof BadFrame ? 'BadFrame' : 'InternalError')
  }

  /** By the room. */
  #refused(error: string, message: string): void {
    if (!isPassing(error)) return this.#refuse(error, message)
    this.#say({ state: 'offline', message })
    this.#hangUp(error)
  }

  /** Final until the owner acts: the page does not connect again by itself. */
  #refuse(error: string, message: string): void {
    // What is written here from now on would never go out.
    if (error === 'RestoredElsewhere') this.#pod.repo.suspend(new XrpcError(503, error, message))
    this.#say({ state: 'refused', error, message })
    this.#hangUp(error)
  }

  /** The page closes the socket; unless refused, it connects anew. */
  #hangUp(reason: string): void {
    this.close()
    this.#options.pipe.postMessage({ close: reason })
  }

  #say(link: LinkState): void {
    this.#options.pipe.postMessage({ link })
    const { state } = link
    if (state === 'online') this.#options.log.note('uplink', this.#held === undefined ? 'online' : `online, but: ${this.#held}`)
    else if (state !== 'connecting') this.#options.log.note('uplink', `${state}: ${link.message}`, 'warning')
  }
}

const isAnnounced = (standing: Standing | undefined): boolean => standing === 'active' || standing === 'deactivated'
