/** The languages beside English as files of the build: named by what is in them, so that a worker reads the words it was built with, or none. */
import { createHash } from 'node:crypto'
import type { Plugin } from 'vite'
import { CATALOGS } from './catalogs.ts'

const FILES = Object.entries(CATALOGS).map(([tag, catalog]) => {
  const text = JSON.stringify(catalog)
  const digest = createHash('sha256').update(text).digest('base64url').slice(0, 8)
  return { tag, name: `assets/words-${tag}-${digest}.json`, text }
})

/** For the worker. */
export const catalogAddresses: Readonly<Record<string, string>> = Object.fromEntries(FILES.map(({ tag, name }) => [tag, `/${name}`]))

export const catalogFiles: Plugin = {
  name: 'tabpod:catalog-files',
  applyToEnvironment: ({ name }) => name === 'client',
  generateBundle() {
    for (const { name, text } of FILES) this.emitFile({ type: 'asset', fileName: name, source: text })
  },
}
