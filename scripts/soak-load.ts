/** What happens to a pod in the soak run: people write, read and upload at a steady pace, consumers of its firehose stay, come and go. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeOptions } from '@ipld/dag-cbor'
import { decode, decodeFirst } from 'cborg'
import { WebSocket } from 'ws'
import type { Client } from '../bench/client.ts'

const WRITERS = 3
const READERS = 3
/** Between two requests of one of them: about as much as a busy person and some apps cause, far from what the pod can do. */
const PAUSE_MS = 60
/** Each writer deletes its oldest record beyond so many, so that what grows is not the repo. */
const KEPT_RECORDS = 150
const BLOB_EVERY = 12
const BLOB_BYTES = 60_000
const STAYING = 4
const PASSING_EVERY_MS = 3_000
const PASSING_STAYS_MS = 2_000
const REDIAL_MS = 300
const COLLECTION = 'com.example.soak'

/** What was measured since the last look. */
export interface Window {
  readonly writesMs: number[]
  readonly readsMs: number[]
  events: number
  /** Requests that were not answered: the tab was closed, or its worker dead for too long. */
  unanswered: number
}

export class SoakLoad {
  /** What must not be, in sentences. */
  readonly faults: string[] = []
  isIdle = false
  #window: Window = newWindow()
  #isOver = false
  readonly #url: string
  readonly #client: Client
  readonly #lanes: Promise<void>[]

  constructor(url: string, client: Client) {
    this.#url = url
    this.#client = client
    this.#lanes = [
      ...Array.from({ length: WRITERS }, () => this.#write()),
      ...Array.from({ length: READERS }, () => this.#read()),
      ...Array.from({ length: STAYING }, () => this.#stay()),
      this.#pass(),
    ]
  }

  take(): Window {
    const window = this.#window
    this.#window = newWindow()
    return window
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#lanes)
  }

  async #write(): Promise<void> {
    const { did } = this.#client
    const kept: string[] = []
    for (let n = 1; !this.#isOver; n += 1) {
      await this.#pause()
      const write = async (nsid: string, body: object): Promise<{ uri?: string }> =>
        JSON.parse(
          (await this.#client.post(`com.atproto.repo.${nsid}`, { repo: did, collection: COLLECTION, ...body })).body.toString(),
        ) as {
          uri?: string
        }
      const oldest = kept.length > KEPT_RECORDS ? kept.shift() : undefined
      await this.#timed('writesMs', async () => {
        if (oldest !== undefined) return void (await write('deleteRecord', { rkey: oldest }))
        const file = n % BLOB_EVERY === 0 ? await this.#upload() : undefined
        const { uri = '' } = await write('createRecord', { record: { $type: COLLECTION, text: randomBytes(60).toString('hex'), file } })
        kept.push(uri.split('/').at(-1) ?? '')
      })
    }
  }

  async #upload(): Promise<unknown> {
    const answer = await this.#client.upload(randomBytes(BLOB_BYTES), 'application/octet-stream')
    return (JSON.parse(answer.body.toString()) as { blob: unknown }).blob
  }

  /** From the mirror, and what only the tab answers, in turn. */
  async #read(): Promise<void> {
    const did = encodeURIComponent(this.#client.did)
    const paths = [
      `/xrpc/com.atproto.repo.listRecords?repo=${did}&collection=${COLLECTION}&limit=20`,
      `/xrpc/com.atproto.sync.getLatestCommit?did=${did}`,
      '/xrpc/com.atproto.server.getSession',
    ]
    for (let n = 0; !this.#isOver; n += 1) {
      await this.#pause()
      await this.#timed('readsMs', () => this.#client.get(paths[n % paths.length] ?? ''))
    }
  }

  async #timed(kind: 'writesMs' | 'readsMs', work: () => Promise<unknown>): Promise<void> {
    const from = performance.now()
    try {
      await work()
      this.#window[kind].push(performance.now() - from)
    } catch {
      this.#window.unanswered += 1
    }
  }

  /** A consumer that comes back with its cursor, and notices when a commit does not follow the one before. */
  async #stay(): Promise<void> {
    let last = { seq: 0, rev: null as string | null }
    while (!this.#isOver) {
      await listen(
        this.#url,
        last.seq === 0 ? null : last.seq,
        (socket, { seq, rev, since }) => {
          if (this.#isOver) socket.close()
          if (seq <= last.seq) this.faults.push(`seq ${seq} came after ${last.seq}`)
          if (last.rev !== null && rev !== undefined && since !== last.rev)
            this.faults.push(`a commit since ${since} came after ${last.rev}`)
          last = { seq, rev: rev ?? last.rev }
          this.#window.events += 1
        },
        () => this.#isOver,
      )
      await sleep(REDIAL_MS)
    }
  }

  /** Consumers that look in. */
  async #pass(): Promise<void> {
    while (!this.#isOver) {
      await this.#pause()
      const until = performance.now() + PASSING_STAYS_MS
      await listen(
        this.#url,
        null,
        () => {},
        () => this.#isOver || performance.now() > until,
      )
      await sleep(PASSING_EVERY_MS - PASSING_STAYS_MS)
    }
  }

  async #pause(): Promise<void> {
    do await sleep(PAUSE_MS)
    while (this.isIdle && !this.#isOver)
  }
}

interface Message {
  readonly seq: number
  readonly rev?: string
  readonly since?: string | null
}

/** Resolves when the connection has ended, which it does when `isEnough`. */
const listen = (
  url: string,
  cursor: number | null,
  hear: (socket: WebSocket, message: Message) => void,
  isEnough: () => boolean,
): Promise<void> =>
  new Promise((resolve) => {
    const query = cursor === null ? '' : `?cursor=${cursor}`
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/xrpc/com.atproto.sync.subscribeRepos${query}`)
    const watch = setInterval(() => isEnough() && socket.terminate(), REDIAL_MS)
    socket.on('message', (data: Buffer) => {
      const [header, rest] = decodeFirst(new Uint8Array(data), decodeOptions) as [{ t?: string }, Uint8Array]
      if (header.t !== undefined && header.t !== '#info') hear(socket, decode(rest, decodeOptions) as Message)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(watch)
      resolve()
    })
  })

const newWindow = (): Window => ({ writesMs: [], readsMs: [], events: 0, unanswered: 0 })
