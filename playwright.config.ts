import { defineConfig } from 'playwright/test'
import { usualRuntime } from './scripts/runtimes.ts'
import type { RoomOptions } from './tests/fixtures/room.ts'

/** What shows whether a room lives in a runtime: requests, sockets, cookies, storage that outlives a crash. `TABPOD_RUNTIME=wrangler` runs all there is on it. */
const RUNTIME_SPECS =
  '{e2e/{writing,closed-tab,operator,offline,fedcm,shim},faults/{restarted-shim,killed-shim,killed-worker,hand-over,two-tabs,repaired-mirror,uplink,rate-limits,bad-input},interop/{firehose,repo-export}}.spec.ts'

/** What crosses rooms: a real shim, a real Chromium, a real worker. Each file has a shim of its own, so files may run side by side. */
export default defineConfig<object, RoomOptions>({
  testDir: 'tests',
  testMatch: '{e2e,interop,faults}/**/*.spec.ts',
  outputDir: 'test-results',
  fullyParallel: false,
  workers: 2,
  projects: [
    { name: usualRuntime() },
    ...(usualRuntime() === 'wrangler' ? [] : [{ name: 'wrangler', testMatch: RUNTIME_SPECS, use: { runtime: 'wrangler' as const } }]),
  ],
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [['list'], ['json', { outputFile: 'test-results/playwright.json' }]],
})
