/**
 * `npm run host -- --headless [--port N] [--handle H] [--password P] [--persist DIR] [--plc URL] [--appview DID#service] [--runtime R] [--json]`: a pod without a person in front of it.
 * `--plc`: it gets a did:plc, registered with that directory, instead of the did:web of its address. `--appview`: it asks that service what it does not answer itself.
 * `--runtime`: partykit (the default) or wrangler; each keeps its own storage, so a persisted pod stays with its own.
 * Prints one JSON line `{"url","did","handle","password"}` when the pod can be reached, and runs until it is told to stop.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { isLoopbackHost } from '../wire/loopback.ts'
import { readArguments, readPlcUrl, readPort } from './arguments.ts'
import { findChromium } from './browser.ts'
import { build } from './build.ts'
import { beforeEnd, run, Usage } from './ending.ts'
import { launchAlone } from './lone-browser.ts'
import { answeredByTab, hostPod } from './pod.ts'
import { readRuntime, type Runtime, usualRuntime } from './runtimes.ts'
import { DEFAULT_PORT, newClaimToken, roomVariables } from './shim.ts'

/** What a persisted pod needs to come back as itself: its origin holds the port, so that may not change either. */
interface Kept {
  readonly port: number
  readonly handle: string
  readonly password: string
  readonly claimToken: string
  readonly runtime: Runtime
  readonly plc?: string
}

type Flags = ReturnType<typeof readFlags>

const readFlags = () =>
  readArguments({
    headless: 'boolean',
    json: 'boolean',
    port: 'string',
    handle: 'string',
    password: 'string',
    persist: 'string',
    plc: 'string',
    appview: 'string',
    runtime: 'string',
  } as const)

/** Parsed before anything starts, so that a typing mistake costs nothing. */
const checkFlags = (flags: Flags): void => {
  if (flags.port !== undefined) readPort(flags.port)
  if (flags.password !== undefined && flags.password.length < 8) throw new Usage('--password needs at least 8 characters.')
  if (flags.plc !== undefined) readPlcUrl(flags.plc)
  if (flags.runtime !== undefined) readRuntime(flags.runtime)
  if (flags.appview !== undefined && !/^did:(web|plc):[a-zA-Z0-9._:%-]+#[a-zA-Z0-9_-]+$/.test(flags.appview)) {
    throw new Usage(`--appview must be DID#service, as in did:web:api.bsky.app#bsky_appview, not "${flags.appview}".`)
  }
  if (!flags.headless && process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) {
    throw new Usage('There is no display here: use --headless.')
  }
}

/** @throws Usage when a flag contradicts what the persisted pod is. */
const settle = (flags: Flags, keptFile: string | null): Kept => {
  if (keptFile !== null && existsSync(keptFile)) {
    // One from before there was a choice has none written down.
    const written = JSON.parse(readFileSync(keptFile, 'utf8')) as Omit<Kept, 'runtime'> & Partial<Kept>
    const kept: Kept = { runtime: 'partykit', ...written }
    for (const name of ['port', 'handle', 'password', 'plc', 'runtime'] as const) {
      const asked = name === 'plc' && flags.plc !== undefined ? readPlcUrl(flags.plc) : flags[name]
      // Port 0 means any, so the one that it got then will do.
      const isAny = name === 'port' && asked === '0'
      if (asked !== undefined && !isAny && asked !== String(kept[name])) {
        throw new Usage(
          `The pod in ${flags.persist} was made with another --${name}${name === 'password' ? '' : ` (${kept[name] ?? 'none'})`}: leave the flag out.`,
        )
      }
    }
    return kept
  }
  return {
    port: flags.port === undefined ? DEFAULT_PORT : readPort(flags.port),
    handle: flags.handle ?? 'alice.test',
    password: flags.password ?? randomBytes(12).toString('base64url'),
    claimToken: process.env['TABPOD_CLAIM_TOKEN'] || newClaimToken(),
    runtime: flags.runtime === undefined ? usualRuntime() : readRuntime(flags.runtime),
    ...(flags.plc !== undefined && { plc: readPlcUrl(flags.plc) }),
  }
}

/** A service of this machine can only be asked over plain http, which the room allows for development alone. */
const appviewVariables = ({ appview, plc }: Flags): Record<string, string> => {
  if (appview === undefined) return {}
  const isLocal = /^did:web:(localhost|127\.)/.test(appview) || (plc !== undefined && isLoopbackHost(new URL(plc).hostname))
  return { TABPOD_APPVIEW: appview, ...(isLocal && { TABPOD_ALLOW_LOOPBACK_EGRESS: 'true' }) }
}

run(async () => {
  const flags = readFlags()
  checkFlags(flags)
  const directory = flags.persist === undefined ? mkdtempSync(join(tmpdir(), 'tabpod-')) : resolve(flags.persist)
  if (flags.persist === undefined) beforeEnd(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const keptFile = flags.persist === undefined ? null : join(directory, 'pod.json')
  const wanted = settle(flags, keptFile)

  const say = (line: string): void => void process.stderr.write(`tabpod: ${line}\n`)
  build({ quiet: true })
  findChromium(say)
  const browser = { profileDir: join(directory, 'profile'), headless: flags.headless === true }
  const pod = await hostPod({
    shim: {
      runtime: wanted.runtime,
      port: wanted.port,
      persist: join(directory, 'room'),
      claimToken: wanted.claimToken,
      variables: { ...roomVariables(), ...appviewVariables(flags) },
    },
    browser,
    handle: wanted.handle,
    password: wanted.password,
    ...(wanted.plc !== undefined && { plc: wanted.plc }),
  })
  beforeEnd(pod.stop)
  await pod.context.close()
  const tab = launchAlone(browser, pod.shim.url)
  beforeEnd(tab.stop)
  await answeredByTab(pod.shim.url)
  if (keptFile !== null) writeFileSync(keptFile, `${JSON.stringify({ ...wanted, port: pod.shim.port })}\n`, { mode: 0o600 })

  const { did, handle } = pod
  process.stdout.write(`${JSON.stringify({ url: pod.shim.url, did, handle, password: wanted.password })}\n`)
  if (!flags.json) say('Ctrl-C stops it.')
  const browserGone = tab.ended.then(() => 'The browser ended by itself.')
  throw new Error(await Promise.race([browserGone, pod.shim.ended.then((said) => `The shim ended by itself:\n${said}`)]))
})
