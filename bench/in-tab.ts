/** createRecord in the tab itself: a real Chromium, the real repo engine, real IndexedDB; no socket, no room. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { launchBrowser } from '../scripts/browser.ts'
import { alias, inject, treeshake } from '../vite.config.ts'

export interface InTabReport {
  /** Median ms of `handle(Request)`. */
  readonly handler: number
  /** Median ms of `repo.write`. */
  readonly total: number
  /** Median ms of each step of a commit. */
  readonly steps: Readonly<Record<string, number>>
}

const TARGET_MS = 2
/** Any loopback address is a secure context; nothing listens there, Playwright answers. */
const PAGE = 'http://localhost:9/'

export const reportInTab = async (say: (line: string) => void): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'tabpod-bench-'))
  try {
    const script = await bundle(directory)
    const context = await launchBrowser({ profileDir: join(directory, 'profile'), headless: true })
    try {
      const page = await context.newPage()
      await page.route(`${PAGE}**`, (route) =>
        route.request().url() === PAGE
          ? route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>benchmark</title>' })
          : route.fulfill({ contentType: 'text/javascript', body: script }),
      )
      await page.goto(PAGE)
      print(await page.evaluate(run), say)
    } finally {
      await context.close()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Runs in the page. */
const run = (): Promise<InTabReport> =>
  new Promise((resolve, reject) => {
    const worker = new Worker('/worker.js')
    worker.onmessage = ({ data }) => resolve(data as InTabReport)
    worker.onerror = ({ message }) => reject(new Error(message))
    worker.postMessage('go')
  })

const bundle = async (directory: string): Promise<string> => {
  await build({
    configFile: false,
    logLevel: 'warn',
    resolve: { alias },
    build: {
      outDir: directory,
      emptyOutDir: false,
      rolldownOptions: {
        input: join(import.meta.dirname, 'in-tab-worker.ts'),
        transform: { inject },
        treeshake,
        output: { format: 'iife', entryFileNames: 'worker.js', codeSplitting: false },
      },
    },
  })
  return readFile(join(directory, 'worker.js'), 'utf8')
}

const print = ({ handler, total, steps }: InTabReport, say: (line: string) => void): void => {
  say(`\nin the tab itself, medians`)
  say(
    `${'createRecord, Request → Response'.padEnd(36)}${handler.toFixed(2)} ms   target ≤ ${TARGET_MS} ms ${handler <= TARGET_MS ? 'met' : 'MISSED'}`,
  )
  say(`${'repo.write alone'.padEnd(36)}${total.toFixed(2)} ms`)
  for (const [step, ms] of Object.entries(steps)) say(`${`  ${step}`.padEnd(36)}${ms.toFixed(2)} ms   ${((100 * ms) / total).toFixed(0)} %`)
}
