/** The two sides of every comparison, each a process of its own: our headless host and the reference PDS. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
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

export const startReference = (): Promise<Side> => startSide('reference', ['serve.mjs'], join(root, 'tests/reference'))
