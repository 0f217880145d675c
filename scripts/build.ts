/** `npm run build`: generated lexicons, then the three bundles of vite.config.ts. Skipped when dist/ was built from exactly these sources. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'

const SOURCES = ['wire', 'sw', 'web', 'relay-shim', 'shims', 'vite.config.ts', 'scripts/lexicons.ts', 'package-lock.json']
const stamp = join(root, 'dist/built-from.txt')

/** @throws Error with the build's own output. @returns false when everything was fresh. */
export const build = ({ quiet = false } = {}): boolean => {
  const sources = fingerprint()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sources) return false
  step('scripts/lexicons.ts', [], quiet)
  step('node_modules/vite/bin/vite.js', ['build', '--app', '--logLevel', 'warn'], quiet)
  writeFileSync(stamp, sources)
  return true
}

const step = (script: string, flags: readonly string[], quiet: boolean): void => {
  try {
    execFileSync(process.execPath, [join(root, script), ...flags], { cwd: root, stdio: quiet ? 'pipe' : 'inherit', encoding: 'utf8' })
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string | null; stderr?: string | null }
    throw new Error(`${script} failed.\n${stdout ?? ''}${stderr ?? ''}`, { cause: error })
  }
}

const fingerprint = (): string => {
  const hash = createHash('sha256')
  const add = (path: string): void => {
    const full = join(root, path)
    if (!existsSync(full)) return
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).toSorted()) add(`${path}/${name}`)
    } else if (!path.includes('.test.')) {
      hash.update(`${path}\0`).update(readFileSync(full))
    }
  }
  for (const source of SOURCES) add(source)
  return hash.digest('hex')
}

if (process.argv[1] === import.meta.filename) {
  try {
    process.stdout.write(build() ? 'built.\n' : 'dist/ is fresh.\n')
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
