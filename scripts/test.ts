/** `npm test`: every check there is. Ends with the one line `N passed, N failed`; exit code 1 when anything failed. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { readArguments } from './arguments.ts'
import { findChromium } from './browser.ts'
import { beforeEnd, end, run } from './ending.ts'
import { root } from './root.ts'

interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Shown when something failed. */
  readonly output: string
}

interface Check {
  readonly name: string
  run(): Promise<Outcome>
}

const reports = join(root, 'node_modules/.cache/tabpod-reports')
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** Runs a tool of node_modules/.bin on this Node. */
const tool = (name: string, ...flags: readonly string[]): Promise<{ ok: boolean; output: string }> => {
  const path = [dirname(process.execPath), join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter)
  return new Promise((resolve) => {
    const options = { cwd: root, env: { ...process.env, PATH: path, FORCE_COLOR: '0', NO_COLOR: '1' }, maxBuffer: MAX_OUTPUT_BYTES }
    const child = execFile(name, flags, options, (error, stdout, stderr) => resolve({ ok: error === null, output: `${stdout}${stderr}` }))
    const ended = new Promise((resolve) => child.once('exit', resolve))
    beforeEnd(async () => {
      // On SIGINT Playwright stops its browsers and shims before it ends.
      if (child.exitCode === null && child.kill('SIGINT')) await ended
    })
  })
}

/** A tool that says yes or no counts as one. */
const verdict = (name: string, command: string, ...flags: readonly string[]): Check => ({
  name,
  run: async () => one(await tool(command, ...flags)),
})

const one = ({ ok, output }: { ok: boolean; output: string }): Outcome => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, output })

const unit: Check = {
  name: 'unit tests',
  run: async () => {
    const file = join(reports, 'unit.json')
    const { ok, output } = await tool('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`)
    const report = readReport<{ numPassedTests: number; numFailedTests: number; numPendingTests: number; numTodoTests: number }>(file)
    if (report === null) return one({ ok: false, output })
    // A file that cannot even be loaded fails the run without a failed test.
    const failed = Math.max(report.numFailedTests, ok ? 0 : 1)
    return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests, output }
  },
}

const crossRoom: Check = {
  name: 'end to end, interop, faults',
  run: async () => {
    const file = join(root, 'test-results/playwright.json')
    rmSync(file, { force: true })
    const { ok, output } = await tool('playwright', 'test')
    const report = readReport<{ stats: { expected: number; unexpected: number; flaky: number; skipped: number } }>(file)
    if (report === null) return one({ ok: false, output })
    const { expected, unexpected, flaky, skipped } = report.stats
    return { passed: expected, failed: Math.max(unexpected + flaky, ok ? 0 : 1), skipped, output }
  },
}

/** Two CID classes would disagree in `instanceof`, and cost 10 kB: this sentence stands once in multiformats' one. */
const oneCidClass: Check = {
  name: 'one CID class in the worker',
  run: async () => {
    const count =
      readFileSync(join(root, 'dist/public/_tabpod/worker.js'), 'utf8').split('To parse non base32, base36 or base58btc encoded CID')
        .length - 1
    return one({ ok: count === 1, output: `found ${count} times` })
  },
}

const readReport = <R>(file: string): R | null => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as R
  } catch {
    return null
  }
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const perform = async (check: Check): Promise<Outcome> => {
  const startedAt = performance.now()
  const outcome = await check
    .run()
    .catch((error: unknown) => one({ ok: false, output: error instanceof Error ? error.message : String(error) }))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const counts = outcome.passed + outcome.failed > 1 ? `: ${summary(outcome)}` : ''
  say(`${outcome.failed === 0 ? '✓' : '✗'} ${check.name}${counts} (${seconds} s)`)
  if (outcome.failed > 0) say(outcome.output.trimEnd().replace(/^/gm, '    '))
  return outcome
}

const summary = ({ passed, failed, skipped }: Omit<Outcome, 'output'>): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`

const inTurn = async (checks: readonly Check[]): Promise<Outcome[]> => {
  const outcomes: Outcome[] = []
  for (const check of checks) outcomes.push(await perform(check))
  return outcomes
}

run(async () => {
  readArguments({})
  mkdirSync(reports, { recursive: true })
  rmSync(join(reports, 'unit.json'), { force: true })
  // Types, dead code and every test need the generated lexicons.
  const lexicons = await tool(process.execPath, 'scripts/lexicons.ts')
  if (!lexicons.ok) throw new Error(`The lexicons could not be generated:\n${lexicons.output}`)
  const chromium = findChromium(say)
  process.env['CHROMIUM_PATH'] = chromium

  const outcomes = [
    // Two cores: one lane for what reads the sources, one for the build and what looks at the bundles.
    ...(await Promise.all([
      inTurn([
        verdict('format', 'oxfmt', '--check'),
        verdict('lint', 'oxlint'),
        verdict('types', 'tsc', '-p', '.'),
        verdict('dead code', 'knip'),
        unit,
      ]),
      inTurn([verdict('build', process.execPath, 'scripts/build.ts'), verdict('bundle size', 'size-limit'), oneCidClass]),
    ])),
    await inTurn([crossRoom]),
  ].flat()

  const total = (count: 'passed' | 'failed'): number => outcomes.reduce((sum, outcome) => sum + outcome[count], 0)
  // Nothing else on it: programs read this line. What was skipped stands above, and the names say why.
  say(`${total('passed')} passed, ${total('failed')} failed`)
  await end(total('failed') === 0 ? 0 : 1)
})
