/** A browser that nobody drives, asked a question now and then: attached for that long and no longer, because who stays attached is told of every frame. @see https://chromedevtools.github.io/devtools-protocol/ */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WebSocket } from 'ws'

/** For `launchAlone`; the port is then written into the profile. */
export const DEVTOOLS_FLAGS = ['--remote-debugging-port=0', '--remote-allow-origins=*']
const ANSWERS_WITHIN_MS = 10_000

interface Target {
  readonly id: string
  readonly type: string
  readonly url: string
  readonly webSocketDebuggerUrl: string
}

export class Devtools {
  readonly #base: string

  /** @throws while the browser is still starting */
  constructor(profileDir: string) {
    const [port] = readFileSync(join(profileDir, 'DevToolsActivePort'), 'utf8').split('\n')
    this.#base = `http://127.0.0.1:${port}/json`
  }

  async openTab(url: string): Promise<void> {
    await fetch(`${this.#base}/new?${encodeURIComponent(url)}`, { method: 'PUT' })
  }

  /** All tabs at this address. */
  async closeTabs(url: string): Promise<void> {
    for (const { id } of await this.#targets('page', url)) await fetch(`${this.#base}/close/${id}`)
  }

  /** As the browser does it: no event, no last words. */
  async killWorkers(url: string): Promise<void> {
    const [page] = await this.#targets('page', url)
    if (page) await ask(page, ['ServiceWorker.enable', 'ServiceWorker.stopAllWorkers'])
  }

  /** What the scripts of this address hold on their heaps; null while there is no such thread. Garbage is collected first, or one would measure that. */
  async heapBytes(type: 'page' | 'service_worker', url: string): Promise<number | null> {
    const [target] = await this.#targets(type, url)
    if (!target) return null
    const { usedSize } = (await ask(target, ['HeapProfiler.collectGarbage', 'Runtime.getHeapUsage']).catch(() => ({}))) as {
      usedSize?: number
    }
    return usedSize ?? null
  }

  async #targets(type: string, url: string): Promise<Target[]> {
    const targets = (await (await fetch(`${this.#base}/list`)).json()) as Target[]
    return targets.filter((target) => target.type === type && target.url.startsWith(url))
  }
}

/** One after the other. @returns the answer to the last */
const ask = (target: Target, methods: readonly string[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(target.webSocketDebuggerUrl)
    const timer = setTimeout(() => settle(() => reject(new Error(`${methods.join(', ')}: no answer`))), ANSWERS_WITHIN_MS)
    const settle = (how: () => void): void => {
      clearTimeout(timer)
      socket.close()
      how()
    }
    const next = (at: number): void => socket.send(JSON.stringify({ id: at + 1, method: methods[at] }))
    socket.on('open', () => next(0))
    socket.on('error', (cause) => settle(() => reject(cause)))
    socket.on('message', (data: Buffer) => {
      const { id, result, error } = JSON.parse(data.toString()) as { id?: number; result?: unknown; error?: { message: string } }
      if (id === undefined) return
      if (error) settle(() => reject(new Error(error.message)))
      else if (id === methods.length) settle(() => resolve(result))
      else next(id)
    })
  })
