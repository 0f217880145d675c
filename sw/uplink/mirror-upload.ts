/** The repo put in place of what the mirror holds, where no events lead there: by what differs, or whole. */
import type { FrameOf, MirrorHead, RoomFrame, StreamOf } from '../../wire/frames.ts'
import { isPassing } from '../../wire/refusal.ts'
import type { SendFrame, UplinkPod } from './contract.ts'
import { packed, type Outflow } from './flow.ts'
import type { Uploads } from './uploads.ts'

interface UnderWay {
  readonly id: number
  readonly flow: Outflow
  resolve(): void
  reject(cause: Error): void
}

export class MirrorUpload {
  readonly #pod: UplinkPod
  readonly #send: SendFrame
  readonly #uploads: Uploads
  #underWay: UnderWay | null = null
  /** Answers the room's questions, while a repair is under way. */
  #supply: ((cids: readonly string[]) => void) | null = null

  constructor(pod: UplinkPod, send: SendFrame, uploads: Uploads) {
    this.#pod = pod
    this.#send = send
    this.#uploads = uploads
  }

  /**
   * @param replaces the mirror's commit, where the pod knows it
   * @returns the number of the newest event that the mirror has then
   * @throws MirrorRefused
   */
  async replace(mirror: MirrorHead | null, replaces: string | undefined): Promise<number> {
    if (!mirror) return this.#sendSnapshot(replaces)
    try {
      return await this.#repair(replaces)
    } catch (cause) {
      // Whatever is in the way of a repair is not in that of a snapshot, but for a mirror that is not to be replaced.
      if (!(cause instanceof MirrorRefused) || cause.error === 'OutOfSync' || isPassing(cause.error)) throw cause
      return this.#sendSnapshot(replaces)
    }
  }

  /** The room lacks these blocks. */
  want({ id, cids }: FrameOf<RoomFrame, 'want'>): void {
    if (id === this.#underWay?.id) this.#supply?.(cids)
  }

  /** The room's word: nobody waits for the rest any more. */
  answered(frame: FrameOf<RoomFrame, 'snapshot-stored' | 'snapshot-refused'>): void {
    this.#underWay?.flow.stop()
    if (frame.t === 'snapshot-stored') this.#underWay?.resolve()
    else this.#underWay?.reject(new MirrorRefused(frame.error, frame.message))
  }

  /** The room slept meanwhile, and has forgotten what it was told. */
  cancel(of: StreamOf, reason: string): void {
    if (of === 'snapshot' || of === 'repair') this.#underWay?.reject(new MirrorRefused('Cancelled', reason))
  }

  stop(): void {
    this.#underWay?.reject(new MirrorRefused('Interrupted', 'the connection closed'))
  }

  async #repair(replaces: string | undefined): Promise<number> {
    const held = this.#pod.repo.hold()
    try {
      await this.#upload('repair', held.head, replaces, (flow, fail) => {
        let turn: Promise<unknown> = Promise.resolve()
        this.#supply = (cids) => {
          turn = turn
            .then(async () => {
              for (let at = 0; at < cids.length; at += BLOCKS_AT_ONCE)
                await flow.write(await held.sections(cids.slice(at, at + BLOCKS_AT_ONCE)))
            })
            .catch(fail)
        }
      })
      return held.head.event
    } finally {
      this.#supply = null
      held.letGo()
    }
  }

  async #sendSnapshot(replaces: string | undefined): Promise<number> {
    // One turn: the head announced is the head of the CAR.
    const head = this.#pod.repo.head()
    const car = this.#pod.repo.car()
    await this.#upload('snapshot', head, replaces, (flow) => void flow.pipe(packed(car)))
    return head.event
  }

  /** @param begin sends what there is to send; the room's answer ends it */
  async #upload(
    t: 'snapshot' | 'repair',
    { rev, commit, data }: MirrorHead,
    replaces: string | undefined,
    begin: (flow: Outflow, fail: (cause: unknown) => void) => void,
  ): Promise<void> {
    const { id, flow } = this.#uploads.open(t)
    const stored = new Promise<void>((resolve, reject) => {
      this.#underWay = { id, flow, resolve, reject }
    })
    this.#send({ t, id, head: { rev, commit, data }, ...(replaces !== undefined && { replaces }) })
    begin(flow, (cause) => {
      this.#send({ t: 'cancel', of: t, id, reason: 'the repo could not be read' })
      this.#underWay?.reject(new MirrorRefused('Cancelled', String(cause)))
    })
    try {
      await stored
    } finally {
      this.#underWay = null
      this.#uploads.close(t, id)
    }
  }
}

/** Blocks read at a time: a record may have a megabyte. */
const BLOCKS_AT_ONCE = 32

export class MirrorRefused extends Error {
  override readonly name = 'MirrorRefused'
  readonly error: string

  constructor(error: string, message: string) {
    super(message)
    this.error = error
  }
}
