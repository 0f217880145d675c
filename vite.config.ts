import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { lazyZod } from './shims/lazy-zod.ts'
import { catalogAddresses, catalogFiles } from './sw/languages/assets.ts'
import { oauthWithoutNode, passkeysWithoutAttestation, roomWithoutZod } from './shims/replacements.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** What our dependencies bring along and is better replaced; see shims/README.md. */
export const alias = {
  '@atproto/common': at('shims/atproto-common.ts'),
  'node:timers/promises': at('shims/timers-promises.ts'),
  './utf8-grapheme-len.js': at('shims/grapheme-length.ts'),
  'multiformats/basics': at('shims/multiformats-basics.ts'),
}
/** Without it the bundler keeps what an index merely mentions: schemas that are built when the worker starts, and an X.509 library (shims/simplewebauthn). */
const PURE = /@atproto\/(common-web|did|jwk|jwk-jose|oauth-[a-z-]+)\/|@atproto-labs|@simplewebauthn|@peculiar|reflect-metadata/
/** noble makes three curves of NIST's, two of which nobody asks for, and with them goes SHA-512. */
const PURE_FUNCTIONS = ['createCurve', 'Field']
export const treeshake = {
  moduleSideEffects: [{ test: PURE, sideEffects: false }],
  manualPureFunctions: PURE_FUNCTIONS,
  // Reading `ZodMap.create` does nothing: without this the bundler keeps whatever is made ready beside what is used.
  propertyReadSideEffects: false as const,
}
export const inject = { Buffer: [at('shims/buffer.ts'), 'Buffer'] as [string, string] }

/** Three bundles: the app's pages, the service worker (one classic script), the room (one module for each of its two runtimes, and what they share). */
export default defineConfig({
  root: at('web'),
  publicDir: at('web/public'),
  resolve: { alias },
  plugins: [oauthWithoutNode, passkeysWithoutAttestation, roomWithoutZod, lazyZod, catalogFiles],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  environments: {
    client: {
      build: {
        outDir: at('dist/public'),
        emptyOutDir: true,
        target: 'es2022',
        modulePreload: { polyfill: false },
        // Not at the root: PartyKit would serve them to any host, and without headers (relay-shim/front-door.ts).
        rolldownOptions: { input: { owner: at('web/pages/owner.html'), operator: at('web/pages/operator.html') } },
      },
    },
    worker: {
      consumer: 'client',
      resolve: { conditions: ['browser', 'module', 'import', 'default'], noExternal: true },
      define: { CATALOG_ADDRESSES: JSON.stringify(catalogAddresses) },
      build: {
        outDir: at('dist/public/_tabpod'),
        emptyOutDir: false,
        copyPublicDir: false,
        target: 'es2022',
        minify: true,
        sourcemap: true,
        rolldownOptions: {
          input: at('sw/sw.ts'),
          transform: { inject },
          treeshake,
          output: { format: 'iife', entryFileNames: 'worker.js', codeSplitting: false },
        },
      },
    },
    room: {
      consumer: 'server',
      resolve: { conditions: ['worker', 'browser', 'module', 'import', 'default'], noExternal: true },
      build: {
        outDir: at('dist/room'),
        emptyOutDir: true,
        copyPublicDir: false,
        target: 'es2022',
        minify: false,
        sourcemap: true,
        rolldownOptions: {
          input: { partykit: at('relay-shim/partykit.ts'), worker: at('relay-shim/worker.ts') },
          // The runtime's own (relay-shim/cloudflare-*.d.ts).
          external: ['cloudflare:sockets', 'cloudflare:workers'],
          transform: { inject },
          treeshake,
          output: { format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
        },
      },
    },
  },
  builder: {
    async buildApp(builder) {
      for (const name of ['client', 'worker', 'room']) {
        const environment = builder.environments[name]
        if (!environment) throw new Error(`no build environment named ${name}`)
        await builder.build(environment)
      }
    },
  },
})
