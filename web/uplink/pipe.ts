/**
 * The leading page as a dumb pipe: what comes from the room goes to the worker, what the worker says goes to the room, byte for byte.
 * Each connection has a port of its own. A dead worker, a broken socket and a closed page are one case: the connection ends, a new one is made.
 */
import ReconnectingWebSocket from 'partysocket/ws'
import { UPLINK_PATH, UPLINK_PROTOCOL } from '../../wire/frames.ts'
import {
  CONNECT_TIMEOUT_MS,
  KEEP_ALIVE_INTERVAL_MS,
  KEEP_ALIVE_STALE_MS,
  MAX_PROMPT_REDIALS,
  MAX_REDIAL_MS,
  PIPE_DEADLINE_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
} from '../../wire/limits.ts'
import type { KeepAliveMessage, LinkState, NudgeMessage, PipeFromPage, PipeFromWorker, PipeMessage } from '../../wire/owner.ts'

export interface PipeOptions {
  /** The active worker; asked anew for each connection, because an update replaces it. */
  readonly worker: () => Promise<ServiceWorker | null>
  readonly claim: string | undefined
  readonly onLink: (link: LinkState) => void
}

/** Connects, and stays connected until it is stopped or the room refuses. Returns the stop function. */
export const openPipe = (options: PipeOptions): (() => void) => {
  const pipe = new Pipe(options)
  return () => pipe.stop()
}

class Pipe {
  readonly #options: PipeOptions
  #socket: ReconnectingWebSocket
  readonly #stopping = new AbortController()
  #worker: ServiceWorker | null = null
  #port: MessagePort | undefined
  #watch: AbortController | undefined
  #lastKeepAlive = 0
  #isRefused = false
  #onlineAt = 0
  #shortLived = 0
  #failures = 0
  #redialing: ReturnType<typeof setTimeout> | undefined

  constructor(options: PipeOptions) {
    this.#options = options
    options.onLink({ state: 'connecting' })
    this.#socket = this.#dial()
    const { signal } = this.#stopping
    addEventListener('online', () => this.#hurry(), { signal })
    navigator.serviceWorker.addEventListener('message', ({ data }) => data === 'nudge' && this.#hurry(), { signal })
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.#hurry(), { signal })
    const beat = setInterval(() => this.#keepAlive(), KEEP_ALIVE_INTERVAL_MS)
    signal.addEventListener('abort', () => {
      clearInterval(beat)
      clearTimeout(this.#redialing)
    })
  }

  stop(): void {
    this.#stopping.abort()
    this.#hangUp()
  }

  #dial(): ReconnectingWebSocket {
    const url = new URL(UPLINK_PATH, location.href.replace(/^http/, 'ws'))
    const socket = new ReconnectingWebSocket(url.href, UPLINK_PROTOCOL, {
      minReconnectionDelay: RECONNECT_MIN_MS * (1 + Math.random()),
      maxReconnectionDelay: RECONNECT_MAX_MS,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      // Frames belong to one connection: none may wait for the next.
      maxEnqueuedMessages: 0,
    })
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => void (socket === this.#socket && this.#connect()))
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      if (socket === this.#socket) this.#fromRoom(data)
    })
    socket.addEventListener('close', () => {
      if (socket === this.#socket) this.#disconnected()
    })
    return socket
  }

  /** Ends this connection and makes a new one: at once, unless the last ones were short-lived as well, as when one frame kills every worker. */
  #redial(): void {
    if (performance.now() - this.#onlineAt > RECONNECT_MAX_MS) this.#shortLived = 0
    const delay = this.#shortLived < MAX_PROMPT_REDIALS ? 0 : Math.min(MAX_REDIAL_MS, backoff(this.#shortLived - MAX_PROMPT_REDIALS))
    this.#shortLived++
    this.#hangUp()
    if (delay === 0) this.#socket = this.#dial()
    else {
      clearTimeout(this.#redialing)
      this.#redialing = setTimeout(() => {
        this.#socket = this.#dial()
      }, delay)
    }
  }

  /** Partysocket waits its delay out whatever happens, so that hurrying takes a new one. */
  #hurry(): void {
    const isDown = this.#socket.readyState === WebSocket.CLOSED || this.#socket.readyState === WebSocket.CLOSING
    if (this.#isRefused || !isDown) return
    clearTimeout(this.#redialing)
    this.#hangUp()
    this.#socket = this.#dial()
  }

  #hangUp(): void {
    this.#socket.close()
    this.#dropPort()
  }

  /** The port is made at once, so that frames that arrive before the worker is found wait in it, in order. */
  async #connect(): Promise<void> {
    this.#failures = 0
    const { port1, port2 } = new MessageChannel()
    this.#dropPort()
    this.#port = port1
    port1.onmessage = ({ data }: MessageEvent<PipeFromWorker>) => this.#fromWorker(data, port1)
    port1.postMessage({ socket: 'open' } satisfies PipeFromPage)
    const worker = await this.#options.worker()
    if (this.#port !== port1) return
    if (!worker) return this.#refuse({ state: 'refused', error: 'NoPod', message: 'No pod lives in this browser profile' })
    this.#worker = worker
    const { claim } = this.#options
    const message: PipeMessage = { tabpod: 'pipe', ...(claim === undefined ? {} : { claim }) }
    this.#lastKeepAlive = performance.now()
    worker.postMessage(message, [port2])
    // Killed before it named its lock, it would be missed by nobody.
    setTimeout(() => this.#port === port1 && !this.#watch && this.#redial(), PIPE_DEADLINE_MS)
  }

  #fromRoom(frame: ArrayBuffer): void {
    this.#port?.postMessage(frame, [frame])
    if (performance.now() - this.#lastKeepAlive > KEEP_ALIVE_STALE_MS) this.#keepAlive()
  }

  #fromWorker(message: PipeFromWorker, port: MessagePort): void {
    if (this.#port !== port) return
    if (message instanceof ArrayBuffer) this.#socket.send(message)
    else if ('lock' in message) this.#watchWorker(message.lock)
    else if ('link' in message) this.#said(message.link)
    else if (!this.#isRefused) this.#redial()
  }

  #said(link: LinkState): void {
    if (link.state === 'refused') return this.#refuse(link)
    if (link.state === 'online') this.#onlineAt = performance.now()
    this.#options.onLink(link)
  }

  /** Final: asking again would be refused again, or would throw out the tab that replaced this one. */
  #refuse(link: LinkState): void {
    this.#isRefused = true
    this.#hangUp()
    this.#options.onLink(link)
  }

  /** A port does not tell when its other side dies; the lock the worker holds does. */
  #watchWorker(lock: string): void {
    this.#watch?.abort()
    const watch = new AbortController()
    this.#watch = watch
    navigator.locks
      .request(lock, { signal: watch.signal }, () => {
        if (this.#watch !== watch) return
        // Wakes the worker while the socket connects.
        this.#keepAlive()
        this.#redial()
      })
      .catch(() => {})
  }

  #disconnected(): void {
    this.#dropPort()
    if (this.#stopping.signal.aborted || this.#isRefused) return
    if (document.hidden) this.#worker?.postMessage({ tabpod: 'nudge', afterMs: backoff(this.#failures++) } satisfies NudgeMessage)
    this.#options.onLink({
      state: 'offline',
      message: navigator.onLine ? 'The room cannot be reached; trying again' : 'This device is offline',
    })
  }

  #dropPort(): void {
    this.#watch?.abort()
    this.#watch = undefined
    this.#port?.postMessage({ socket: 'closed' } satisfies PipeFromPage)
    this.#port?.close()
    this.#port = undefined
  }

  #keepAlive(): void {
    if (!this.#worker || this.#isRefused) return
    this.#lastKeepAlive = performance.now()
    this.#worker.postMessage({ tabpod: 'keep-alive' } satisfies KeepAliveMessage)
  }
}

const backoff = (step: number): number => Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** step) * (1 + Math.random())
