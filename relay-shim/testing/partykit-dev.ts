/** The real room under `partykit dev`, built and started in a directory of its own, so that it disturbs neither `dist` nor another test. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createBuilder } from 'vite'

const PARTYKIT = fileURLToPath(new URL('../../node_modules/partykit/dist/bin.mjs', import.meta.url))
const PAGE_BYTES = 4096
const STARTS_WITHIN_MS = 60_000
/** A workerd that is only just up may take a connection and never answer on it. */
const ANSWERS_WITHIN_MS = 3_000

export interface PartykitDev {
  readonly port: number
  readonly host: string
  readonly origin: string
  /** Process group of the CLI, workerd included. */
  readonly pid: number
  readonly log: () => string
  /** Memory workerd holds now; null where there is no /proc. */
  readonly residentBytes: () => Promise<number | null>
  stop(): Promise<void>
}

export const startPartykitDev = async (vars: Readonly<Record<string, string>>): Promise<PartykitDev> => {
  const directory = await mkdtemp(join(tmpdir(), 'tabpod-room-'))
  await buildRoom(join(directory, 'room'))
  await mkdir(join(directory, 'public/_tabpod'), { recursive: true })
  await writeFile(join(directory, 'public/index.html'), '<!doctype html><title>page</title>')
  await writeFile(join(directory, 'public/_tabpod/worker.js'), '// worker')
  const config = { name: 'tabpod', main: 'room/partykit.js', serve: 'public', compatibilityDate: '2024-07-01' }
  await writeFile(join(directory, 'partykit.json'), JSON.stringify(config))
  const port = await freePort()
  const named = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}=${value}`])
  const child = spawn(
    process.execPath,
    [
      PARTYKIT,
      'dev',
      '--port',
      String(port),
      '--persist',
      join(directory, 'state'),
      '--disable-request-cf-fetch',
      '--no-hotkeys',
      ...named,
    ],
    { cwd: directory, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_UPDATE_NOTIFIER: '1', CI: '1' } },
  )
  let log = ''
  child.stdout.on('data', (text: Buffer) => (log += text.toString()))
  child.stderr.on('data', (text: Buffer) => (log += text.toString()))
  const host = `localhost:${port}`
  const stop = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      process.kill(-child.pid, 'SIGKILL')
      await ended
    }
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await untilAnswers(`http://${host}/xrpc/_tabpod/status`, () => ({ log, isOver: child.exitCode !== null }))
  } catch (cause) {
    await stop()
    throw cause
  }
  return {
    port,
    host,
    origin: `http://${host}`,
    pid: child.pid ?? 0,
    log: () => log,
    residentBytes: () => residentBytes(child.pid ?? 0),
    stop,
  }
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const residentBytes = async (group: number): Promise<number | null> => {
  const pids = await readdir('/proc').catch(() => [])
  const stats = await Promise.all(
    pids.filter((name) => /^\d+$/.test(name)).map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')),
  )
  const pages = stats
    .filter((stat) => stat.includes('(workerd)'))
    .map((stat) => stat.slice(stat.lastIndexOf(')') + 2).split(' '))
    .filter(([, , processGroup]) => processGroup === String(group))
    .map((fields) => Number(fields[21]))
  return pages.length === 0 ? null : pages.reduce((sum, count) => sum + count, 0) * PAGE_BYTES
}

const buildRoom = async (outDir: string): Promise<void> => {
  const configFile = fileURLToPath(new URL('../../vite.config.ts', import.meta.url))
  const builder = await createBuilder({ configFile, logLevel: 'error' })
  const room = builder.environments['room']
  if (!room) throw new Error('no build environment named room')
  room.config.build.outDir = outDir
  await builder.build(room)
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))))
    })
  })

const untilAnswers = async (url: string, dev: () => { readonly log: string; readonly isOver: boolean }): Promise<void> => {
  const deadline = Date.now() + STARTS_WITHIN_MS
  while (Date.now() < deadline && !dev().isOver) {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) }).catch(() => null)
    await response?.body?.cancel()
    if (response) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`partykit dev did not answer\n${dev().log}`)
}
