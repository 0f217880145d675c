/**
 * `node scripts/setup.mjs NAME [arguments]`: makes sure that what package-lock.json names is installed, then runs scripts/NAME.ts (or NAME/run.ts)
 * on the Node 24 that is installed with it. This file alone has to run on any Node ≥ 20, before anything is installed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..')
const [name, ...rest] = process.argv.slice(2)

/** The first Node that runs TypeScript, `import.meta.dirname` and the test runner as they are. */
const NEEDED_MAJOR = 24
const PARENT_POLL_MS = 250

const versionsIn = (lockFile) => {
  try {
    return JSON.parse(readFileSync(join(root, lockFile), 'utf8')).packages
  } catch {
    return null
  }
}

/** npm notes in node_modules/.package-lock.json what it has installed; optional packages of other platforms are missing there rightly. */
const isInstalled = () => {
  const wanted = versionsIn('package-lock.json')
  const present = versionsIn('node_modules/.package-lock.json')
  if (wanted === null) throw new Error('package-lock.json is missing or broken: this is not a whole checkout.')
  if (present === null) return false
  return Object.entries(wanted).every(([path, { version, optional, devOptional }]) => {
    if (path === '') return true
    return present[path] === undefined ? optional === true || devOptional === true : present[path].version === version
  })
}

const install = () => {
  process.stderr.write('tabpod: installing packages (once, a minute or two) …\n')
  const startedAt = Date.now()
  const { status, stdout, stderr, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}tabpod: npm ci failed${error ? `: ${error.message}` : ''}.\n`)
    process.exit(1)
  }
  process.stderr.write(`tabpod: packages installed in ${Math.round((Date.now() - startedAt) / 1000)} s.\n`)
}

const majorOf = (executable) => {
  const { status, stdout } = spawnSync(executable, ['--version'], { encoding: 'utf8' })
  return status === 0 ? Number(/^v(\d+)\./.exec(stdout)?.[1] ?? 0) : 0
}

/** The `node` package puts its binary here; without its install script (`--ignore-scripts`) only a Node that is already there can help. */
const findNode = () => {
  const installed = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(installed) && majorOf(installed) >= NEEDED_MAJOR) return installed
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) return process.execPath
  process.stderr.write(
    `tabpod: Node ${NEEDED_MAJOR} is needed; this is ${process.version}, and the package "node" brought none (were install scripts switched off?).\n`,
  )
  process.exit(1)
}

const script = [`scripts/${name}.ts`, `${name}/run.ts`].map((path) => join(root, path)).find((path) => existsSync(path))
if (!/^[a-z-]+$/.test(name ?? '') || script === undefined) {
  process.stderr.write('tabpod: usage: node scripts/setup.mjs start|host|demo|demo-rp|test|bench|soak|build|deploy [arguments]\n')
  process.exit(2)
}
if (!isInstalled()) install()

// The IPC channel carries nothing: by its end the script learns that this process is gone, even by SIGKILL, and stops what it started.
const child = spawn(findNode(), [script, ...rest], { cwd: root, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
// npm passes a signal on to the shell it started us from, and the shell dies of it alone where a script does not say `exec`.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), PARENT_POLL_MS).unref()
}
child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
