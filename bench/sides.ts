/** The two sides of every comparison, each a process of its own: our headless host and the reference PDS. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Credentials } from './client.ts'

export interface Side extends Credentials {
  readonly name: 'tabpod' | 'reference'
  stop(): Promise<void>
}

/** Both start cold here; on a busy machine Chromium alone may take ten seconds. */
const START_DEADLINE_MS = 120_000

const root = join(import.meta.dirname, '..')

const startSide = async (name: Side['name'], command: readonly string[], cwd: string): Promise<Side> => {
  const child = spawn(process.execPath, command, { cwd, stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, LOG_ENABLED: 'false' } })
  const timer = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS)
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue
    clearTimeout(timer)
    const credentials = JSON.parse(line) as Credentials
    return {
      ...credentials,
      name,
      stop: async () => {
        if (child.exitCode !== null) return
        const gone = once(child, 'exit')
        child.kill('SIGTERM')
        await gone
      },
    }
  }
  throw new Error(`${name} ended before it was reachable`)
}

export const startOurs = (): Promise<Side> =>
  startSide('tabpod', [join(root, 'scripts/host.ts'), '--headless', '--json', '--port', '0'], root)

/** Installs it first where it is not there yet: 640 packages that nothing but comparisons needs. */
export const startReference = (): Promise<Side> => {
  const directory = join(root, 'tests/reference')
  if (!existsSync(join(directory, 'node_modules/.package-lock.json'))) {
    process.stderr.write('installing the reference PDS …\n')
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return startSide('reference', ['serve.mjs'], directory)
}
