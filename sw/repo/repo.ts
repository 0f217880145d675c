/** The repo service: reads, writes and the event log behind one object that lives as long as the worker. The contract is in `contract.ts`. */
import type { LexMap } from '@atproto/lex-data'
import { decode } from '@ipld/dag-cbor'
import { XrpcError } from '../../wire/errors.ts'
import type { KeyVault } from '../identity/contract.ts'
import { findEventOfRev, firstEvent, readEventsAfter } from '../store/events.ts'
import { sweepInterrupted } from '../store/generation.ts'
import { land } from '../store/land.ts'
import { countRows, readNodes } from '../store/nodes.ts'
import type { Store } from '../store/open.ts'
import { packsOf } from '../store/packs.ts'
import { readPod, writePod } from '../store/pod.ts'
import { countCollections, listRecords, readRecord } from '../store/records.ts'
import type { EventRow, Head, RecordRow, TreeCounts } from '../store/schema.ts'
import type { Announcement } from './announcement.ts'
import { CommitLine, isStale } from './commit.ts'
import type {
  HeldRepo,
  Imported,
  ListOptions,
  RecordView,
  RepoImporter,
  RepoLog,
  RepoReader,
  RepoWriter,
  Write,
  WriteOptions,
  WriteOutcome,
} from './contract.ts'
import { exportBlocks, exportProof, exportRepo } from './export.ts'
import { holdRepo } from './held-repo.ts'
import { importRepo, type ImportOptions, replaceByEmpty } from './import.ts'
import { mergePlans } from './landing.ts'
import type { NodeLog } from './node-log.ts'
import { Pins } from './pins.ts'
import { type Author, outcomeOf, planCommit, type TimedStep } from './plan.ts'
import { prepareWrites } from './prepare.ts'
import { emptyTip, resume } from './resume.ts'

export interface RepoOptions {
  /** Epoch ms. */
  readonly now?: () => number
  /** For the benchmark: what each step of a commit took. `transaction` is told once for each landing, however many commits it holds. */
  readonly onTiming?: (step: TimedStep, ms: number) => void
}

export class Repo implements RepoReader, RepoWriter, RepoImporter, RepoLog {
  readonly did: string
  readonly #store: Store
  readonly #now: () => number
  readonly #line: CommitLine
  readonly #pins = new Pins()
  readonly #listeners = new Set<(row: EventRow) => void>()
  /** Writes under way, by idempotency key. */
  readonly #underWay = new Map<string, Promise<WriteOutcome>>()
  #acknowledged: number

  private constructor(store: Store, author: Author, landed: Awaited<ReturnType<typeof resume>>, acknowledged: number) {
    this.did = author.did
    this.#store = store
    this.#now = author.now
    this.#acknowledged = acknowledged
    this.#line = new CommitLine({
      store,
      author,
      landed,
      pins: this.#pins,
      onEvent: (row) => {
        for (const listener of this.#listeners) tell(listener, row)
      },
      acknowledged: () => this.#acknowledged,
    })
  }

  /**
   * Makes the empty repo: a signed commit of an empty tree, announced as the first event of the log. A repo that is there already goes, with what was not
   * sent of it: a vacant pod's, whose account gets another DID.
   */
  static async create(store: Store, vault: KeyVault, did: string, options: RepoOptions = {}): Promise<Repo> {
    const author = { did, vault, now: options.now ?? Date.now }
    const present = await readPod(store, 'head')
    if (present) {
      await replaceByEmpty(store, author, present)
      return Repo.#resume(store, vault, did, options)
    }
    const commit = await planCommit(author, await emptyTip(store), [])
    const landing = mergePlans(null, [{ tip: commit.tip, outcome: outcomeOf(commit.tip.head, []), commit, event: commit.event }])
    if (landing) await land(store, landing)
    return Repo.#resume(store, vault, did, options)
  }

  /** Resumes where the last worker was stopped. @throws XrpcError 404 `RepoNotFound` */
  static async open(store: Store, vault: KeyVault, options: RepoOptions = {}): Promise<Repo> {
    const identity = await readPod(store, 'identity')
    if (!identity) throw new XrpcError(404, 'RepoNotFound', 'There is no pod in this browser profile yet.')
    return Repo.#resume(store, vault, identity.did, options)
  }

  static async #resume(store: Store, vault: KeyVault, did: string, options: RepoOptions): Promise<Repo> {
    // What an interrupted import has left is of another generation than what is read meanwhile.
    const [acknowledged, landed] = await Promise.all([readPod(store, 'acknowledged'), resume(store), sweepInterrupted(store)])
    const author = { did, vault, now: options.now ?? Date.now, onTiming: options.onTiming }
    return new Repo(store, author, landed, acknowledged?.event ?? 0)
  }

  head(): Head {
    return this.#line.landed.tip.head
  }

  async record(collection: string, rkey: string): Promise<RecordView | null> {
    const row = await readRecord(this.#store, packsOf(this.head()), collection, rkey)
    return row ? this.#view(row) : null
  }

  async list({ collection, limit, cursor, reverse }: ListOptions): Promise<{ records: RecordView[]; cursor?: string }> {
    const order = reverse ? 'ascending' : 'descending'
    const range = { collection, order, limit, includesFrom: false, ...(cursor !== undefined && { from: cursor }) } as const
    const rows = await listRecords(this.#store, packsOf(this.head()), range)
    const last = rows.at(-1)
    return { records: rows.map((row) => this.#view(row)), ...(last && { cursor: last.rkey }) }
  }

  async collections(): Promise<ReadonlyArray<{ name: string; count: number }>> {
    return countCollections(this.#store, this.head().packed ? await readPod(this.#store, 'packed') : {})
  }

  async blockCounts(): Promise<{ readonly blocks: number; readonly records: number }> {
    const { records, nodes } = this.head().counts ?? (await countTree(this.#store, this.#line.landed.nodes))
    return { blocks: nodes + records + 1, records }
  }

  isEmpty(): boolean {
    return this.head().data === EMPTY_TREE
  }

  car(since?: string): ReadableStream<Uint8Array> {
    return exportRepo(this.#store, this.#line.landed, this.#pins, since)
  }

  hold(): HeldRepo {
    return holdRepo(this.#store, this.#line.landed, this.#pins)
  }

  async proof(collection: string, rkey: string): Promise<Uint8Array> {
    try {
      return await exportProof(this.#store, this.#line.landed, this.#pins, collection, rkey)
    } catch (cause) {
      // The tree moved on under the walk: the one that is true now proves just as well.
      if (!isStale(cause)) throw cause
      return exportProof(this.#store, this.#line.landed, this.#pins, collection, rkey)
    }
  }

  blocks(cids: readonly string[]): Promise<Uint8Array> {
    return exportBlocks(this.#store, this.#line.landed, cids)
  }

  write(writes: readonly Write[], options: WriteOptions = {}): Promise<WriteOutcome> {
    const { key } = options
    if (key === undefined) return this.#write(writes, options)
    const underWay = this.#underWay.get(key) ?? this.#write(writes, options).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, underWay)
    return underWay
  }

  async import(car: ReadableStream<Uint8Array>, options: ImportOptions = {}): Promise<{ readonly rev: string; readonly records: number }> {
    try {
      return await this.#line.replace((author, present) => importRepo(this.#store, author, present, car, options))
    } finally {
      // A refused one must not leave its sender waiting.
      if (!car.locked) await car.cancel().catch(() => {})
    }
  }

  imported(): Imported | undefined {
    return this.#line.landed.base
  }

  announce(announcement: Announcement): Promise<number> {
    return this.#line.announce(announcement)
  }

  suspend(error: XrpcError | null): void {
    this.#line.suspended = error
  }

  async adopt(car: Uint8Array, event: number): Promise<void> {
    await this.#line.adopt({ car, event })
    await this.acknowledge(this.head().event)
  }

  async adoptAll(car: ReadableStream<Uint8Array>, event: number): Promise<void> {
    await this.import(car, { takesBack: { event } })
    await this.acknowledge(this.head().event)
  }

  eventsAfter(event: number, limit: number): Promise<readonly EventRow[]> {
    return readEventsAfter(this.#store, event, limit)
  }

  oldestEvent(): Promise<number> {
    return firstEvent(this.#store)
  }

  eventOfRev(rev: string): Promise<EventRow | undefined> {
    return findEventOfRev(this.#store, rev)
  }

  onEvent(listener: (row: EventRow) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async acknowledge(event: number): Promise<void> {
    if (event <= this.#acknowledged) return
    this.#acknowledged = event
    await writePod(this.#store, { acknowledged: { event } })
  }

  async acknowledged(): Promise<number> {
    return this.#acknowledged
  }

  /** Waits for what is under way and checkpoints. The store stays open: it is the caller's. */
  close(): Promise<void> {
    return this.#line.close()
  }

  async #write(writes: readonly Write[], { swapCommit, validate, key }: WriteOptions): Promise<WriteOutcome> {
    const answered = key === undefined ? undefined : this.#line.landed.answers.get(key)
    if (answered) return answered.outcome
    return this.#line.write(prepareWrites(writes, validate, this.#now), { swapCommit, key })
  }

  #view({ collection, rkey, cid, bytes }: RecordRow): RecordView {
    // `land` stores nothing but maps of the data model.
    return { uri: `at://${this.did}/${collection}/${rkey}`, cid, value: decode(bytes) as LexMap }
  }
}

/** Root of the tree without records. */
const EMPTY_TREE = 'bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm'

/** Only pods of version 1 are not counted yet: all their nodes have rows, or are in the log. */
const countTree = async (store: Store, { added, dropped }: NodeLog): Promise<TreeCounts> => {
  const [[records, nodes], gone] = await Promise.all([countRows(store), readNodes(store, Array.from(dropped))])
  // What was dropped may never have been written down, or be a record.
  return { records, nodes: nodes + added.size - gone.filter(Boolean).length }
}

/** A listener that throws is reported as uncaught, but the line of writers goes on. */
const tell = (listener: (row: EventRow) => void, row: EventRow): void => {
  try {
    listener(row)
  } catch (cause) {
    queueMicrotask(() => {
      throw cause
    })
  }
}
