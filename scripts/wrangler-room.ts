/**
 * The Worker of the `wrangler.jsonc` in this directory, built, in workerd: what `wrangler dev` runs behind a proxy of its own (docs/decisions/0013).
 * Arguments: `--port N --persist DIR`, and `--inspector-port N` for a debugger. Runs until it is told to stop.
 */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { unstable_getMiniflareWorkerOptions as readWorker } from 'wrangler'

/** The part of miniflare that is used here. It is the one that wrangler brings along: partykit has an older one. */
interface Runtime {
  readonly ready: Promise<unknown>
  dispose(): Promise<void>
}
interface MiniflareModule {
  readonly Miniflare: new (options: object) => Runtime
  readonly Log: new (level: number) => object
  readonly LogLevel: { readonly WARN: number }
  /** Wrangler describes a Worker in the form of the version before. */
  readonly convertV4MiniflareOptions: (options: object) => object
}

const { Miniflare, Log, LogLevel, convertV4MiniflareOptions } = createRequire(createRequire(import.meta.url).resolve('wrangler'))(
  'miniflare',
) as MiniflareModule

const { values } = parseArgs({ options: { port: { type: 'string' }, persist: { type: 'string' }, 'inspector-port': { type: 'string' } } })
const { workerOptions, main } = readWorker(resolve('wrangler.jsonc'))
if (main === undefined || values.port === undefined || values.persist === undefined)
  throw new Error('Not started as scripts/runtimes.ts does.')

const room = dirname(main)
/** Vite has made them: nothing is bundled a second time. The entry comes first. */
const modules = [main, ...readdirSync(room).map((name) => join(room, name))].filter(
  (path, at, all) => path.endsWith('.js') && all.indexOf(path) === at,
)

const runtime = new Miniflare(
  convertV4MiniflareOptions({
    host: '127.0.0.1',
    port: Number(values.port),
    cf: false,
    logRequests: false,
    ...(values['inspector-port'] !== undefined && { inspectorPort: Number(values['inspector-port']) }),
    log: new Log(LogLevel.WARN),
    resourcePersistencePath: resolve(values.persist),
    workers: [
      {
        ...workerOptions,
        name: 'tabpod',
        modulesRules: undefined,
        modulesRoot: room,
        modules: modules.map((path) => ({ type: 'ESModule', path })),
      },
    ],
  }),
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void runtime.dispose().then(() => process.exit(0)))
await runtime.ready
