/** A dedicated worker in a page of a real Chromium, with files to fetch and its heap watched: where the pod's parts are measured without a room. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CDPSession, Page } from 'playwright'
import { build } from 'vite'
import { launchBrowser } from '../scripts/browser.ts'
import { oauthWithoutNode, passkeysWithoutAttestation } from '../shims/replacements.ts'
import { alias, inject, treeshake } from '../vite.config.ts'

const HEAP_SAMPLE_MS = 50

export interface WorkerPage {
  /** Posts `message` to the worker. @returns what it posts back */
  ask<T>(message: string): Promise<T>
  /** Runs `work`. @returns by how many bytes the worker's heap, buffers included, grew at most meanwhile, garbage included */
  heapGrowth(work: () => Promise<unknown>): Promise<number>
}

/** @param files bytes that the worker can fetch, by path */
export const withWorker = async (
  script: string,
  files: ReadonlyMap<string, Uint8Array>,
  use: (page: WorkerPage) => Promise<void>,
): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'tabpod-bench-'))
  try {
    const bundled = await bundle(script, directory)
    const site = createServer(({ url = '/' }, response) => {
      if (url === '/') response.setHeader('content-type', 'text/html').end('<!doctype html><title>benchmark</title>')
      else if (url === '/worker.js') response.setHeader('content-type', 'text/javascript').end(bundled)
      else response.writeHead(files.has(url) ? 200 : 404).end(files.get(url))
    })
    // Should the browser not start: nothing waits for it.
    site.unref()
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    const context = await launchBrowser({ profileDir: join(directory, 'profile'), headless: true })
    try {
      const page = await context.newPage()
      // Any loopback address is a secure context.
      await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
      await use(await startWorker(await context.newCDPSession(page), page))
    } finally {
      await context.close()
      site.closeAllConnections()
      site.close()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const startWorker = async (devtools: CDPSession, page: Page): Promise<WorkerPage> => {
  const attached = new Promise<string>((resolve) => devtools.once('Target.attachedToTarget', ({ sessionId }) => resolve(sessionId)))
  await devtools.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false })
  await page.evaluate(() => Object.assign(globalThis, { worker: new Worker('/worker.js') }))
  const inspect = speakTo(devtools, await attached)
  const heap = async (): Promise<number> => {
    const { usedSize, embedderHeapUsedSize, backingStorageSize } = await inspect<Heap>('Runtime.getHeapUsage')
    return usedSize + embedderHeapUsedSize + backingStorageSize
  }
  return {
    ask: (message) => page.evaluate(post, message) as Promise<never>,
    heapGrowth: async (work) => {
      await inspect('HeapProfiler.collectGarbage')
      const before = await heap()
      let highest = before
      const done = new AbortController()
      const watch = async (): Promise<void> => {
        while (!done.signal.aborted) {
          highest = Math.max(highest, await heap())
          await new Promise((resolve) => setTimeout(resolve, HEAP_SAMPLE_MS))
        }
      }
      await Promise.all([watch(), work().finally(() => done.abort())])
      return highest - before
    },
  }
}

interface Heap {
  readonly usedSize: number
  readonly embedderHeapUsedSize: number
  readonly backingStorageSize: number
}

/** Runs in the page. */
const post = (message: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const { worker } = globalThis as unknown as { worker: Worker }
    worker.onmessage = ({ data }) => resolve(data)
    worker.onerror = (event) => reject(new Error(event.message))
    worker.postMessage(message)
  })

/** Playwright has no session of its own for a worker; messages to it travel inside those of its page. */
const speakTo = (devtools: CDPSession, sessionId: string) => {
  const waiting = new Map<number, (result: unknown) => void>()
  let last = 0
  devtools.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { id?: number; result?: unknown }
    if (id !== undefined) waiting.get(id)?.(result)
  })
  return <T>(method: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = (last += 1)
      waiting.set(id, (result) => resolve(result as T))
      devtools.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method }) }).catch(reject)
    })
}

const bundle = async (script: string, directory: string): Promise<string> => {
  await build({
    configFile: false,
    logLevel: 'warn',
    resolve: { alias },
    plugins: [oauthWithoutNode, passkeysWithoutAttestation],
    build: {
      outDir: directory,
      emptyOutDir: false,
      rolldownOptions: {
        input: join(import.meta.dirname, script),
        transform: { inject },
        treeshake,
        output: { format: 'iife', entryFileNames: 'worker.js', codeSplitting: false },
      },
    },
  })
  return readFile(join(directory, 'worker.js'), 'utf8')
}
