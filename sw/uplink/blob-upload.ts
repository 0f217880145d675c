/** Blobs for the mirror: ahead of the commits that mention them, and when the room asks. What it has, or has had, is not sent again. */
import type { FrameOf, RoomFrame } from '../../wire/frames.ts'
import { MAX_ASKED_CIDS, REQUEST_DEADLINE_MS } from '../../wire/limits.ts'
import type { BlobView } from '../repo/contract.ts'
import type { SendFrame, UplinkPod } from './contract.ts'
import type { Outflow } from './flow.ts'
import type { Uploads } from './uploads.ts'

/** A room sleeps in the middle of an upload when the tab has paused for long, as a laptop does that was closed. Not again and again. */
const MAX_BLOB_TRIES = 3

export class BlobUpload {
  readonly #pod: UplinkPod
  readonly #send: SendFrame
  readonly #uploads: Uploads
  /** Sent on this connection; a second mention sends nothing. */
  readonly #sent = new Map<string, Promise<void>>()
  readonly #byCid = new Map<string, { readonly id: number; readonly flow: Outflow; settle(word: 'answered' | 'forgotten'): void }>()
  /** Questions that the room has not answered yet. */
  readonly #asked = new Map<number, (wanted: readonly string[]) => void>()
  readonly #unsubscribe: () => void
  #isStopped = false
  /** What the room asks for of itself is sent one after the other. */
  #errand: Promise<void> = Promise.resolve()

  constructor(pod: UplinkPod, send: SendFrame, uploads: Uploads) {
    this.#pod = pod
    this.#send = send
    this.#uploads = uploads
    // What comes after the record that mentions it, as blobs of an imported repo do, is in no event.
    this.#unsubscribe = pod.blobs.onExpected((cid) => void this.offer([cid]).catch(() => {}))
  }

  /**
   * Resolves when the room has stored or refused what it lacks of them; the event that mentions them may go then.
   * @param rev of a commit that has landed just now: the room need not be asked about blobs that it is the first to mention
   */
  async offer(cids: readonly string[], rev?: string): Promise<void> {
    const unsent = cids.filter((cid) => !this.#sent.has(cid))
    for (let at = 0; at < unsent.length; at += MAX_ASKED_CIDS)
      for (const cid of await this.#lacking(unsent.slice(at, at + MAX_ASKED_CIDS), rev)) await this.#sendOnce(cid)
    for (const cid of cids) await this.#sent.get(cid)
  }

  /** The room's word about blobs: what it wants of those it was asked about, or of all that its records mention. */
  wanted({ id, cids }: FrameOf<RoomFrame, 'blobs-wanted'>): void {
    if (id !== undefined) return this.#asked.get(id)?.(cids)
    this.#errand = this.#errand.then(async () => {
      for (const cid of cids) await this.#sendOnce(cid).catch(() => {})
    })
  }

  /** Nobody waits for the rest of it any more. */
  answered({ cid }: FrameOf<RoomFrame, 'blob-stored' | 'blob-refused'>): void {
    const upload = this.#byCid.get(cid)
    upload?.flow.stop()
    upload?.settle('answered')
  }

  /** The room slept in the middle of this one, and has forgotten it. */
  cancelled(id: number): void {
    for (const upload of this.#byCid.values()) if (upload.id === id) upload.settle('forgotten')
  }

  stop(): void {
    this.#isStopped = true
    this.#unsubscribe()
    for (const upload of this.#byCid.values()) upload.settle('answered')
    for (const answer of this.#asked.values()) answer([])
  }

  async #lacking(cids: readonly string[], rev: string | undefined): Promise<readonly string[]> {
    const fresh: string[] = []
    const known: string[] = []
    for (const cid of cids) {
      const blob = await this.#pod.blobs.get(cid)
      if (blob) (rev !== undefined && blob.rev === rev ? fresh : known).push(cid)
    }
    return [...fresh, ...(await this.#ask(known))]
  }

  /** A room that slept in between has forgotten the question: then nothing is wanted, and it asks at the next join. */
  async #ask(cids: readonly string[]): Promise<readonly string[]> {
    if (cids.length === 0 || this.#isStopped) return []
    const id = this.#uploads.nextId()
    const answer = new Promise<readonly string[]>((resolve) => this.#asked.set(id, resolve))
    this.#send({ t: 'blobs', id, cids: [...cids] })
    const wanted = await soon(answer)
    this.#asked.delete(id)
    return wanted ?? []
  }

  #sendOnce(cid: string): Promise<void> {
    const sending = this.#sent.get(cid) ?? this.#sendBlob(cid)
    this.#sent.set(cid, sending)
    return sending
  }

  async #sendBlob(cid: string): Promise<void> {
    const blob = await this.#pod.blobs.get(cid)
    // It may still come.
    if (!blob) this.#sent.delete(cid)
    if (!blob) return
    for (let tries = 0; tries < MAX_BLOB_TRIES && !this.#isStopped; tries += 1) if ((await this.#upload(cid, blob)) !== 'forgotten') return
  }

  async #upload(cid: string, blob: BlobView): Promise<'answered' | 'forgotten' | undefined> {
    const { id, flow } = this.#uploads.open('blob')
    const settled = new Promise<'answered' | 'forgotten'>((settle) => this.#byCid.set(cid, { id, flow, settle }))
    this.#send({ t: 'blob', id, cid, mime: blob.mime, size: blob.size })
    await flow.pipe(blob.bytes.stream())
    this.#uploads.close('blob', id)
    const word = await soon(settled)
    this.#byCid.delete(cid)
    return word
  }
}

/** A room that slept meanwhile says nothing. */
const soon = async <T>(answer: Promise<T>): Promise<T | undefined> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), REQUEST_DEADLINE_MS)
  })
  try {
    return await Promise.race([answer, silence])
  } finally {
    clearTimeout(timer)
  }
}
