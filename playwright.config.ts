import { defineConfig } from 'playwright/test'

/** What crosses rooms: a real shim, a real Chromium, a real worker. Each file has a shim of its own, so files may run side by side. */
export default defineConfig({
  testDir: 'tests',
  testMatch: '{e2e,interop,faults}/**/*.spec.ts',
  outputDir: 'test-results',
  fullyParallel: false,
  workers: 2,
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [['list'], ['json', { outputFile: 'test-results/playwright.json' }]],
})
