/**
 * `npm run soak -- [--minutes N] [--runtime R]`: a pod under steady load for a while (10 minutes), while its tab is closed and opened, its worker killed, and its room left alone until it sleeps.
 * Prints memory and latency every 30 s, and in the end how much either has grown. Exit code 1: an event was lost or doubled, or the room never slept.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { signIn } from '../bench/client.ts'
import { quantile } from '../bench/statistics.ts'
import { readArguments } from './arguments.ts'
import { findChromium } from './browser.ts'
import { build } from './build.ts'
import { DEVTOOLS_FLAGS, Devtools } from './devtools.ts'
import { beforeEnd, end, run, Usage } from './ending.ts'
import { launchAlone } from './lone-browser.ts'
import { answeredByTab, hostPod } from './pod.ts'
import { residentBytes } from './processes.ts'
import { readRuntime, usualRuntime } from './runtimes.ts'
import { SoakLoad } from './soak-load.ts'

const DEFAULT_MINUTES = 10
const SAMPLE_MS = 30_000
/** What happens to the pod, in turn, in the middle between two samples. */
const EVENTS = ['kill', 'none', 'close', 'none', 'kill', 'idle', 'none', 'close'] as const
/** The runtimes put a room to sleep 10 to 20 s after the last that happened in it. */
const IDLE_MS = 25_000
const CLOSED_MS = 4_000
/** Heaps and caches fill first. */
const WARM_UP_SHARE = 0.3
/** What still counts as flat, over the whole run: garbage collectors breathe. */
const FLAT_SHARE = 0.15
const MIB = 1024 * 1024

interface Sample {
  readonly minutes: number
  readonly [column: string]: number | null
}

run(async () => {
  const flags = readArguments({ minutes: 'string', runtime: 'string' } as const)
  const minutes = Number(flags.minutes ?? DEFAULT_MINUTES)
  if (!(minutes > 0)) throw new Usage(`--minutes must be a number above 0, not "${flags.minutes}".`)
  const runtime = flags.runtime === undefined ? usualRuntime() : readRuntime(flags.runtime)
  const say = (line: string): void => void process.stdout.write(`${line}\n`)

  const directory = mkdtempSync(join(tmpdir(), 'tabpod-soak-'))
  beforeEnd(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  build({ quiet: true })
  findChromium(say)
  const password = 'correct horse battery staple'
  const browser = { profileDir: join(directory, 'profile'), headless: true, flags: DEVTOOLS_FLAGS }
  const pod = await hostPod({
    shim: { runtime, persist: join(directory, 'room') },
    browser: { ...browser, flags: [] },
    handle: 'alice.test',
    password,
  })
  beforeEnd(pod.stop)
  await pod.context.close()
  const { url, group } = pod.shim
  const alone = launchAlone(browser, url)
  beforeEnd(alone.stop)
  await answeredByTab(url)
  const devtools = new Devtools(browser.profileDir)
  const client = await signIn({ url, did: pod.did, handle: pod.handle, password })
  const load = new SoakLoad(url, client)
  const faults: string[] = []

  const disturb = async (event: (typeof EVENTS)[number]): Promise<void> => {
    if (event === 'kill') return devtools.killWorkers(url)
    if (event === 'close') {
      // A browser without a tab ends.
      await devtools.openTab('about:blank')
      await devtools.closeTabs(url)
      await sleep(CLOSED_MS)
      return devtools.openTab(url)
    }
    if (event !== 'idle') return
    load.isIdle = true
    const from = Date.now()
    await sleep(IDLE_MS)
    const { awakeSince } = (await (await fetch(`${url}/health`)).json()) as { awakeSince: string }
    if (Date.parse(awakeSince) < from + IDLE_MS / 2) faults.push(`left alone for ${IDLE_MS / 1000} s, the room did not sleep`)
    load.isIdle = false
  }

  say(`${runtime}, ${minutes} minutes; memory in MiB, times in ms\n`)
  say(COLUMNS.map(([name, width]) => name.padStart(width)).join(' '))
  const samples: Sample[] = []
  const startedAt = Date.now()
  for (let n = 0; Date.now() - startedAt < minutes * 60_000; n += 1) {
    const until = startedAt + (n + 1) * SAMPLE_MS
    const event = EVENTS[n % EVENTS.length] ?? 'none'
    if (event !== 'idle') await sleep(SAMPLE_MS / 2)
    await disturb(event)
    await sleep(Math.max(0, until - Date.now()))
    const { writesMs, readsMs, events, unanswered } = load.take()
    const sample: Sample = {
      minutes: (Date.now() - startedAt) / 60_000,
      workerd: inMib(residentBytes(group, 'workerd')),
      page: inMib(await devtools.heapBytes('page', url)),
      worker: inMib(await devtools.heapBytes('service_worker', url)),
      'write p50': at(writesMs, 0.5),
      'write p99': at(writesMs, 0.99),
      'read p50': at(readsMs, 0.5),
      'read p99': at(readsMs, 0.99),
      writes: writesMs.length,
      events,
      unanswered,
    }
    samples.push(sample)
    say(`${COLUMNS.map(([name, width]) => figure(sample[name] ?? null).padStart(width)).join(' ')}  ${event === 'none' ? '' : event}`)
  }
  await load.end()
  client.close()

  say('')
  for (const column of ['workerd', 'page', 'worker', 'write p50', 'read p50']) say(verdictOn(column, samples))
  faults.push(...load.faults)
  for (const fault of faults) say(`FAULT: ${fault}`)
  say(faults.length === 0 ? 'No event was lost or doubled, and the room slept whenever it was left alone.' : `${faults.length} faults.`)
  await end(faults.length === 0 ? 0 : 1)
})

const COLUMNS = [
  ['minutes', 7],
  ['workerd', 8],
  ['page', 6],
  ['worker', 7],
  ['write p50', 10],
  ['write p99', 10],
  ['read p50', 9],
  ['read p99', 9],
  ['writes', 7],
  ['events', 7],
  ['unanswered', 11],
] as const

/** By the line that fits best, after the warm-up: what it gains over the whole of it, beside what it is. */
const verdictOn = (column: string, samples: readonly Sample[]): string => {
  const points = samples.slice(Math.floor(samples.length * WARM_UP_SHARE)).flatMap((sample) => {
    const value = sample[column] ?? null
    return value === null ? [] : [[sample.minutes, value] as const]
  })
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last || points.length < 3) return `${column.padEnd(10)} too few samples`
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const slope =
    points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
  const growth = slope * (last[0] - first[0])
  const share = `${growth < 0 ? '' : '+'}${((growth / y) * 100).toFixed(0)} %`
  return `${column.padEnd(10)} ${growth > FLAT_SHARE * y ? 'GROWS' : 'flat '} ${slope.toFixed(3)} a minute, ${share} of ${figure(y)} in ${(last[0] - first[0]).toFixed(1)} minutes`
}

const inMib = (bytes: number | null): number | null => (bytes === null ? null : bytes / MIB)

const at = (values: readonly number[], q: number): number | null => (values.length === 0 ? null : quantile(values, q))

const figure = (value: number | null): string => (value === null ? '–' : Number.isInteger(value) ? String(value) : value.toFixed(1))
