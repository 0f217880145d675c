/**
 * The room's verified copy of what is public of its pod. Nothing comes in that could not be proven, and it answers while the tab is closed.
 * @see https://atproto.com/specs/sync
 */
import { type CommitEvent, type PodEvent, decodeEvent } from '../../wire/event.ts'
import type { MirrorHead } from '../../wire/frames.ts'
import { REMEMBERED_EVENTS } from '../../wire/limits.ts'
import type { Firehose } from '../firehose/firehose.ts'
import type { NumberedEvent } from '../firehose/log.ts'
import type { RoomPort } from '../port.ts'
import { Refused } from '../refused.ts'
import { answer } from './answer.ts'
import { type BlobDeclaration, Blobs } from './blobs.ts'
import { type BoundPod, type PodIdentity, boundPod, boundPodRows, recallBoundPod } from './bound-pod.ts'
import type { BlockPull } from './block-pull.ts'
import { Blocks } from './blocks.ts'
import { writeCar } from './car.ts'
import { type Commit, checkCommit, parseCommit } from './commit.ts'
import { ACCEPTED, ACCOUNT, DISCARDED, DOCUMENTS, HEAD, IDENTITY, LAST_EVENT, type Rows, acceptedKey, generationKeys } from './keys.ts'
import { lackingBlobs, neverCame } from './lacking-blobs.ts'
import type { BareView, MirrorView, TabPresence } from './method.ts'
import { planCommit } from './plan.ts'
import { pullDifference } from './repair.ts'
import { deleteAll, discard, stageSnapshot } from './snapshot.ts'
import { type VerifiedCommit, readCommit, verifyCommit } from './verify.ts'

type HeadRow = MirrorHead & { readonly generation: number; readonly at: number }
type AccountRow = { readonly active: boolean; readonly status: string | null }
/** A mirror that grew from the first commit; each snapshot is one generation up. */
const FIRST_GENERATION = 0
const GET_BLOB = '/xrpc/com.atproto.sync.getBlob'

export class Mirror {
  readonly #port: RoomPort
  readonly #firehose: Firehose
  readonly #blocks: Blocks
  readonly #blobs: Blobs
  readonly #onCommit: (commit: CommitEvent) => void
  #head: HeadRow | null = null
  #identity: BoundPod | null = null
  #account: AccountRow = { active: true, status: null }
  #lastEvent = 0
  #staging = false
  /** Events are verified one after the other: each stands on the one before. */
  #turn: Promise<unknown> = Promise.resolve()
  #discarding: Promise<void> = Promise.resolve()

  /** @param onCommit called in the turn in which a commit went out */
  static async open(port: RoomPort, firehose: Firehose, onCommit: (commit: CommitEvent) => void = () => {}): Promise<Mirror> {
    let mirror: Mirror | null = null
    const blobs = await Blobs.open(port, {
      inTurn: (work) => (mirror ? mirror.#inTurn(work) : work()),
      keys: () => generationKeys((mirror && mirror.#head?.generation) ?? FIRST_GENERATION),
    })
    mirror = new Mirror(port, firehose, blobs, onCommit)
    await mirror.#recall()
    return mirror
  }

  private constructor(port: RoomPort, firehose: Firehose, blobs: Blobs, onCommit: (commit: CommitEvent) => void) {
    this.#port = port
    this.#onCommit = onCommit
    this.#blobs = blobs
    this.#firehose = firehose
    this.#blocks = new Blocks(port.storage, FIRST_GENERATION)
  }

  head(): MirrorHead | null {
    return this.#head && { rev: this.#head.rev, commit: this.#head.commit, data: this.#head.data }
  }

  /** Number of the last event accepted of the present pod. */
  lastEvent(): number {
    return this.#lastEvent
  }

  /** Called at each admitted join, and when the documents change. Another repo in the same room begins with an empty mirror. @throws Refused BadKey */
  async bind(identity: PodIdentity): Promise<void> {
    const before = this.#identity
    const bound = await boundPod(identity, before)
    await this.#inTurn(async () => {
      const { storage } = this.#port
      const { did, signingKey } = identity
      const rows = boundPodRows(identity)
      const isOtherRepo = before !== null && before.did !== did
      // Another key is another pod, or the same one restored, which numbers its events anew.
      if (isOtherRepo || (before && before.signingKey !== signingKey)) rows[LAST_EVENT] = this.#lastEvent = 0
      if (isOtherRepo) rows[ACCOUNT] = this.#account = { active: true, status: null }
      if (isOtherRepo && this.#head) {
        rows[DISCARDED] = [this.#head.generation]
        this.#head = null
        this.#blocks.turnTo(FIRST_GENERATION)
      }
      this.#identity = bound
      const stored = [storage.put(rows), ...(this.#head ? [] : [storage.delete([HEAD])])]
      await Promise.all(stored)
      await this.#discardOld()
    })
  }

  /**
   * Verifies, stores, numbers and broadcasts an event, all of it or none. An event that was accepted before gets its old number.
   * @throws Refused BadEvent | WrongRepo | BadBlocks | BadRev | BadSignature | OutOfSync | BadProof
   */
  accept(event: number, body: Uint8Array): Promise<{ seq: number }> {
    return this.#inTurn(async () => {
      const pod = readEvent(body)
      const mark = pod.kind === 'commit' ? pod.rev : body
      const seq = event <= this.#lastEvent ? await this.#seqOf(event, mark) : null
      if (seq !== null) return { seq }
      const identity = this.#bound()
      const numbered =
        pod.kind === 'commit' ? await this.#acceptCommit(event, pod, identity) : await this.#acceptOther(event, pod, body, identity)
      return { seq: numbered.seq }
    })
  }

  /** null: not the mirror's to answer. */
  answer(request: Request, tab: TabPresence): Promise<Response | null> {
    return answer(this.#view(tab) ?? this.#bareView(tab), request)
  }

  /** Stores what the tab sends ahead of the commit that mentions it. @throws Refused BadBlob | BlobTooLarge */
  storeBlob(blob: BlobDeclaration, body: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#blobs.store(blob, body)
  }

  /** Those of `cids` that the tab should send ahead of the commit that mentions them. */
  wantedBlobs(cids: readonly string[]): Promise<readonly string[]> {
    return neverCame(this.#port.storage, cids)
  }

  /** Blobs that records mention and that never came, as many at a time as one frame may ask for. */
  lackingBlobs(): AsyncIterable<readonly string[]> {
    return lackingBlobs(this.#port.storage, generationKeys(this.#head?.generation ?? FIRST_GENERATION))
  }

  /** The tab's answer to a request that the mirror left to it. A blob that had to make room for others is stored again as it passes. */
  async keepPassing(request: Request, url: URL, response: Response): Promise<Response> {
    const isWholeBlob = url.pathname === GET_BLOB && request.method === 'GET' && response.status === 200 && !request.headers.has('range')
    return isWholeBlob ? this.#blobs.keepPassing(url.searchParams.get('cid') ?? '', response) : response
  }

  /**
   * Takes the whole repo as CAR in place of what was mirrored. The old mirror serves until the new one is whole and verified.
   * @param replaces the mirror's commit, where the tab knows it
   * @throws Refused BadBlocks | WrongRepo | BadRev | BadSignature | BadProof | OutOfSync
   */
  async storeSnapshot(head: MirrorHead, body: AsyncIterable<Uint8Array>, replaces?: string): Promise<MirrorHead> {
    if (this.#staging) throw new Refused('Busy', 'Another snapshot is on its way.')
    this.#staging = true
    try {
      await this.#assertSuccessor(head, replaces)
      await this.#takeOver(head, body, this.#bound())
    } finally {
      this.#staging = false
    }
    await this.#discardOld()
    return head
  }

  async #takeOver(head: MirrorHead, body: AsyncIterable<Uint8Array>, bound: BoundPod): Promise<void> {
    const before = this.#head
    const generation = (before?.generation ?? FIRST_GENERATION) + 1
    const { storage } = this.#port
    try {
      await this.#discarding
      await discard(storage, generation)
      await storage.put({ [DISCARDED]: [generation] })
      const staged = await stageSnapshot(storage, generation, head, body, (commit) => this.#check(commit, head, bound))
      await this.#inTurn(async () => {
        this.#assertUnmoved(before, bound)
        const numbered = before?.commit === head.commit ? null : this.#firehose.number(syncOf(bound, head, staged.commitBlock))
        const now: HeadRow = { ...head, generation, at: this.#port.now() }
        const stored = storage.put({ ...numbered?.rows, [HEAD]: now, [DISCARDED]: before ? [before.generation] : [] })
        this.#head = now
        this.#blocks.turnTo(generation)
        if (numbered) this.#firehose.broadcast(numbered)
        await stored
      })
    } catch (cause) {
      await discard(storage, generation)
      throw cause
    }
    await this.#inTurn(() => this.#blobs.dropUnmentioned())
  }

  /**
   * Brings the mirror to another tree of the same repo by what differs, in one write. Until then nothing is stored.
   * @param replaces as for a snapshot
   * @throws Refused as `storeSnapshot`, and TooDifferent, also when nothing is mirrored
   */
  async repair(head: MirrorHead, tab: BlockPull, replaces?: string): Promise<MirrorHead> {
    const bound = this.#bound()
    const before = this.#head
    if (!before) throw new Refused('TooDifferent', 'Nothing is mirrored yet.')
    await this.#assertSuccessor(head, replaces)
    if (head.commit === before.commit) return head
    const difference = await pullDifference(head, before, this.#blocks, tab, (commit) => this.#check(commit, head, bound))
    return this.#inTurn(async () => {
      this.#assertUnmoved(before, bound)
      const change = await this.#planChange(difference, before)
      const numbered = this.#firehose.number(syncOf(bound, head, difference.blocks.get(head.commit)))
      const stored = [this.#port.storage.put({ ...change.put, ...numbered.rows }), this.#port.storage.delete(change.delete)]
      change.apply()
      this.#firehose.broadcast(numbered)
      await Promise.all(stored)
      return head
    })
  }

  /** Forgets the pod: repo, blobs, identity. Sequence numbers and what the firehose said stay. */
  async clear(): Promise<void> {
    await this.#inTurn(async () => {
      const { storage } = this.#port
      const generation = this.#head?.generation ?? FIRST_GENERATION
      this.#head = null
      this.#identity = null
      this.#account = { active: true, status: null }
      this.#lastEvent = 0
      this.#blocks.turnTo(FIRST_GENERATION)
      await Promise.all([storage.put({ [DISCARDED]: [generation] }), storage.delete([HEAD, IDENTITY, DOCUMENTS, ACCOUNT, LAST_EVENT])])
      await this.#discardOld()
      await deleteAll(storage, ACCEPTED)
      await this.#blobs.dropUnmentioned(Number.POSITIVE_INFINITY)
    })
  }

  async #acceptCommit(event: number, pod: CommitEvent, { did, verify }: BoundPod): Promise<NumberedEvent> {
    const commit = await verifyCommit(pod, { did, head: this.head(), verify, nowMs: this.#port.now() })
    const change = await this.#planChange(commit, this.#head)
    const numbered = this.#firehose.number(pod)
    const rows = { ...change.put, ...numbered.rows, ...this.#remember(event, numbered.seq, pod.rev) }
    return this.#land(event, numbered, rows, change.delete, () => {
      change.apply()
      this.#onCommit(pod)
    })
  }

  /** The rows that make `commit` the head. `apply`: in the turn in which they are written. */
  async #planChange(commit: VerifiedCommit, before: HeadRow | null): Promise<{ put: Rows; delete: readonly string[]; apply(): void }> {
    const generation = before?.generation ?? FIRST_GENERATION
    const keys = generationKeys(generation)
    const plan = await planCommit(commit, before, { storage: this.#port.storage, blocks: this.#blocks, keys })
    const released = this.#blobs.release(plan.released)
    const now: HeadRow = { ...commit.head, generation, at: this.#port.now() }
    return {
      put: { ...plan.put, ...released.put, [HEAD]: now },
      delete: [...plan.delete, ...released.delete],
      apply: () => {
        this.#head = now
        plan.land()
      },
    }
  }

  #check(commit: Commit, { rev }: MirrorHead, { did, verify }: BoundPod): Promise<void> {
    return checkCommit(commit, { did, rev, nowMs: this.#port.now(), verify })
  }

  /**
   * A tree that takes the place of another, without the commits between, must be newer; and the tab must know the commit that stands here, or this pod's key has not
   * signed that (after a restore): so no copy of the pod overwrites what another one has written. @throws Refused OutOfSync
   */
  async #assertSuccessor(head: MirrorHead, replaces: string | undefined): Promise<void> {
    const before = this.#head
    if (!before || head.commit === before.commit) return
    if (head.rev <= before.rev) throw new Refused('OutOfSync', `The tab is at ${head.rev}, the mirror at ${before.rev} already.`)
    if (replaces === before.commit) return
    const block = await this.#blocks.get(before.commit)
    const commit = block && parseCommit(block.bytes)
    if (commit && (await this.#bound().verify(commit.unsigned, commit.sig)))
      throw new Refused('OutOfSync', `The mirror is at ${before.rev}, a commit of this pod that the tab does not know.`)
  }

  /** @throws Refused OutOfSync */
  #assertUnmoved(before: HeadRow | null, bound: BoundPod): void {
    if (this.#head !== before || this.#identity?.did !== bound.did || this.#identity.signingKey !== bound.signingKey)
      throw new Refused('OutOfSync', 'The mirror has moved on meanwhile.')
  }

  async #acceptOther(
    event: number,
    pod: Exclude<PodEvent, CommitEvent>,
    body: Uint8Array,
    { did, verify }: BoundPod,
  ): Promise<NumberedEvent> {
    if (pod.did !== did) throw new Refused('WrongRepo', `The event is of ${pod.did}; this room belongs to ${did}.`)
    if (pod.kind === 'sync') {
      const head = this.#head
      if (!head || pod.rev !== head.rev)
        throw new Refused('OutOfSync', `The event says ${pod.rev}; the mirror is at ${head?.rev ?? 'nothing'}.`)
      const { commit } = await readCommit(pod.blocks, head.commit)
      await checkCommit(commit, { did, rev: pod.rev, nowMs: this.#port.now(), verify })
    }
    const account: AccountRow | null = pod.kind === 'account' ? { active: pod.active, status: pod.status ?? null } : null
    const numbered = this.#firehose.number(pod)
    const rows = { ...numbered.rows, ...this.#remember(event, numbered.seq, body.slice()), ...(account && { [ACCOUNT]: account }) }
    return this.#land(event, numbered, rows, [], () => {
      if (account) this.#account = account
    })
  }

  /** Issues all writes of an event without an await between them, so that they land together, and tells the world. */
  async #land(event: number, numbered: NumberedEvent, put: Rows, remove: readonly string[], apply: () => void): Promise<NumberedEvent> {
    const stored = [
      this.#port.storage.put(put),
      this.#port.storage.delete([...remove, acceptedKey(Math.max(0, event - REMEMBERED_EVENTS))]),
    ]
    apply()
    this.#lastEvent = event
    this.#firehose.broadcast(numbered)
    await Promise.all(stored)
    return numbered
  }

  #remember(event: number, seq: number, mark: string | Uint8Array): Rows {
    return { [acceptedKey(event)]: [seq, mark], [LAST_EVENT]: event }
  }

  /** The number that this very event got before, or null. */
  async #seqOf(event: number, mark: string | Uint8Array): Promise<number | null> {
    const row = await this.#port.storage.get<[number, string | Uint8Array]>(acceptedKey(event))
    return row && String(row[1]) === String(mark) ? row[0] : null
  }

  #bound(): BoundPod {
    if (!this.#identity) throw new Refused('NotBound', 'No pod has joined this room yet.')
    return this.#identity
  }

  #view(tab: TabPresence): MirrorView | null {
    const head = this.#head
    const identity = this.#identity
    if (!head || !identity) return null
    const keys = generationKeys(head.generation)
    return { port: this.#port, blocks: this.#blocks, blobs: this.#blobs, keys, head, identity, account: this.#account, ...tab }
  }

  /** Of a pod of which nothing is mirrored (yet). */
  #bareView(tab: TabPresence): BareView | null {
    return this.#identity && { port: this.#port, identity: this.#identity, head: null, ...tab }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => {})
    return mine
  }

  async #recall(): Promise<void> {
    const { storage } = this.#port
    const [rows, identity] = await Promise.all([
      storage.getMany<HeadRow | AccountRow | number>([HEAD, ACCOUNT, LAST_EVENT]),
      recallBoundPod(storage),
    ])
    const read = <T>(key: string): T | undefined => rows.get(key) as T | undefined
    this.#head = read<HeadRow>(HEAD) ?? null
    this.#account = read<AccountRow>(ACCOUNT) ?? this.#account
    this.#lastEvent = read<number>(LAST_EVENT) ?? 0
    this.#identity = identity
    if (this.#head) this.#blocks.turnTo(this.#head.generation)
    await this.#blobs.dropStaged()
    // Nobody who asks waits for these; what they do not come to is left to the next start.
    this.#discardOld().catch((cause: unknown) => console.error('mirror: what a snapshot left could not be deleted yet', cause))
    this.#blobs.sweep().catch((cause: unknown) => console.error('mirror: blobs that nobody mentions could not be dropped yet', cause))
  }

  /** One after the other: a generation that is deleted may be the one that is written next. */
  #discardOld(): Promise<void> {
    const discarding = this.#discarding.then(() => this.#discardNow())
    this.#discarding = discarding.catch(() => {})
    return discarding
  }

  async #discardNow(): Promise<void> {
    const generations = (await this.#port.storage.get<number[]>(DISCARDED)) ?? []
    for (const generation of generations) if (generation !== this.#head?.generation) await discard(this.#port.storage, generation)
    if (generations.length > 0) await this.#port.storage.delete([DISCARDED])
  }
}

const syncOf = ({ did }: PodIdentity, { rev, commit }: MirrorHead, block: Uint8Array = new Uint8Array(0)): PodEvent => ({
  kind: 'sync',
  did,
  rev,
  blocks: writeCar(commit, [{ cid: commit, bytes: block }]),
})

/** @throws Refused BadEvent */
const readEvent = (body: Uint8Array): PodEvent => {
  try {
    return decodeEvent(body)
  } catch (cause) {
    throw new Refused('BadEvent', 'The event is not one of the known kinds.', { cause })
  }
}
