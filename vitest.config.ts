import { defineConfig } from 'vitest/config'

/** Unit tests stand beside their source; what crosses rooms is in tests/ and belongs to Playwright. */
export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  test: {
    include: ['{wire,sw,web,relay-shim,scripts,bench,shims}/**/*.test.{ts,tsx}'],
    testTimeout: 20_000,
    // Many of them wait for a runtime or a clock. Left alone, two cores get one worker.
    maxWorkers: 2,
  },
})
