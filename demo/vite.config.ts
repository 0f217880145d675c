import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Static pages, for any web server: `npm run demo:rp` serves them on this machine. */
export default defineConfig({
  root: at('.'),
  // Wherever they are put.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { outDir: at('../dist/demo'), emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false } },
})
