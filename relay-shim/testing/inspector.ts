/** Asks a runtime's debugger what the isolate of the rooms holds. @see https://chromedevtools.github.io/devtools-protocol/tot/Runtime/#method-getHeapUsage */
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

interface HeapUsage {
  readonly usedSize: number
  /** What V8 has asked the system for, garbage and reserve included. */
  readonly totalSize: number
  /** Of objects that the runtime itself keeps; older runtimes do not tell. */
  readonly embedderHeapUsedSize?: number
  /** Of ArrayBuffers; older runtimes do not tell. */
  readonly backingStorageSize?: number
}

export class Inspector {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (usage: HeapUsage) => void>()
  #last = 0

  /** A debugger comes up a moment after what it debugs. @throws when it is not there within ten seconds */
  static async connect(port: number): Promise<Inspector> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as { id: string; webSocketDebuggerUrl: string }[]
        const room = targets.find(({ id }) => id.startsWith('core:user')) ?? targets[0]
        // Only what looks like a browser's debugger is let in.
        const socket = new WebSocket(room?.webSocketDebuggerUrl ?? '', { headers: { 'user-agent': 'node', origin: 'http://localhost' } })
        await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
        return new Inspector(socket)
      } catch (cause) {
        if (attempt === 40) throw cause
        await sleep(250)
      }
    }
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      const { id, result } = JSON.parse(data.toString()) as { id?: number; result: HeapUsage }
      if (id !== undefined) this.#waiting.get(id)?.(result)
    })
  }

  /** Bytes of heap and ArrayBuffers, garbage that is not collected yet included: what Cloudflare limits to 128 MB. */
  async heldBytes(): Promise<number> {
    const id = (this.#last += 1)
    const answered = new Promise<HeapUsage>((resolve) => this.#waiting.set(id, resolve))
    this.#socket.send(JSON.stringify({ id, method: 'Runtime.getHeapUsage' }))
    const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await answered
    this.#waiting.delete(id)
    return usedSize + embedderHeapUsedSize + backingStorageSize
  }

  close(): void {
    this.#socket.terminate()
  }
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
