/** The relay shim as a child process: `partykit dev`, or wrangler's workerd, on the built room (dist/), in a process group of its own. Needs `build()` first. */
import { spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { ANSWERED_BY } from '../relay-shim/answer.ts'
import { isListed } from '../relay-shim/hosting/hosts.ts'
import { BadSettings, readSettings, type RoomSettings, unknownVariables } from '../relay-shim/settings/settings.ts'
import { STATUS_PATH } from '../wire/frames.ts'
import { endGroup } from './processes.ts'
import { root } from './root.ts'
import { type Runtime, RUNTIMES, usualRuntime } from './runtimes.ts'

export const DEFAULT_PORT = 1999

/** `partykit dev` is up in 1–2 s on an idle machine, the other as fast; tests start several on two busy cores. */
const READY_WITHIN_MS = 60_000
const POLL_MS = 50

/** Below those that systems give to outgoing connections: while a shim is down, nobody else gets its port. */
const OWN_PORTS = [20_000, 30_000] as const
/** Another shim may draw the same number, or anything else may listen there. */
const MAX_DRAWS = 5

export interface ShimOptions {
  /** Left out: as `TABPOD_RUNTIME` says, else partykit. */
  readonly runtime?: Runtime
  /** Directory whose dist/ is served; this checkout when absent. */
  readonly built?: string
  /** Absent or 0: any free one. */
  readonly port?: number
  /** Directory of the rooms' storage and of the build that is served; made if it is not there. */
  readonly persist: string
  /** Who may claim a free room: `TABPOD_POLICY`. Default: token. */
  readonly policy?: 'open' | 'token' | 'closed'
  /** Random when absent. */
  readonly claimToken?: string
  /** Further variables of the room, by their TABPOD_… names. */
  readonly variables?: Readonly<Record<string, string>>
  /** Debugger's port; none when absent. */
  readonly inspectorPort?: number
  /** Every line that the runtime prints. */
  readonly onLine?: (line: string) => void
}

export interface Shim {
  readonly port: number
  /** `http://localhost:PORT`, the pod's public address. */
  readonly url: string
  readonly claimToken: string
  /** Whether `url` is a room: TABPOD_HOSTS may name other hosts, which a proxy in front forwards. */
  readonly isOpenHere: boolean
  /** What the owner opens first: the first address that is listed, with the claim token in its fragment, which never reaches a server. */
  readonly claimUrl: string
  /** Id of the process group: the runtime and whatever it started. */
  readonly group: number
  /** Resolves with what was printed last when the shim ends, whoever ended it. */
  readonly ended: Promise<string>
  /** Ends it and proves that no process is left. */
  stop(): Promise<void>
  /** The same by SIGKILL: a crash, for tests. */
  kill(): Promise<void>
}

/** Of this checkout's scripts and tests. */
const NOT_OF_THE_ROOM = new Set(['TABPOD_RUNTIME', 'TABPOD_GO_TESTS', 'TABPOD_SEED'])

/** The variables of this process that are a room's (`relay-shim/settings/settings.ts`), for the commands that people run. */
export const roomVariables = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      name.startsWith('TABPOD_') && !NOT_OF_THE_ROOM.has(name) && value ? [[name, value]] : [],
    ),
  )

/** @throws Error when the settings are wrong, the port is taken, or the shim does not come up; nothing keeps running then. */
export const startShim = async (options: ShimOptions): Promise<Shim> => {
  if (options.port) return await startAt(options.port, options)
  for (let draws = 1; ; draws += 1)
    try {
      return await startAt(randomInt(...OWN_PORTS), options)
    } catch (cause) {
      if (!(cause instanceof PortTaken) || draws === MAX_DRAWS) throw cause
    }
}

const startAt = async (port: number, options: Omit<ShimOptions, 'port'>): Promise<Shim> => {
  const runtime = RUNTIMES[options.runtime ?? usualRuntime()]
  await checkFree(port)
  const claimToken = options.claimToken ?? newClaimToken()
  const variables = {
    ...runtime.variables,
    TABPOD_POLICY: options.policy ?? 'token',
    TABPOD_CLAIM_TOKEN: claimToken,
    ...options.variables,
  }
  const settings = checkedSettings(variables)
  const served = serveCopy(options, runtime.config)
  writeVariables(join(served, runtime.variablesFile), variables)

  const { persist, inspectorPort } = options
  const place = { port, persist, ...(inspectorPort !== undefined && { inspectorPort }) }
  const child = spawn(process.execPath, runtime.command(place), {
    cwd: served,
    detached: true,
    env: { ...process.env, ...runtime.environment(place), NO_COLOR: '1', BROWSER: 'none' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const group = child.pid
  if (group === undefined) throw new Error('The runtime could not be started.')

  const lines: string[] = []
  const hear = (chunk: Buffer): void => {
    for (const line of chunk
      .toString()
      .replaceAll(ANSI, '')
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)) {
      lines.push(line)
      if (lines.length > KEPT_LINES) lines.shift()
      options.onLine?.(line)
    }
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = new Promise<string>((resolve) => child.once('close', () => resolve(lines.join('\n'))))

  const url = `http://localhost:${port}`
  const stop = async (gently: boolean): Promise<void> => {
    await endGroup(group, gently)
    await ended
  }
  // Should this process end without stop(): nothing asynchronous runs any more, a signal can still be sent.
  const lastResort = (): void => void trySignal(group)
  process.once('exit', lastResort)
  void ended.then(() => process.off('exit', lastResort))

  try {
    await ready({ port, url, lines, ended })
  } catch (error) {
    await stop(false)
    throw error
  }
  const isOpenHere = isListed(settings.hosts, `localhost:${port}`)
  const claimUrl = `${isOpenHere ? url : publicUrl(settings)}/#claim=${claimToken}`
  return { port, url, isOpenHere, claimToken, claimUrl, group, ended, stop: () => stop(true), kill: () => stop(false) }
}

/** A name that stands for many has no address of its own: the reader puts one in its place. */
const publicUrl = ({ hosts }: RoomSettings): string => {
  const named = hosts.filter((pattern) => pattern !== '*')
  const { name, port } = named.find((pattern) => !pattern.name.startsWith('*.')) ?? named[0] ?? { name: 'localhost', port: null }
  return `https://${name}${port === null || port === 'any' ? '' : `:${port}`}`
}

/** 128 bits: nobody guesses it, and it still fits a terminal line. */
export const newClaimToken = (): string => randomBytes(16).toString('base64url')

const KEPT_LINES = 60
// eslint-disable-next-line no-control-regex -- terminal colours and cursor movements are control characters
const ANSI = /\u001B\[[0-9;]*[A-Za-z]/g

/** The runtimes watch what they serve and start anew when that changes, which drops every socket: so a build must not touch what runs. */
const serveCopy = ({ persist, built = root }: ShimOptions, config: string): string => {
  const served = resolve(persist, 'served')
  rmSync(served, { recursive: true, force: true })
  cpSync(join(built, 'dist'), join(served, 'dist'), { recursive: true })
  cpSync(join(root, config), join(served, config))
  return served
}

/** @throws Error with a line for each mistake: who started this needs no stack. */
const checkedSettings = (variables: Readonly<Record<string, string>>): RoomSettings => {
  const unknown = unknownVariables(variables)
  if (unknown.length > 0)
    throw new Error(unknown.map((name) => `There is no setting ${name}; docs/protocol.md lists those there are.`).join('\n'))
  try {
    return readSettings(variables)
  } catch (cause) {
    throw cause instanceof BadSettings ? new Error(cause.mistakes.join('\n'), { cause }) : cause
  }
}

/** In a file for this user's eyes, where the runtime looks for it: a command line with the mail server's password could be read by everybody on the machine. */
const writeVariables = (file: string, variables: Readonly<Record<string, string>>): void => {
  const lines = Object.entries(variables).map(([name, value]) => {
    if (/['\r\n]/.test(value)) throw new Error(`${name} must not contain a quote or a line break; in an address a quote is %27.`)
    return `${name}='${value}'`
  })
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 })
}

/** partykit prints an error about a taken port and runs on without serving: so look first. */
const checkFree = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new PortTaken(port) : new Error(`Port ${port} cannot be used: ${error.message}`)),
    )
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()))
  })

class PortTaken extends Error {
  constructor(port: number) {
    super(`Port ${port} is already in use: stop what listens there, or choose another with --port.`)
  }
}

const ready = async (shim: { port: number; url: string; lines: readonly string[]; ended: Promise<string> }): Promise<void> => {
  let over = false
  void shim.ended.then(() => (over = true))
  for (const until = Date.now() + READY_WITHIN_MS; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, POLL_MS))) {
    const said = shim.lines.join('\n')
    if (said.includes('Address already in use')) throw new PortTaken(shim.port)
    if (over || said.includes('Error reloading local server')) throw new Error(`The shim did not start:\n${said}`)
    const answer = await fetch(shim.url + STATUS_PATH, { signal: AbortSignal.timeout(5_000) }).catch(() => null)
    await answer?.body?.cancel()
    // A runtime that is not up yet says so in words of its own.
    if (answer && (answer.status < 500 || answer.headers.has(ANSWERED_BY))) return
  }
  throw new Error(`The shim did not answer within ${READY_WITHIN_MS / 1000} s:\n${shim.lines.join('\n')}`)
}

const trySignal = (group: number): boolean => {
  try {
    return process.kill(-group, 'SIGKILL')
  } catch {
    return false
  }
}
