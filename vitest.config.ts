import { defineConfig } from 'vitest/config'
import { oauthWithoutNode, passkeysWithoutAttestation } from './shims/replacements.ts'

/** Unit tests stand beside their source; what crosses rooms is in tests/ and belongs to Playwright. */
export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [oauthWithoutNode, passkeysWithoutAttestation],
  test: {
    // The OAuth provider as the worker has it, stand-ins and all.
    server: { deps: { inline: [/@atproto\/oauth-provider/, /@atproto\/oauth-types/, /@simplewebauthn/] } },
    include: ['{wire,sw,web,relay-shim,scripts,bench,shims,demo}/**/*.test.{ts,tsx}'],
    testTimeout: 20_000,
    // Many of them wait for a runtime or a clock: three keep two cores busy (289 s; two took 358). Left alone, two cores get one.
    maxWorkers: 3,
  },
})
