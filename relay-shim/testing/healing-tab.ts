/** A pod's tab on an unreliable wire: joins anew whenever its connection breaks, and sends what the room lacks, as docs/protocol.md has it. */
import type { MirrorHead, RoomFrame } from '../../wire/frames.ts'
import { UPLINK_PATH } from '../../wire/frames.ts'
import { CHUNK_BYTES } from '../../wire/limits.ts'
import type { Client, FragileRuntime } from './fragile-runtime.ts'
import { Lost, type RequestFrame, TestTab, type TabKeys } from './tab.ts'

export interface BlobBytes {
  readonly cid: string
  readonly mime: string
  readonly bytes: Uint8Array
}

/** What a pod has to say, in this order. */
export type Utterance =
  | {
      readonly kind: 'event'
      readonly event: number
      readonly rev: string | null
      readonly body: Uint8Array
      readonly blobs: readonly BlobBytes[]
    }
  | { readonly kind: 'snapshot'; readonly replaces: string; readonly head: MirrorHead; readonly car: Uint8Array }

/** A long answer of the tab. */
export const LONG_ANSWER = new Uint8Array(3 * CHUNK_BYTES).fill(7)
const MAX_CONNECTIONS = 50

export class HealingTab {
  handle = 'alice.test'
  readonly #runtime: FragileRuntime
  readonly #keys: TabKeys
  readonly #story: readonly Utterance[]
  #said: number
  #done: number
  #connections = 0
  #lastId = 0
  #joining: Promise<TestTab> | null = null
  /** Of the newest connection. */
  #tab: TestTab | null = null
  #client: Client | null = null
  #isOver = false

  /** @param said how many of the utterances another tab of this pod has said before */
  constructor(runtime: FragileRuntime, keys: TabKeys, story: readonly Utterance[], said = 0) {
    this.#runtime = runtime
    this.#keys = keys
    this.#story = story
    this.#said = said
    this.#done = said
  }

  /** Says the next thing. Resolves when the room has it. */
  async say(): Promise<void> {
    const at = this.#said
    this.#said += 1
    const next = this.#story[at]
    if (!next) throw new Error('the story is at its end')
    await this.during(async (tab) => {
      // A join that came between has said it.
      if (this.#done <= at) await this.#utter(tab, next)
      this.#done = Math.max(this.#done, at + 1)
    })
  }

  /** What needs a connection that holds until it is done: begun again on the next one where it broke. */
  async during<T>(work: (tab: TestTab) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work(await this.#joined())
      } catch (cause) {
        if (!(cause instanceof Lost)) throw cause
      }
    }
  }

  async online(): Promise<void> {
    await this.during(async () => {})
  }

  #joined(): Promise<TestTab> {
    if (this.#joining) return this.#joining
    const joining: Promise<TestTab> = this.#join().catch((cause: unknown) => {
      if (this.#joining === joining) this.#joining = null
      throw cause
    })
    this.#joining = joining
    return joining
  }

  /** A newer tab of the same pod. */
  successor(): HealingTab {
    const newer = new HealingTab(this.#runtime, this.#keys, this.#story, this.#said)
    newer.handle = this.handle
    return newer
  }

  /** Whatever happens to its connection: it does not come back. */
  leave(): void {
    this.#isOver = true
  }

  async #join(): Promise<TestTab> {
    this.#connections += 1
    if (this.#connections > MAX_CONNECTIONS) throw new Error('it joins again and again')
    const early: Uint8Array<ArrayBuffer>[] = []
    let client: Client | null = null
    const tab = new TestTab(this.#keys, (bytes) => (client ? client.send(bytes) : early.push(bytes)))
    this.#tab = tab
    this.#serve(tab)
    client = await this.#runtime.connect(UPLINK_PATH, {
      onMessage: (bytes) => tab.receive(bytes),
      onClose: (reason) => {
        tab.lost(reason)
        if (this.#tab !== tab) return
        this.#joining = null
        if (!this.#isOver) this.#joined().catch(() => {})
      },
    })
    this.#client = client
    for (const bytes of early) client.send(bytes)
    await tab.next('challenge').then(({ host, nonce }) => tab.greet({ host, nonce }, { handle: this.handle }))
    const { mirror, event } = await tab.next('welcome')
    for (const [at, utterance] of this.#story.slice(0, this.#said).entries()) {
      if (isDue(utterance, mirror, event)) await this.#utter(tab, utterance)
      this.#done = Math.max(this.#done, at + 1)
    }
    tab.send({ t: 'ready' })
    tab.send({ t: 'fedcm', accounts: '{"accounts":[]}', sessions: [{ digest: 'digest', until: 1 }] })
    return tab
  }

  async #utter(tab: TestTab, utterance: Utterance): Promise<void> {
    if (utterance.kind === 'snapshot') return this.#sendSnapshot(tab, utterance)
    const { event, body } = utterance
    for (const blob of utterance.blobs) await this.#sendBlob(tab, blob)
    tab.send({ t: 'event', event, size: body.length }, body.subarray(0, CHUNK_BYTES))
    for (let at = CHUNK_BYTES; at < body.length; at += CHUNK_BYTES)
      tab.send({ t: 'event-part', event }, body.subarray(at, at + CHUNK_BYTES))
    for (;;) {
      const word = await tab.next('accepted', 'rejected')
      if (word.t === 'rejected') throw new Error(`event ${event} rejected: ${word.error}: ${word.message}`)
      if (word.event >= event) return
    }
  }

  async #sendBlob(tab: TestTab, { cid, mime, bytes }: BlobBytes): Promise<void> {
    for (;;) {
      const id = (this.#lastId += 1)
      tab.send({ t: 'blob', id, cid, mime, size: bytes.length })
      this.#sendPieces(tab, 'blob', id, bytes)
      const word = await wordAbout(tab, 'blob', id)
      if (word.t === 'blob-refused') throw new Error(`blob refused: ${word.error}: ${word.message}`)
      if (word.t === 'blob-stored') return
    }
  }

  async #sendSnapshot(tab: TestTab, { head, car, replaces }: Utterance & { kind: 'snapshot' }): Promise<void> {
    const id = (this.#lastId += 1)
    tab.send({ t: 'snapshot', id, head, replaces })
    this.#sendPieces(tab, 'snapshot', id, car)
    const word = await wordAbout(tab, 'snapshot', id)
    if (word.t === 'snapshot-refused') throw new Error(`snapshot refused: ${word.error}: ${word.message}`)
    if (word.t === 'snapshot-stored') return
    this.#client?.close()
    throw new Lost('the room forgot the snapshot')
  }

  #sendPieces(tab: TestTab, of: 'blob' | 'snapshot', id: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) tab.send({ t: 'body', of, id, end: false }, bytes.subarray(at, at + CHUNK_BYTES))
    tab.send({ t: 'body', of, id, end: true })
  }

  /** Short requests are echoed, of long ones the length is told. */
  #serve(tab: TestTab): void {
    const lengths = new Map<number, number>()
    tab.onFrame = (head, payload) => {
      if (head.t !== 'body' || head.of !== 'request') return
      const length = (lengths.get(head.id) ?? 0) + payload.length
      lengths.set(head.id, length)
      if (head.end) {
        // A room that has slept counts from the beginning.
        lengths.delete(head.id)
        tab.answer(head.id, String(length))
      } else tab.send({ t: 'credit', of: 'request', id: head.id, bytes: payload.length })
    }
    tab.onRequest = ({ id, method, path, body }: RequestFrame, payload) => {
      if (path.startsWith('/xrpc/x.long')) {
        tab.send({ t: 'response', id, status: 200, headers: [['content-type', 'application/octet-stream']], body: 'stream' })
        for (let at = 0; at < LONG_ANSWER.length; at += CHUNK_BYTES)
          tab.send({ t: 'body', of: 'response', id, end: false }, LONG_ANSWER.subarray(at, at + CHUNK_BYTES))
        tab.send({ t: 'body', of: 'response', id, end: true })
      } else if (body !== 'stream') tab.answer(id, `${method} ${path} ${new TextDecoder().decode(payload)}`)
    }
  }
}

const isDue = (utterance: Utterance, mirror: MirrorHead | null, event: number): boolean => {
  const rev = utterance.kind === 'snapshot' ? utterance.head.rev : utterance.rev
  if (rev === null) return utterance.kind === 'event' && utterance.event > event
  return mirror === null || rev > mirror.rev
}

type Word = Extract<RoomFrame, { t: 'blob-stored' | 'blob-refused' | 'snapshot-stored' | 'snapshot-refused' | 'cancel' }>

/** What becomes of this upload. Late words about one before it do not count. */
const wordAbout = async (tab: TestTab, of: 'blob' | 'snapshot', id: number): Promise<Word> => {
  for (;;) {
    const word =
      of === 'blob'
        ? await tab.next('blob-stored', 'blob-refused', 'cancel')
        : await tab.next('snapshot-stored', 'snapshot-refused', 'cancel')
    if (word.t !== 'cancel' || (word.of === of && word.id === id)) return word
  }
}
