/** What the tab of a pod sends to a real room besides answers: snapshots, blobs and events, at the room's pace. */
import type { WebSocket } from 'ws'
import type { RoomFrame } from '../../wire/frames.ts'
import { SendWindow } from '../../wire/window.ts'
import { CHUNK_BYTES } from '../../wire/limits.ts'
import type { TestBlob } from './large-pod.ts'
import type { RealTab } from './real-tab.ts'
import type { SigningPod } from './signing-pod.ts'
import type { TestTab } from './tab.ts'

export class NodeTab {
  readonly tab: TestTab
  readonly #socket: WebSocket
  readonly #windows = new Map<string, SendWindow>()
  readonly #waiting = new Map<string, { resolve(): void; reject(cause: Error): void }>()
  #lastUpload = 0

  constructor({ tab, socket }: RealTab) {
    this.#socket = socket
    this.tab = tab
    tab.onFrame = (head) => this.#hear(head)
    socket.on('close', (code, reason) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`closed with ${code} ${reason.toString()}`))
      for (const window of this.#windows.values()) window.stop()
    })
  }

  close(): void {
    this.#socket.terminate()
  }

  async snapshot(pod: SigningPod): Promise<void> {
    const id = (this.#lastUpload += 1)
    const stored = this.#wait('snapshot')
    this.tab.send({ t: 'snapshot', id, head: pod.head() })
    await this.#upload('snapshot', id, pod.car())
    await stored
  }

  async blob({ cid, bytes }: TestBlob, mime = 'image/jpeg'): Promise<void> {
    const id = (this.#lastUpload += 1)
    const stored = this.#wait(cid)
    this.tab.send({ t: 'blob', id, cid, mime, size: bytes.length })
    await this.#upload('blob', id, bytes)
    await stored
  }

  /** Resolves when the room has accepted it. */
  async event(event: number, body: Uint8Array): Promise<void> {
    const accepted = this.#wait(`event ${event}`)
    this.tab.send({ t: 'event', event, size: body.length }, body)
    await accepted
  }

  async #upload(of: 'blob' | 'snapshot', id: number, bytes: Uint8Array): Promise<void> {
    const window = new SendWindow()
    this.#windows.set(`${of} ${id}`, window)
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const piece = bytes.subarray(at, at + CHUNK_BYTES)
      if (!(await window.take(piece.length))) break
      this.tab.send({ t: 'body', of, id, end: false }, piece)
    }
    this.tab.send({ t: 'body', of, id, end: true })
    this.#windows.delete(`${of} ${id}`)
  }

  #wait(name: string): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.set(name, { resolve, reject }))
  }

  #settle(name: string, cause?: string): void {
    const waiting = this.#waiting.get(name)
    this.#waiting.delete(name)
    if (cause === undefined) waiting?.resolve()
    else waiting?.reject(new Error(`${name}: ${cause}`))
  }

  #hear(head: RoomFrame): void {
    if (head.t === 'credit') this.#windows.get(`${head.of} ${head.id}`)?.credit(head.bytes)
    if (head.t === 'snapshot-stored') this.#settle('snapshot')
    if (head.t === 'snapshot-refused') this.#settle('snapshot', refusal(head))
    if (head.t === 'blob-stored') this.#settle(head.cid)
    if (head.t === 'blob-refused') this.#settle(head.cid, refusal(head))
    if (head.t === 'rejected') this.#settle(`event ${head.event}`, refusal(head))
    // One word for all that were accepted before it.
    if (head.t === 'accepted') {
      for (const name of this.#waiting.keys()) if (name.startsWith('event ') && Number(name.slice(6)) <= head.event) this.#settle(name)
    }
  }
}

const refusal = ({ error, message }: { readonly error: string; readonly message: string }): string => `${error}: ${message}`
