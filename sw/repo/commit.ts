/**
 * The one line of writers: plan → sign → land. Calls that arrive together are planned in chain, each on the tree the one before left, and landed together;
 * while one transaction runs, the next commits are planned. A landing that fails throws the tree away, reads it again, and plans again what waited.
 */
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { CHECKPOINT_BYTES, CHECKPOINT_EVENTS, CHECKPOINT_IDLE_MS, MAX_COMMITS_PER_LANDING } from '../../wire/limits.ts'
import { readBlob } from '../store/blobs.ts'
import { HeadMoved, land } from '../store/land.ts'
import type { Store } from '../store/open.ts'
import type { AnswerRow, EventRow, Head } from '../store/schema.ts'
import { type Announcement, planAnnouncement } from './announcement.ts'
import { type Lost, planAdoption } from './adopt.ts'
import { writeCheckpoint } from './checkpoint.ts'
import type { WriteOutcome } from './contract.ts'
import { mergePlans, type Plan } from './landing.ts'
import type { Pins } from './pins.ts'
import { type Author, type NetChange, outcomeOf, planCommit, playWrites, type Tip } from './plan.ts'
import type { PreparedWrite } from './prepare.ts'
import { type Landed, resume } from './resume.ts'

/** A call in line. */
type Job = (
  | {
      readonly kind: 'write'
      readonly writes: readonly PreparedWrite[]
      readonly swapCommit: string | undefined
      readonly key: string | undefined
    }
  | { readonly kind: 'announce'; readonly announcement: Announcement }
  | { readonly kind: 'adopt'; readonly lost: Lost }
) & {
  readonly resolve: (plan: Plan) => void
  readonly reject: (cause: unknown) => void
  /** How often it was planned anew. */
  attempts: number
  /** A landing it was part of has failed: it lands alone, so that its fault is its own. */
  alone: boolean
}

/** After so many fresh starts something is wrong that planning again does not cure. */
const MAX_ATTEMPTS = 8

export class CommitLine {
  landed: Landed
  suspended: XrpcError | null = null
  readonly #store: Store
  readonly #author: Author
  readonly #pins: Pins
  readonly #onEvent: (row: EventRow) => void
  readonly #acknowledged: () => number
  readonly #queue: Job[] = []
  readonly #planned: Array<{ readonly job: Job; readonly plan: Plan }> = []
  /** What the next commit is planned on. */
  #tip: Tip
  /** Grows with every fresh start; a plan of an older epoch is worth nothing. */
  #epoch = 0
  #isReplacing = false
  #reloading: Promise<void> | null = null
  #planning: Promise<void> | null = null
  #landing: Promise<void> | null = null
  #idle: ReturnType<typeof setTimeout> | undefined
  #idled = false

  constructor(parts: {
    store: Store
    author: Author
    landed: Landed
    pins: Pins
    onEvent: (row: EventRow) => void
    /** Number of the newest event the room has. */
    acknowledged: () => number
  }) {
    this.#store = parts.store
    this.#author = parts.author
    this.#pins = parts.pins
    this.#onEvent = parts.onEvent
    this.#acknowledged = parts.acknowledged
    this.landed = parts.landed
    this.#tip = parts.landed.tip
  }

  async write(
    writes: readonly PreparedWrite[],
    options: { swapCommit?: string | undefined; key?: string | undefined },
  ): Promise<WriteOutcome> {
    const plan = await this.#enqueue({ kind: 'write', writes, swapCommit: options.swapCommit, key: options.key })
    return plan.outcome
  }

  /** @throws XrpcError 503 `RepoBehindMirror` */
  async adopt(lost: Lost): Promise<void> {
    await this.settled()
    await this.#enqueue({ kind: 'adopt', lost })
  }

  /**
   * The whole repo is replaced by `run`; until then writes are refused, because they would be lost with what they were planned on.
   * @throws XrpcError 409 `ImportUnderWay` | 503 `RepoMoved`
   */
  async replace<T>(run: (author: Author, present: Head) => Promise<T>): Promise<T> {
    if (this.#isReplacing) throw importUnderWay()
    this.#isReplacing = true
    try {
      await this.settled()
      const result = await run(this.#author, this.landed.tip.head)
      this.#startAfresh([])
      while (this.#reloading) await this.#reloading
      return result
    } catch (cause) {
      throw failureOf(cause)
    } finally {
      this.#isReplacing = false
    }
  }

  /** @returns the number of the event. */
  async announce(announcement: Announcement): Promise<number> {
    const plan = await this.#enqueue({ kind: 'announce', announcement })
    return plan.tip.event
  }

  /** Resolves when nothing is queued, planned or landing. */
  async settled(): Promise<void> {
    while (this.#planning || this.#landing) await Promise.all([this.#planning, this.#landing])
  }

  /** Waits for what is in line, then checkpoints if there is anything to write down. */
  async close(): Promise<void> {
    await this.settled()
    clearTimeout(this.#idle)
    if (this.landed.checkpoint?.event !== this.landed.tip.event) await this.#checkpoint()
    clearTimeout(this.#idle)
  }

  #enqueue(job: DistributiveOmit<Job, 'resolve' | 'reject' | 'attempts' | 'alone'>): Promise<Plan> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...job, resolve, reject, attempts: 0, alone: false })
      this.#startPlanning()
    })
  }

  #startPlanning(): void {
    this.#planning ??= this.#planAll().finally(() => {
      this.#planning = null
      if (this.#queue.length > 0) this.#startPlanning()
    })
  }

  #startLanding(): void {
    this.#landing ??= this.#landAll().finally(() => {
      this.#landing = null
      if (this.#planned.length > 0) this.#startLanding()
    })
  }

  async #planAll(): Promise<void> {
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
      while (this.#reloading) await this.#reloading
      const epoch = this.#epoch
      try {
        const plan = await this.#plan(job, this.#tip)
        if (epoch !== this.#epoch) {
          this.#queue.unshift(job)
          continue
        }
        this.#tip = plan.tip
        this.#planned.push({ job, plan })
        this.#startLanding()
      } catch (cause) {
        if (epoch !== this.#epoch) this.#queue.unshift(job)
        // A node that is gone means that another worker has checkpointed.
        else if (isStale(cause) && job.attempts < MAX_ATTEMPTS) {
          // What is landing right now must not be read half.
          await this.#landing
          if (epoch === this.#epoch) this.#startAfresh([job])
          else this.#queue.unshift(job)
        } else job.reject(failureOf(cause))
      }
    }
  }

  async #plan(job: Job, tip: Tip): Promise<Plan> {
    if (job.kind === 'adopt') return planAdoption(this.#author, this.landed, job.lost)
    if (job.kind === 'announce') return planAnnouncement(this.#author, { ...tip, head: tip.head ?? this.landed.tip.head }, job.announcement)
    const answered = job.key === undefined ? undefined : this.landed.answers.get(job.key)
    if (answered) return { tip, outcome: answered.outcome }
    if (this.suspended) throw this.suspended
    if (this.#isReplacing) throw importUnderWay()
    const { changes, results } = await playWrites(this.#author.did, tip, job.writes, job.swapCommit)
    const answerOf = (outcome: WriteOutcome): { answer?: AnswerRow } =>
      job.key === undefined ? {} : { answer: { key: job.key, at: this.#author.now(), outcome } }
    if (changes.length === 0) {
      const outcome = outcomeOf(null, results)
      return { tip, outcome, ...answerOf(outcome) }
    }
    await checkBlobs(this.#store, changes)
    const commit = await planCommit(this.#author, tip, changes)
    const outcome = outcomeOf(commit.tip.head, results)
    return { tip: commit.tip, outcome, commit, event: commit.event, ...answerOf(outcome) }
  }

  async #landAll(): Promise<void> {
    while (this.#planned.length > 0 || this.#idled) {
      if (this.#idled ? this.#pins.readers === 0 : this.#checkpointIsDue()) await this.#checkpoint()
      else if (this.#idled) this.#checkpointWhenIdle()
      this.#idled = false
      const batch = this.#planned.splice(0, this.#planned[0]?.job.alone ? 1 : MAX_COMMITS_PER_LANDING)
      const since = performance.now()
      try {
        const landing = mergePlans(
          this.landed.tip.head,
          batch.map(({ plan }) => plan),
        )
        if (landing) await land(this.#store, { ...landing, ...(this.#pins.readers > 0 && { onReplaced: this.#pins.keep }) })
      } catch (cause) {
        const jobs = batch.map(({ job }) => job)
        const lost = jobs.filter((job) => (isStale(cause) ? job.attempts >= MAX_ATTEMPTS : jobs.length === 1))
        for (const job of lost) job.reject(failureOf(cause))
        for (const job of jobs) job.alone ||= !isStale(cause)
        this.#startAfresh(jobs.filter((job) => !lost.includes(job)))
        while (this.#reloading) await this.#reloading
        continue
      }
      this.#author.onTiming?.('transaction', performance.now() - since)
      for (const { job, plan } of batch) this.#moveOn(plan, job)
    }
  }

  #moveOn(plan: Plan, job: Job): void {
    const { landed } = this
    if (plan.commit) landed.nodes.apply(plan.commit.nodes.added, plan.commit.nodes.removed)
    landed.tip = { ...plan.tip, head: plan.tip.head ?? landed.tip.head }
    if (plan.answer) landed.answers.set(plan.answer.key, { at: plan.answer.at, outcome: plan.outcome })
    if (plan.event) this.#onEvent(plan.event)
    job.resolve(plan)
    this.#checkpointWhenIdle()
  }

  #checkpointWhenIdle(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      this.#idled = true
      this.#startLanding()
    }, CHECKPOINT_IDLE_MS)
  }

  #startAfresh(failed: readonly Job[]): void {
    this.#epoch += 1
    for (const job of failed) job.attempts += 1
    this.#queue.unshift(...failed, ...this.#planned.splice(0).map(({ job }) => job))
    const reloading = Promise.resolve(this.#reloading)
      .then(() => resume(this.#store))
      .then((landed) => {
        this.landed = landed
        this.#tip = landed.tip
      })
      .catch((cause) => {
        this.#tip = this.landed.tip
        for (const job of this.#queue.splice(0)) job.reject(cause)
      })
      .finally(() => {
        if (this.#reloading === reloading) this.#reloading = null
      })
    this.#reloading = reloading
    this.#startPlanning()
  }

  /** Readers put a checkpoint off, but not for ever: the log would grow without bound. */
  #checkpointIsDue(): boolean {
    const { tip, checkpoint, nodes } = this.landed
    const patience = this.#pins.readers > 0 ? 4 : 1
    return tip.event - (checkpoint?.event ?? 0) >= CHECKPOINT_EVENTS * patience || nodes.addedBytes >= CHECKPOINT_BYTES * patience
  }

  /** A checkpoint that fails costs nothing: the log still has it all. */
  async #checkpoint(): Promise<void> {
    try {
      await writeCheckpoint(this.#store, this.landed, this.#acknowledged(), this.#author.now())
    } catch (cause) {
      if (isStale(cause)) this.#startAfresh([])
    }
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** What was planned or read rests on a state that is no more. */
export const isStale = (cause: unknown): boolean =>
  cause instanceof HeadMoved || (cause instanceof Error && cause.name === 'MissingBlockError')

const failureOf = (cause: unknown): unknown =>
  isStale(cause) ? new XrpcError(503, 'RepoMoved', 'Another tab keeps writing to this repo: try again.', { cause }) : cause

const importUnderWay = (): XrpcError => new XrpcError(409, 'ImportUnderWay', 'A repo is being imported: try again when it is done.')

/** @throws XrpcError 400 `BlobNotFound` | `InvalidMimeType` | `InvalidSize` */
const checkBlobs = async (store: Store, changes: readonly NetChange[]): Promise<void> => {
  for (const { ref, mimeType, size } of changes.flatMap(({ after }) => after?.blobs ?? [])) {
    const stored = await readBlob(store, String(ref))
    if (!stored) throw invalidRequest(`Could not find blob: ${ref}`, 'BlobNotFound')
    // As the reference does: a blob that is in use already may be mentioned with the type an older record gave it.
    if (stored.rev !== undefined) continue
    if (stored.mime !== mimeType) throw invalidRequest(`The blob is ${stored.mime}, not ${mimeType}`, 'InvalidMimeType')
    if (stored.size !== size) throw invalidRequest(`The blob has ${stored.size} bytes, not ${size}`, 'InvalidSize')
  }
}
